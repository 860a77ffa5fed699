"""A new session begins with what its servers still hold of an earlier one of the same owner; nobody else's ever."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from ring import HIDDEN, Ring, reference, ring

from meadow.client.session import RemoteSession
from meadow.errors import MeadowError
from meadow.server.prefixes import MOST_OF_OWNER, Allowance, Kept, Prefixes, longest, still_true
from meadow.swarm.identity import Identity
from meadow.swarm.node import SwarmNode
from meadow.wire import messages as m
from meadow.wire.limits import MAX_PREFIXES
from meadow.wire.ops import CacheOp
from meadow.wire.prefix import Chain, frames, named


def some(length: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(1, length, HIDDEN, generator=torch.Generator().manual_seed(seed))


# -- names ------------------------------------------------------------------------------------------------------------


def test_names_do_not_depend_on_how_positions_come_and_differ_with_any_of_them() -> None:
    hidden, chance = some(1000), random.Random(1)
    whole = Chain()
    whole.add(hidden)
    assert [length for length, _ in whole.points] == list(range(64, 1000, 64))
    for _ in range(20):
        pieces, low = Chain(), 0
        while low < 1000:
            high = min(1000, low + chance.randint(1, 300))
            pieces.add(hidden[:, low:high])
            low = high
        assert pieces.points == whole.points
    place = chance.randrange(1000)
    other = hidden.clone()
    other[0, place, 3] += 1e-6 + other[0, place, 3].abs() * 1e-6
    changed = Chain()
    changed.add(other)
    for (length, ours), (_, theirs) in zip(whole.points, changed.points, strict=True):
        assert (ours == theirs) == (length <= place)
    for dtype in (torch.bfloat16, torch.float16):  # the same bytes of another kind are not the same
        kind = Chain()
        kind.add(torch.zeros(1, 64, HIDDEN, dtype=dtype))
        assert kind.points[0][1] not in [digest for _, digest in whole.points]


def test_names_are_bounded_and_end_where_something_else_happens() -> None:
    chain = Chain()
    for _ in range(64):
        chain.add(torch.zeros(1, 1024, 2))
    assert len(chain.points) == MAX_PREFIXES and chain.points[63][0] == 4096 and chain.points[64][0] == 4608
    names = named(chain.points, [])
    assert len(m.encode(m.Open(bytes(16), 1, bytes(32), 0, 4, 1, "float32", prefixes=names))) < 8000
    short = Chain()
    short.add(torch.zeros(1, 200, 2))
    short.end(130)
    short.add(torch.zeros(1, 500, 2))
    assert [length for length, _ in short.points] == [64, 128]


def test_a_name_holds_behind_the_same_servers_only() -> None:
    chain = Chain()
    chain.add(some(300))
    first, behind, other = (named(chain.points, up) for up in ([], [("Qa", "00000001")], [("Qa", "00000002")]))
    assert len({name for names in (first, behind, other) for _, _, name in names}) == 12
    assert [(length, seq) for length, seq, _ in first] == [(64, 1), (128, 1), (192, 1), (256, 1)]
    assert frames(600) == [(0, 256), (256, 512), (512, 600)]


class Holder:
    """A cache as the choice sees it."""

    def __init__(self, length: int, blocks: tuple[int, int] = (0, 4), lends: bool = True) -> None:
        self.length, (self.start, self.end), self._lends = length, blocks, lends

    def lends(self, length: int) -> bool:
        return self._lends and length <= self.length


def kept(number: int, owner: str, cache: Holder, names: dict[bytes, int]) -> Kept:
    return Kept(number, owner, cache, names, used=float(number))  # type: ignore[arg-type]


def test_the_longest_beginning_of_the_same_owner_and_blocks_is_chosen() -> None:
    a, b, c = b"a" * 16, b"b" * 16, b"c" * 16
    offers = [(64, 1, a), (128, 1, b), (320, 2, c)]
    sources = [
        kept(1, "me", Holder(200), {a: 64, b: 128}),
        kept(2, "stranger", Holder(400), {a: 64, b: 128, c: 320}),
        kept(3, "me", Holder(400, (1, 4)), {a: 64, b: 128, c: 320}),
        kept(4, "me", Holder(300), {c: 320}),  # it does not hold as much as it has a name for
        kept(5, "me", Holder(400, lends=False), {c: 320}),
        kept(6, "me", Holder(400), {c: 128}),  # a name for something else
    ]
    found = longest("me", (0, 4), offers, sources)
    assert found is not None and (found.source, found.length, found.seq) == (sources[0], 128, 1)
    assert longest("nobody", (0, 4), offers, sources) is None
    assert longest("me", (0, 4), offers[2:], sources) is None


def test_a_roll_back_ends_the_names_behind_it_and_anything_else_all() -> None:
    names = {b"a": 64, b"b": 128}
    assert still_true(names, {"crop"}, 100) == {b"a": 64}
    assert still_true(names, {"crop", "reorder"}, 200) == {} == still_true(names, {"reset"}, 0)


def test_what_is_kept_is_bounded_for_each_owner() -> None:
    store = Prefixes()
    gone: list[int] = []
    for number in range(1, 12):
        for over in store.add(kept(number, "me", Holder(1), {bytes([number]) * 16: 64})):
            store.remove(over.number)
            gone.append(over.number)
    assert gone == [1, 2, 3] and len(store) == MOST_OF_OWNER
    assert store.add(kept(12, "you", Holder(1), {bytes([9]) * 16: 64})) == []
    assert [one.number for one in store.old(now=304.0)] == [4]


def test_the_same_beginning_is_kept_once_for_each_owner_and_the_newer_one_is_used() -> None:
    a, b = b"a" * 16, b"b" * 16
    store = Prefixes()
    assert store.add(kept(1, "me", Holder(200), {a: 64})) == []
    assert store.add(kept(2, "you", Holder(200), {a: 64})) == []
    longer = kept(3, "me", Holder(200), {a: 64, b: 128})
    assert [one.number for one in store.add(longer)] == [1]
    store.remove(1)
    shorter = kept(4, "me", Holder(100), {a: 64})  # an older one that has more stays
    assert store.add(shorter) == [] and len(store) == 3
    for offers, source in (([(64, 1, a)], shorter), ([(64, 1, a), (128, 1, b)], longer)):
        found = longest("me", (0, 4), offers, store.all())
        assert found is not None and found.source is source


def test_copies_for_one_owner_take_a_tenth_of_the_time_at_most() -> None:
    allowance = Allowance()
    assert allowance.free("me", 100.0)
    allowance.took("me", 0.5, 100.0)
    assert not allowance.free("me", 104.4) and allowance.free("you", 100.0) and allowance.free("me", 104.6)
    copied, now = 0.0, 0.0
    while now < 1000.0:
        if allowance.free("busy", now):
            copied, now = copied + 0.2, now + 0.2
            allowance.took("busy", 0.2, now)
        now += 0.01
    assert 80.0 < copied < 101.0
    for number in range(1000):
        allowance.took(f"peer {number}", 0.01, 2000.0 + number)
    assert len(allowance._next) < 5  # nothing is held of those who may again


# -- over real streams ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def four() -> Iterator[Ring]:
    """Two servers for each half, one with state that cannot be rolled back, and one with little room."""
    torch.set_num_threads(1)
    few = {"recurrent": True}, {"budget": 4 * 1000}
    with ring((0, 2), (2, 4), (0, 2), (2, 4), (0, 2, few[0]), (0, 4, few[1])) as made:
        yield made


def begun(made: Ring, hidden: torch.Tensor, hops: tuple[int, ...] = (0, 1), keep: int = 1, **more) -> RemoteSession:
    route = [made.servers[index].hop() for index in hops]
    return made.session(route, opening=hidden[:, : hidden.shape[1] - keep], **more)


def wait_closed(made: Ring, *hops: int) -> None:
    deadline = time.monotonic() + 20
    while any(made.servers[index].stats()["sessions"] for index in hops):
        assert time.monotonic() < deadline
        time.sleep(0.02)


SPANS = ((0, 2), (2, 4))


def test_a_second_session_sends_only_what_is_new_and_says_the_same(four: Ring) -> None:
    text = some(700, seed=1)
    with begun(four, text) as session:
        first = session.step(text, keep=1)
        more = [session.step(some(1, seed=50 + n)) for n in range(5)]
        sent = session.bytes_sent
    wait_closed(four, 0, 1)
    assert session.reused == 0
    with begun(four, text) as session:  # the same question once more
        assert session.reused == 640
        again = session.step(text, keep=1)
        assert session.length == 700 and session.bytes_sent < sent / 5
        assert torch.equal(again, first)
        for number, wanted in enumerate(more):
            assert torch.equal(session.step(some(1, seed=50 + number)), wanted)
    wait_closed(four, 0, 1)
    other = torch.cat([text[:, :300], some(200, seed=2)], 1)  # another question behind the same beginning
    with begun(four, other) as session, begun(four, other) as beside:
        assert (session.reused, beside.reused) == (256, 256)
        wanted = reference(other, SPANS)[:, -1:]
        assert torch.equal(session.step(other, keep=1), wanted) and torch.equal(beside.step(other, keep=1), wanted)


def test_what_was_generated_is_taken_up_as_well(four: Ring) -> None:
    text = some(100, seed=3)
    tokens = [some(1, seed=300 + n) for n in range(100)]
    with begun(four, text) as session:
        session.step(text, keep=1)
        for token in tokens:
            session.step(token)
    wait_closed(four, 0, 1)
    follow = torch.cat([text, *tokens, some(20, seed=4)], 1)
    with begun(four, follow) as session:
        assert session.reused == 192
        assert torch.equal(session.step(follow, keep=20), reference(follow, SPANS)[:, -20:])


def test_a_session_that_is_still_open_lends_its_beginning(four: Ring) -> None:
    text = some(200, seed=5)
    with begun(four, text) as first:
        first.step(text, keep=1)
        with begun(four, text) as second:
            assert second.reused == 192
            assert torch.equal(second.step(text, keep=1), reference(text, SPANS)[:, -1:])
            wanted = reference(torch.cat([text, some(1, seed=6)], 1), SPANS)[:, -1:]
            assert torch.equal(first.step(some(1, seed=6)), wanted)  # neither disturbs the other
            assert torch.equal(second.step(some(1, seed=6)), wanted)


def test_what_was_rolled_back_is_not_lent_under_its_old_name(four: Ring) -> None:
    text = some(200, seed=7)
    with begun(four, text) as first:
        first.step(text, keep=1)
        first.step(some(150, seed=8), keep=1, ops=(CacheOp.crop(100),))
        with begun(four, text) as second:
            assert second.reused == 64
            assert torch.equal(second.step(text, keep=1), reference(text, SPANS)[:, -1:])
    wait_closed(four, 0, 1)
    with begun(four, text) as third:  # the second one's, kept since
        assert third.reused == 192
        assert torch.equal(third.step(text, keep=1), reference(text, SPANS)[:, -1:])


def test_another_owner_gets_nothing(four: Ring, tmp_path: Path) -> None:
    text = some(200, seed=9)
    with begun(four, text) as mine:
        mine.step(text, keep=1)
        (tmp_path / "o").mkdir()
        stranger = four.loop.run(
            SwarmNode.create(
                identity=Identity.temporary(tmp_path / "o"), run_dir=tmp_path / "o" / "run",
                initial_peers=four.servers[0].addresses[:1], client_only=True,
            )
        )  # fmt: skip
        try:
            theirs = Ring(four.home, four.servers, four.loop, stranger)
            with begun(theirs, text) as session:
                assert session.reused == 0
                assert torch.equal(session.step(text, keep=1), reference(text, SPANS)[:, -1:])
        finally:
            four.loop.run(stranger.close())


def test_a_route_in_which_one_server_holds_less_begins_with_what_all_hold(four: Ring) -> None:
    text, longer = some(200, seed=10), torch.cat([some(200, seed=10), some(300, seed=11)], 1)
    with begun(four, text, (0, 1)) as session:
        session.step(text, keep=1)
    with begun(four, longer, (0, 3)) as session:  # the second server of this route has seen nothing
        assert session.reused == 0
        assert torch.equal(session.step(longer, keep=1), reference(longer, SPANS)[:, -1:])
    wait_closed(four, 0, 1, 3)
    with begun(four, longer, (0, 1)) as session:  # 448 here and 192 there
        assert session.reused == 192
        assert torch.equal(session.step(longer, keep=1), reference(longer, SPANS)[:, -1:])


def test_after_failures_all_is_built_again_from_the_log() -> None:
    """The servers never saw the beginning of this session; their replacements get it from its owner."""
    with ring((0, 2), (2, 4), (0, 2), (2, 4)) as made:
        text = some(600, seed=12)
        with begun(made, text) as session:
            session.step(text, keep=1)
        wait_closed(made, 0, 1)
        said = [text, *(some(1, seed=70 + n) for n in range(9))]
        wanted = reference(torch.cat(said, 1), SPANS)
        with begun(made, text, failover=True) as session:
            assert session.reused == 576
            assert torch.equal(session.step(text, keep=1), wanted[:, 599:600])
            for number, token in enumerate(said[1:], start=1):
                if number in (2, 5):  # the last one first, then the first
                    made.servers[1 if number == 2 else 0].kill()
                assert torch.equal(session.step(token), wanted[:, 599 + number : 600 + number])
            assert [hop.server.peer_id for hop in session.route] == [server.peer_id for server in made.servers[2:]]


def test_what_is_kept_goes_first_when_somebody_needs_room(four: Ring) -> None:
    text = some(400, seed=13)

    def usual(hidden: torch.Tensor, session: RemoteSession) -> None:
        wanted = reference(hidden, [(0, 4)])[:, -1:]
        assert torch.equal(session.step(hidden, keep=1), wanted)

    with begun(four, text, (5,)) as session:
        usual(text, session)
    wait_closed(four, 5)
    assert four.servers[5].stats()["free_tokens"] == 4000  # for whoever wants it
    with begun(four, some(500, seed=14), (5,)) as large:
        usual(some(500, seed=14), large)
        with begun(four, text, (5,)) as session:  # no room for two of it: it is taken over
            assert session.reused == 384
            usual(text, session)
    wait_closed(four, 5)
    with begun(four, some(990, seed=15), (5,)) as large:
        usual(some(990, seed=15), large)
    wait_closed(four, 5)
    with begun(four, text, (5,)) as session:
        assert session.reused == 0
        usual(text, session)


@pytest.mark.parametrize("options", [{"reproducible": True}, {"want_carry": True}, {"rows": 2}])
def test_sessions_that_want_their_own_bits_or_more_rows_begin_from_nothing(four: Ring, options: dict) -> None:
    text = some(200, seed=16)
    with begun(four, text) as session:
        session.step(text, keep=1)
        with begun(four, text, **options) as other:
            assert other.reused == 0


def test_a_recurrent_family_begins_from_nothing(four: Ring) -> None:
    text = some(200, seed=17)
    for _ in range(2):
        with begun(four, text, (4,)) as session:
            assert session.reused == 0
            assert torch.equal(session.step(text, keep=1), reference(text, [(0, 2)])[:, -1:])
        wait_closed(four, 4)


def test_a_first_step_that_is_not_the_opening_is_not_sent(four: Ring) -> None:
    """The servers would keep it under the opening's name."""
    text, other = some(200, seed=19), some(200, seed=20)
    with begun(four, text) as session:
        with pytest.raises(MeadowError, match="another first step"):
            session.step(other, keep=1)
        with pytest.raises(MeadowError, match="another first step"):
            session.step(text, keep=1, positions=torch.arange(1, 201)[None])
        assert torch.equal(session.step(text, keep=1), reference(text, SPANS)[:, -1:])


def test_names_of_steps_that_the_server_has_not_computed_are_not_believed(four: Ring) -> None:
    """A Close that speaks of another step than the last one done keeps nothing."""
    text = some(200, seed=18)
    session = begun(four, text)
    session.step(text, keep=1)
    transport = session._transport
    assert transport is not None and session._chain is not None
    transport._accepted = 7  # the client believes what is not so
    four.loop.call(transport.close, 7, tuple(session._chain.points))
    wait_closed(four, 0, 1)
    with begun(four, text) as again:
        assert again.reused == 0
    session.close()
