"""When something that has died is started again: pure decisions, tested as tables. Times are in seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

STEADY_SECONDS = 120.0
"""Whoever has lived that long died of something new: counting begins again."""
LONGEST_SECONDS = 300.0

# What a person has to change first. Without ``served``: the same try can only end the same way.
_FOR_GOOD = frozenset(
    {"unknown_model", "unsupported_model", "damaged_checkpoint", "model", "gated", "offline", "settings"}
)
# At the first start the wrong choice; later, a device that was there may come back (a driver update, an external GPU).
_FOR_GOOD_AT_FIRST = frozenset({"device"})


def delay_before_restart(failures: int, *, first: float = 0.5, longest: float = LONGEST_SECONDS) -> float:
    """How long to wait after so many failures in a row: ``first``, then twice as long each time, up to ``longest``.

    It never says "give up": a full memory, a missing network or a full disk pass without a word to us.
    """
    if failures < 1:
        return 0.0
    return min(longest, first * 2.0 ** min(failures - 1, 32))


def failures_in_a_row(before: int, lived: float, *, steady: float = STEADY_SECONDS) -> int:
    """How many there are after one more, of something that ``lived`` so long this time."""
    return 1 if lived >= steady else before + 1


def is_for_good(code: str, *, served: bool) -> bool:
    """Whether an error (``code``) would only come again, so that starting again in a loop helps nobody.

    ``served``: it has worked before, with the same settings.
    """
    return code in _FOR_GOOD or (code in _FOR_GOOD_AT_FIRST and not served)


@dataclass(frozen=True, slots=True)
class Clocks:
    """One look at both clocks: ``wall`` can be set and goes on while the machine sleeps, ``steady`` only ever runs."""

    wall: float
    steady: float


def time_lost(before: Clocks, now: Clocks, *, meant: float) -> float:
    """Seconds in which we were not there, between two looks that were ``meant`` to be so far apart; 0.0 or more.

    A sleeping machine shows in the wall clock alone, stopped processes in both, a clock that somebody set back in the
    wall clock going the other way: each time others may have stopped counting on us.
    """
    steady = now.steady - before.steady
    wall = now.wall - before.wall
    return max(0.0, steady - meant, abs(wall - steady))


def with_ports(host_maddrs: Sequence[str], addresses: Sequence[str]) -> list[str]:
    """What to listen on again after ``addresses`` came of listening on ``host_maddrs``.

    A port that was left to the system stays the one it chose, so that others find this node where they know it.
    """
    result, used = [], set[str]()
    for maddr in host_maddrs:
        _, family, host, *rest = maddr.split("/")
        if rest == ["tcp", "0"]:
            known = [address.split("/") for address in addresses]
            ports = [(part[2] != host, part[4]) for part in known if part[1] == family and part[3] == "tcp"]
            for _, port in sorted(ports):
                if port not in used:
                    used.add(port)
                    maddr = f"/{family}/{host}/tcp/{port}"
                    break
        result.append(maddr)
    return result
