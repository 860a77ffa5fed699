"""``meadow`` whose node looks every second or two whether to move, and on which at most two blocks fit."""

from __future__ import annotations

import sys
from typing import Any

from meadow.cli import main
from meadow.node import moving
from meadow.platform import fit
from meadow.swarm import placement

FITS = 2
real_fit, real_look = fit.blocks_that_fit, moving.Moving.look


def two_fit(*arguments: Any, **options: Any) -> int:
    return min(FITS, real_fit(*arguments, **options))


async def look(self: moving.Moving) -> None:
    await real_look(self)
    print("looked", file=sys.stderr, flush=True)


fit.blocks_that_fit = two_fit
moving.Moving.look = look  # type: ignore[method-assign]
moving.TICK_SECONDS, moving.SEEN_SECONDS = 0.3, 1.0
placement.LOOK_SECONDS, placement.SETTLED_SECONDS = 1.5, 1.0

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
