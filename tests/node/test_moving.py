"""When a server goes to other blocks by itself: what it makes of records, and the order of what it says and does."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meadow.errors import MeadowError, SwarmError
from meadow.node import events as e
from meadow.node import moving
from meadow.node.moving import Moving, may_go, outlook
from meadow.node.share import Settled
from meadow.platform.fit import ModelFacts
from meadow.swarm.identity import Identity
from meadow.swarm.placement import Verdict
from meadow.swarm.records import ServerRecord, SignedRecord

BLOCKS = 6
PRINT = bytes(range(32))
SPANS = [(0, 2), (1, 3), (2, 4), (3, 5), (4, 6)]


@pytest.fixture(scope="module")
def peers(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("id")
    return sorted(Identity.temporary(folder / str(n)).peer_id for n in range(3) if (folder / str(n)).mkdir() is None)


def server(peer: str, number: int, start: int, end: int, state: str = "online", **more: Any) -> ServerRecord:
    return ServerRecord(peer, f"{number:08x}", PRINT, start, end, state, throughput=10.0, **more)


def look(servers: list[ServerRecord], own: ServerRecord, settled: float = math.inf) -> Any:
    return outlook(servers, own, BLOCKS, SPANS, settled=settled, rng=random.Random(1))


# What is made of records


def test_it_moves_where_fewer_are_and_stays_where_it_is_needed_or_just_came(peers: list[str]) -> None:
    own, everywhere = server(peers[0], 1, 0, 2), server(peers[1], 2, 0, 6)
    beside = server(peers[2], 3, 0, 2)
    assert look([own, everywhere], own).decision.verdict is Verdict.STAY
    view = look([own, everywhere, beside], own)
    assert view.decision.verdict is Verdict.MOVE and view.decision.place.start >= 2
    assert view.rest.count.tolist() == [2, 2, 1, 1, 1, 1]
    assert look([own, everywhere, beside], own, settled=5.0).decision.verdict is Verdict.STAY
    assert look([own, server(peers[1], 2, 2, 6), server(peers[2], 3, 2, 6)], own).decision.verdict is Verdict.STAY


def test_who_leaves_does_not_count_who_comes_does_and_other_dtypes_never(peers: list[str]) -> None:
    own, everywhere = server(peers[0], 1, 0, 2), server(peers[1], 2, 0, 6)
    for other in (server(peers[2], 3, 0, 2, "draining"), server(peers[2], 3, 0, 2, dtype="bfloat16")):
        assert look([own, everywhere, other], own).decision.verdict is Verdict.STAY
    coming = [server(peers[2], 4, 2, 4, "joining"), server(peers[2], 5, 4, 6, "joining")]
    assert look([own, everywhere, server(peers[2], 3, 0, 2), *coming], own).decision.verdict is Verdict.STAY


def test_nothing_is_decided_before_others_see_where_it_is(peers: list[str]) -> None:
    own, everywhere = server(peers[0], 1, 0, 2), server(peers[1], 2, 0, 6)
    assert look([everywhere], own) is None
    assert look([everywhere, replace(own, state="draining")], own) is None
    assert look([everywhere, replace(own, start=2, end=4)], own) is None


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(1, 6), st.sampled_from(["online", "joining", "draining"])), max_size=5
    ),
    st.integers(0, 5),
    st.integers(1, 6),
)
def test_of_those_who_leave_at_the_same_moment_as_many_stay_as_are_needed(
    peers: list[str], others: list[tuple[int, int, str]], start: int, length: int
) -> None:
    servers = [server(peers[n % 3], n, a, min(BLOCKS, a + b), state) for n, (a, b, state) in enumerate(others)]
    servers.append(server(peers[0], 99, start, min(BLOCKS, start + length), "draining"))
    before = {b for one in servers if one.state != "joining" for b in range(one.start, one.end)}
    leaving = [one for one in servers if one.state == "draining"]
    going = [one for one in leaving if may_go(servers, one, BLOCKS)]
    after = {b for one in servers if one.state != "joining" and one not in going for b in range(one.start, one.end)}
    if before == set(range(BLOCKS)):
        assert after == before, "no block is left alone"


def test_two_that_rely_on_each_other_one_stays(peers: list[str]) -> None:
    a, b = server(peers[0], 1, 0, 6, "draining"), server(peers[1], 2, 0, 6, "draining")
    assert [may_go([a, b], one, BLOCKS) for one in (a, b)] == [True, False]
    coming = replace(b, state="joining")
    assert not may_go([a, coming], a, BLOCKS), "who is still loading serves nobody"
    assert may_go([a, replace(b, state="online", start=1)], a, BLOCKS) is False
    gap = server(peers[0], 1, 0, 2, "draining")
    assert may_go([gap, server(peers[1], 2, 3, 6)], gap, BLOCKS), "the model is not whole anyway"
    assert not may_go([b], a, BLOCKS), "others do not see it"


# The order of things


class Bench:
    """A node around :class:`Moving`, which notes what it is told, and a swarm that is made up."""

    def __init__(self, servers: list[ServerRecord], own: ServerRecord) -> None:
        self.found, self.own, self.told = servers, own, []  # type: ignore[var-annotated]
        self.record: ServerRecord | None = own
        self.peer_id = own.peer_id
        self.servers = {own.server_id: self}
        self.member = self
        facts = ModelFacts("m", BLOCKS, "float32", (1,) * 6, (0,) * 6, (1.0,) * 6, (0.0,) * 6, fingerprint=PRINT)
        plan: Any = None
        self.settled: Settled | None = Settled(own.server_id, facts, plan, lambda start: 2, math.inf)
        self.state = SimpleNamespace()
        self.on_announce = self.on_fetch = lambda: None
        self.moving = Moving(self, self, self, rng=random.Random(1))  # type: ignore[arg-type]

    async def find_servers(self, fingerprint: bytes, num_blocks: int) -> list[SignedRecord]:
        assert (fingerprint, num_blocks) == (PRINT, BLOCKS)
        return [SignedRecord(one, b"") for one in self.found]

    async def announce(self, state: str) -> None:
        self.told.append(state)
        self.found = [replace(one, state=state) if one.server_id == self.own.server_id else one for one in self.found]
        if state == "draining":
            self.on_announce()

    async def fetch(self, span: tuple[int, int]) -> None:
        self.told.append(f"fetch {span}")
        self.on_fetch()

    async def publish(self, name: str, records: tuple[ServerRecord, ...]) -> None:
        (record,) = records
        assert (record.server_id, record.state) == (name, "joining")
        self.told.append((record.start, record.end))
        raise SwarmError("nobody keeps it")

    async def withdraw(self, name: str) -> None:
        self.told.append("withdrawn")

    async def move(self, span: tuple[int, int], name: str) -> None:
        self.told.append(f"move {span}")
        self.servers[name] = self

    def apply(self, event: e.ShareMoves) -> None:
        self.told.append((event.start, event.end, str(event.why)) if event.end else "there")


@pytest.fixture
def bench(peers: list[str], monkeypatch: pytest.MonkeyPatch) -> Bench:
    async def at_once(seconds: float) -> None:
        assert 0 <= seconds < 1000

    monkeypatch.setattr(moving.asyncio, "sleep", at_once)
    own = server(peers[0], 1, 0, 2)
    return Bench([own, server(peers[1], 2, 0, 6), server(peers[2], 3, 0, 2)], own)


async def test_it_says_so_waits_and_goes(bench: Bench) -> None:
    await bench.moving.look()
    first, fetched, draining, span, move, *rest = bench.told
    assert first == (*span, "fewest") and fetched == f"fetch {span}" and draining == "draining"
    assert move == f"move {span}"
    assert rest == ["online", "there"], "of no effect: it has left"


async def test_it_stays_when_the_others_leave_at_that_moment(peers: list[str], bench: Bench) -> None:
    def others_leave() -> None:
        bench.found = [one for one in bench.found if one.peer_id == bench.own.peer_id] + [server(peers[1], 9, 2, 6)]

    bench.on_announce = others_leave
    await bench.moving.look()
    assert not any(str(one).startswith("move ") for one in bench.told)
    assert bench.told[-3:] == ["withdrawn", "online", "there"]


async def test_it_stays_when_the_blocks_cannot_be_fetched_or_others_were_faster(peers: list[str], bench: Bench) -> None:
    def fails() -> None:
        raise MeadowError("The hub is down.", code="download")

    bench.on_fetch = fails
    with pytest.raises(MeadowError):
        await bench.moving.look()
    assert len(bench.told) == 3 and bench.told[-1] == "there"
    bench.told.clear()
    bench.on_fetch = lambda: bench.found.extend(server(peers[1], 40 + at, at, at + 2, "joining") for at in (2, 4))
    await bench.moving.look()
    assert len(bench.told) == 3 and bench.told[-1] == "there"


async def test_the_person_comes_first(bench: Bench) -> None:
    bench.on_announce = lambda: setattr(bench, "settled", None)
    await bench.moving.look()
    assert bench.told[-3:] == ["withdrawn", "online", "there"] and "move" not in str(bench.told)
    bench.told.clear()
    await bench.moving.look()
    assert bench.told == []
