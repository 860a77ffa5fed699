"""The chat engine: a spawned child of the node that holds the client parts of models and generates text.

Start reading at ``request``: what can be asked of it and what comes back, plain data that the node reads without torch;
``messages`` is how node and engine say it to each other. ``process`` is the child's main loop, ``engine`` one request
from beginning to end, ``generation`` its token loop, ``sessions`` what stays open between the turns of a chat.
``conversation`` is the same within one program, for ``meadow chat``, which sees it as ``turn`` says. May import client
and everything below it; node and cli import it.
"""
