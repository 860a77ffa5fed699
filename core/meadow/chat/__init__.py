"""The chat engine: a spawned child of the node that holds the client parts of models and generates text.

Start reading at ``request``: what can be asked of it and what comes back, plain data that the node reads without torch.
``process`` is the child's main loop. May import client and everything below it; node and cli import it.
"""
