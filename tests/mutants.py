"""Bytes that were nearly right: what the fuzz tests feed to whoever reads the bytes of others."""

from __future__ import annotations

import random
from collections.abc import Sequence


def mutant(chance: random.Random, good: bytes, odd: Sequence[bytes]) -> bytes:
    """``good`` with one to four changes: a bit turned, something of ``odd`` in it, a piece gone or repeated."""
    data = bytearray(good)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data) + 1)
        kind = chance.randrange(5)
        if kind == 0 and data:
            data[at % len(data)] ^= 1 << chance.randrange(8)
        elif kind == 1:
            data[at:at] = chance.choice(odd)
        elif kind == 2:
            data[at : at + chance.randint(1, 12)] = chance.choice(odd)
        elif kind == 3:
            del data[at : at + chance.randint(1, 40)]
        else:
            data[at:at] = bytes(data[at : at + chance.randint(1, 40)]) * chance.randint(1, 3)
    return bytes(data)
