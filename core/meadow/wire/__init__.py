"""What travels between client and server: bytes in, dataclasses out, and back.

Start reading at ``messages`` (every message of the protocol), then ``body`` (how hidden states, masks and positions are
packed into a step). ``limits`` bounds all that a stranger may send. Pure: no asyncio, no network, torch only where
tensors become bytes. May import ``errors`` alone; swarm, client and server import it.
"""
