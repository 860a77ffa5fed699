"""The way to the node: HTTP calls, event streams, the mirror of its state, and finding or starting it.

``api`` asks (``Api``, ``Call``, ``Failure``), ``stream`` listens (``EventStream`` over the parser in ``sse``),
``mirror`` holds the last state that the node told, ``command`` runs ``meadow node``, and ``node`` (``NodeLink``) keeps
all of it connected. View-models get one ``NodeLink`` and need nothing else. Start reading at ``node``. Imports Qt and
the standard library only, and nothing of the rest of the app.
"""
