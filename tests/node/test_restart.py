"""When something is started again: tables of the pure decisions."""

from __future__ import annotations

import pytest

from meadow.node.restart import (
    LONGEST_SECONDS,
    STEADY_SECONDS,
    Clocks,
    delay_before_restart,
    failures_in_a_row,
    is_for_good,
    time_lost,
    with_ports,
)


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(0, 0.0), (1, 0.5), (2, 1.0), (3, 2.0), (10, 256.0), (11, LONGEST_SECONDS), (10_000, LONGEST_SECONDS)],
)
def test_each_delay_is_twice_the_last_up_to_minutes_and_never_for_ever(failures: int, seconds: float) -> None:
    assert delay_before_restart(failures) == seconds


@pytest.mark.parametrize(
    ("before", "lived", "now"),
    [(0, 0.0, 1), (3, 10.0, 4), (3, STEADY_SECONDS - 1, 4), (3, STEADY_SECONDS, 1), (0, 1e6, 1)],
)
def test_a_long_life_is_forgiven(before: int, lived: float, now: int) -> None:
    assert failures_in_a_row(before, lived) == now


@pytest.mark.parametrize(
    ("code", "served", "for_good"),
    [
        ("unknown_model", False, True),
        ("unknown_model", True, True),
        ("unsupported_model", False, True),
        ("damaged_checkpoint", True, True),
        ("gated", False, True),
        ("device", False, True),
        ("device", True, False),
        ("memory", False, False),
        ("server_died", True, False),
        ("engine_died", True, False),
        ("download", False, False),
        ("disk_full", False, False),
        ("internal", False, False),
        ("something_new", False, False),
    ],
)
def test_only_what_a_person_must_change_is_not_tried_again(code: str, served: bool, for_good: bool) -> None:
    assert is_for_good(code, served=served) is for_good


@pytest.mark.parametrize(
    ("wall", "steady", "lost"),
    [
        (5.0, 5.0, 0.0),  # nothing happened
        (5.5, 5.5, 0.5),  # a busy machine
        (3605.0, 5.0, 3600.0),  # the machine slept: the steady clock stood still
        (125.0, 125.0, 120.0),  # the process was stopped
        (-3595.0, 5.0, 3600.0),  # somebody set the clock back
        (1.0, 1.0, 0.0),  # woken early
    ],
)
def test_time_lost(wall: float, steady: float, lost: float) -> None:
    assert time_lost(Clocks(1000.0, 50.0), Clocks(1000.0 + wall, 50.0 + steady), meant=5.0) == pytest.approx(lost)


@pytest.mark.parametrize(
    ("host_maddrs", "addresses", "again"),
    [
        (["/ip4/127.0.0.1/tcp/0"], ["/ip4/127.0.0.1/tcp/4711/p2p/X"], ["/ip4/127.0.0.1/tcp/4711"]),
        (["/ip4/127.0.0.1/tcp/9"], ["/ip4/127.0.0.1/tcp/9/p2p/X"], ["/ip4/127.0.0.1/tcp/9"]),
        # All interfaces: the port is the same on each.
        (
            ["/ip4/0.0.0.0/tcp/0"],
            ["/ip4/127.0.0.1/tcp/5/p2p/X", "/ip4/10.0.0.2/tcp/5/p2p/X"],
            ["/ip4/0.0.0.0/tcp/5"],
        ),
        # Each family its own; what is listened on by name comes before any other of its family.
        (
            ["/ip6/::1/tcp/0", "/ip4/127.0.0.1/tcp/0"],
            ["/ip4/10.0.0.2/tcp/8/p2p/X", "/ip4/127.0.0.1/tcp/6/p2p/X", "/ip6/::1/tcp/7/p2p/X"],
            ["/ip6/::1/tcp/7", "/ip4/127.0.0.1/tcp/6"],
        ),
        # Two of one family never get one port between them.
        (
            ["/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/tcp/0"],
            ["/ip4/127.0.0.1/tcp/5/p2p/X", "/ip4/127.0.0.1/tcp/6/p2p/X"],
            ["/ip4/127.0.0.1/tcp/5", "/ip4/127.0.0.1/tcp/6"],
        ),
        (["/ip4/127.0.0.1/tcp/0"], [], ["/ip4/127.0.0.1/tcp/0"]),
    ],
)
def test_a_node_comes_back_on_the_ports_it_had(host_maddrs: list[str], addresses: list[str], again: list[str]) -> None:
    assert with_ports(host_maddrs, addresses) == again
