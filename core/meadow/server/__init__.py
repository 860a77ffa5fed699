"""The answering side: consecutive blocks of a model, loaded in one process, and the sessions of those who use them.

Start reading at ``process`` (from a spec to a server that answers) and ``span`` (how blocks run outside their model).
``cache`` is the memory of one session, ``isolate`` what some families hide elsewhere, ``measure`` what all that costs;
``handler``, ``engine`` and ``live`` lie between a stream and the span. May import ``models``, ``swarm``, ``wire`` and
``errors``, never ``client``; node and cli start it as a process.
"""
