"""The GPU runtime: a CUDA build of PyTorch for server processes, where this installation's own was built without.

An installer of Meadow carries PyTorch for the processor only: the CUDA libraries are gigabytes that most machines have
no use for. On the first share with an NVIDIA GPU the node builds a folder beside, ``CACHE/gpu-runtime/KEY/site``, that
server processes, and they alone, get in front of their import path. Start reading in ``keeper`` (the node's side) and
``builder`` (the process that does the work). One idea a file: ``lock`` (which wheels, pinned by hash), ``need`` (when),
``place`` (the folders), ``index`` and ``fetch`` (getting the wheels), ``unpack`` and ``check`` (making a folder of
them that works).
"""
