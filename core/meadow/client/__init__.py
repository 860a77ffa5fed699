"""The asking side: a stock transformers model whose blocks are computed by the servers of a swarm.

Start reading at ``auto`` (the door for programs) and ``blocks`` (what stands where the blocks were). ``opener`` and
``session`` find a route and keep a session over it, ``transport`` moves its bytes; ``swarm`` and ``loop`` keep the
network on a thread of its own, so that everything a caller sees blocks. ``remote_sequential`` is the door for those who
want the blocks alone. May import ``models``, ``swarm``, ``wire``, ``platform`` and ``errors``; node and cli import it.
"""
