"""Routing is a pure function, so its promises are a table."""

from __future__ import annotations

import pytest

from meadow.errors import BlocksMissing
from meadow.swarm.identity import peer_id_from_key
from meadow.swarm.records import ServerRecord, SignedRecord
from meadow.swarm.routing import find_route, uncovered


def server(number: int, start: int, end: int, **facts: object) -> SignedRecord:
    peer_id = peer_id_from_key(bytes([number]) * 32)
    fields = {"state": "online", "throughput": 100.0, **facts}
    return SignedRecord(ServerRecord(peer_id, f"{number:08x}", b"f" * 32, start, end, **fields), b"signed")  # type: ignore[arg-type]


def spans(route: list) -> list[tuple[int, int, int]]:
    return [(int(hop.server.server_id, 16), hop.start, hop.end) for hop in route]


def test_two_halves_make_a_whole() -> None:
    assert spans(find_route([server(2, 4, 8), server(1, 0, 4)], 0, 8)) == [(1, 0, 4), (2, 4, 8)]


def test_fewer_hops_win_when_speed_is_equal() -> None:
    halves = [server(1, 0, 4, throughput=200.0), server(2, 4, 8, throughput=200.0)]
    assert spans(find_route([*halves, server(3, 0, 8, throughput=100.0)], 0, 8)) == [(3, 0, 8)]


def test_a_much_faster_pair_wins_over_one_slow_server() -> None:
    halves = [server(1, 0, 4, throughput=1000.0), server(2, 4, 8, throughput=1000.0)]
    assert spans(find_route([*halves, server(3, 0, 8, throughput=2.0)], 0, 8)) == [(1, 0, 4), (2, 4, 8)]


def test_overlapping_spans_are_cut_where_one_server_ends() -> None:
    assert spans(find_route([server(1, 0, 6, throughput=500.0), server(2, 3, 8, throughput=50.0)], 0, 8)) == [
        (1, 0, 6),
        (2, 6, 8),
    ]


def test_a_slice_in_the_middle_uses_parts_of_spans() -> None:
    assert spans(find_route([server(1, 0, 4), server(2, 4, 8)], 2, 6)) == [(1, 2, 4), (2, 4, 6)]


def test_the_same_records_give_the_same_route_in_any_order() -> None:
    records = [server(number, 0, 8) for number in range(1, 6)]
    assert spans(find_route(records, 0, 8)) == spans(find_route(records[::-1], 0, 8))


@pytest.mark.parametrize("facts", [{"state": "draining"}, {"state": "joining"}, {"dtype": "bfloat16"}])
def test_unfit_servers_are_left_out(facts: dict) -> None:
    with pytest.raises(BlocksMissing) as caught:
        find_route([server(1, 0, 4), server(2, 4, 8, **facts)], 0, 8, dtype="float32")
    assert caught.value.missing == ((4, 8),)
    assert "4:8" in str(caught.value) and "meadow serve" in str(caught.value)


def test_avoided_servers_are_left_out() -> None:
    bad = server(1, 0, 8)
    good = server(2, 0, 8, throughput=1.0)
    route = find_route([bad, good], 0, 8, avoid={(bad.server.peer_id, bad.server.server_id)})
    assert spans(route) == [(2, 0, 8)]


def test_indivisible_blocks_are_never_cut() -> None:
    overlap = [server(1, 0, 5), server(2, 3, 8)]
    assert spans(find_route(overlap, 0, 8, indivisible=[(3, 6)])) == [(1, 0, 3), (2, 3, 8)]
    with pytest.raises(BlocksMissing, match="pieces"):
        find_route([server(1, 0, 5), server(2, 5, 8)], 0, 8, indivisible=[(3, 6)])


def test_every_gap_is_named() -> None:
    records = [server(1, 1, 2), server(2, 4, 6)]
    assert uncovered(records, 0, 8) == [(0, 1), (2, 4), (6, 8)]
    with pytest.raises(BlocksMissing) as caught:
        find_route(records, 0, 8)
    assert caught.value.missing == ((0, 1), (2, 4), (6, 8))


def test_another_dtype_is_pointed_out() -> None:
    halves = [server(1, 0, 4, dtype="bfloat16"), server(2, 4, 8, dtype="bfloat16")]
    with pytest.raises(BlocksMissing, match="--dtype bfloat16"):
        find_route(halves, 0, 8, dtype="float32")
    with pytest.raises(BlocksMissing, match="4:8"):  # half of it is no help
        find_route(halves[:1], 4, 8, dtype="float32")


def test_nobody_at_all() -> None:
    with pytest.raises(BlocksMissing) as caught:
        find_route([], 0, 8)
    assert caught.value.missing == ((0, 8),)
