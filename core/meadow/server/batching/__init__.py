"""Steps of several sessions in one pass, where that gives what each gives alone.

May import `meadow.server.span`, `cache` and what they import; nothing of streams or sessions. Start at `batcher.py`:
it knows which way of batching the self-test (`selftest.py`) accepted for the loaded span and runs it. The ways are
`packed.py` (all positions of all sessions in one row) and `lockstep.py` (each session runs its own code, and modules
that treat rows alike run once for all).
"""
