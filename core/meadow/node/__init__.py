"""One person's node: the processes that it runs, and the conversation that it holds.

Start reading at ``supervisor``: one member of a swarm and the server processes below it, each seen through a ``child``.
``conversation`` turns text into tokens and back over a distributed model; ``names`` gives peers friendly names. Nothing
here computes blocks. May import client, server and everything below them; only ``cli`` imports it.
"""
