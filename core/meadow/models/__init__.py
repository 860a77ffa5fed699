"""Models in parts: a checkpoint on this machine or on a hub -> the client part, or the blocks ``[start, end)``.

Start reading at :mod:`meadow.models.checkpoint`: ``open_checkpoint`` gives a ``Checkpoint``, which knows every tensor
of a model and the bytes it occupies, fetches only the bytes that are asked for, and reads them through one counted
reader. Below it, one idea a file: ``safetensors_header`` (what a weight file says it holds), ``reader`` (bytes ->
tensors without copying), ``config`` (a config.json that transformers may see), ``fingerprint`` and ``manifest``
(which weights these are, and whether the bytes are the right ones), ``ranges``, ``store``, ``hub``, ``download`` and
``hub_copy`` (a partial copy of a hub's model that survives drops and kills). Above it: ``layout`` and ``parts``
(which tensors a span owns, and the modules themselves).

May import: ``meadow.errors``, ``meadow.privatefile`` and nothing else of Meadow. Used by ``client`` and ``server``.
"""
