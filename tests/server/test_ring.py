"""Sessions over two real server processes and real p2pd daemons: what they answer, and what they refuse."""

from __future__ import annotations

import asyncio
import os
import random
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import pytest
import torch
from ring import FINGERPRINT, HIDDEN, Ring, reference, ring

from meadow.errors import BlocksMissing, MeadowError, ProtocolError, Refused
from meadow.swarm.channel import Channel, StreamClosed, make_hello, protocol_name
from meadow.swarm.records import ServerRecord
from meadow.swarm.routing import Hop
from meadow.wire import messages as m
from meadow.wire.body import pack_step, read_result
from meadow.wire.ops import CacheOp

T = TypeVar("T")


@pytest.fixture(scope="module")
def two() -> Iterator[Ring]:
    torch.set_num_threads(1)
    with ring((0, 2), (2, 5)) as made:
        yield made


@pytest.fixture(autouse=True)
def nothing_leaks(two: Ring) -> Iterator[None]:
    """After every test the servers hold no session and no cache."""
    yield
    for session in two.sessions:
        session.close()
    two.sessions.clear()
    for server in two.servers:
        for _ in range(100):
            stats = server.stats()
            held = stats["sessions"] or stats["queued"] or stats["waiting"]
            if not held and stats["free_tokens"] == stats["total_tokens"]:
                break
            threading.Event().wait(0.05)
        assert (stats["sessions"], stats["queued"], stats["waiting"]) == (0, 0, 0)
        assert stats["free_tokens"] == stats["total_tokens"]


def some(length: int, rows: int = 1, seed: int = 0) -> torch.Tensor:
    return torch.randn(rows, length, HIDDEN, generator=torch.Generator().manual_seed(seed))


def test_token_by_token_equals_all_at_once(two: Ring) -> None:
    hidden = some(30)
    with two.session() as session:
        parts = [session.step(hidden[:, :10])] + [session.step(hidden[:, i : i + 1]) for i in range(10, 30)]
        assert session.length == 30
        assert [(hop.start, hop.end) for hop in session.route] == [(0, 2), (2, 5)]
    assert torch.equal(torch.cat(parts, 1), reference(hidden, two.spans))


@pytest.mark.parametrize("keep", [0, 1, 300, 1000])
def test_a_long_step_travels_in_chunks_and_returns_what_was_asked_for(two: Ring, keep: int) -> None:
    hidden = some(1001)
    before = two.servers[0].stats()["steps"]
    with two.session() as session:
        first = session.step(hidden[:, :1000], keep=keep)
        then = session.step(hidden[:, 1000:])
    wanted = reference(hidden, two.spans)
    assert torch.equal(first, wanted[:, 1000 - keep : 1000])
    assert torch.equal(then, wanted[:, 1000:])
    assert two.servers[0].stats()["steps"] - before == 5


def test_a_reproducible_session_sends_steps_whole(two: Ring) -> None:
    hidden = some(700)
    before = two.servers[1].stats()["steps"]
    with two.session(reproducible=True) as session:
        assert torch.equal(session.step(hidden), reference(hidden, two.spans))
    assert two.servers[1].stats()["steps"] - before == 1


def test_cache_operations_travel_with_the_next_step(two: Ring) -> None:
    a, b, c, d = some(6, 2, 1), some(2, 2, 2), some(1, 4, 3), some(1, 2, 4)
    with two.session(rows=2) as session:
        session.step(a)
        got = session.step(b, ops=[CacheOp.record_past(), CacheOp.crop(2)])
        past = torch.cat([a[:, :4], b], 1)
        assert torch.equal(got, reference(past, two.spans)[:, 4:])
        got = session.step(c, ops=[CacheOp.reorder([1, 0]), CacheOp.repeat(2)])
        past = torch.cat([past[[1, 1, 0, 0]], c], 1)
        assert torch.equal(got, reference(past, two.spans)[:, 6:])
        got = session.step(d, ops=[CacheOp.select([3, 0])])
        past = torch.cat([past[[3, 0]], d], 1)
        assert torch.equal(got, reference(past, two.spans)[:, 7:])
        assert (session.rows, session.length) == (2, 8)
        got = session.step(a, ops=[CacheOp.reset()])
        assert torch.equal(got, reference(a, two.spans))


def test_extra_arguments_reach_their_blocks_and_no_others(two: Ring) -> None:
    hidden, shift = some(4), some(4, seed=9)
    with two.session() as plain, two.session() as first, two.session() as last:
        assert torch.equal(plain.step(hidden), first.step(hidden, extras={4: {"other": shift}}))
        changed = last.step(hidden, extras={4: {"shift": shift}})
    want = reference(hidden, [(0, 2), (2, 4)])
    want = torch.tanh(want + shift + 0.1 * reference(hidden, [(0, 2)]).double().cumsum(1).float() + 0.04)
    assert changed.shape == want.shape
    assert not torch.equal(changed, reference(hidden, two.spans))


def test_the_carry_goes_from_server_to_server_and_back(two: Ring) -> None:
    with two.session(want_carry=True) as session:
        session.step(some(2))
        assert session.carry[0] is not None and session.carry[0].tolist() == [1]
        session.step(some(1), carry=(torch.tensor([5]),))
        assert session.carry[0] is not None and session.carry[0].tolist() == [7]
    with two.session() as session:
        session.step(some(2))
        assert session.carry == ()


def test_a_session_may_use_a_part_of_a_span(two: Ring) -> None:
    hops = [two.servers[0].hop(1, 2), two.servers[1].hop(2, 4)]
    with two.session(hops) as session:
        assert torch.equal(session.step(some(5)), reference(some(5), [(1, 2), (2, 4)]))
    with two.session(hops[1:]) as session:
        assert torch.equal(session.step(some(5)), reference(some(5), [(2, 4)]))


def test_clients_at_the_same_time_do_not_see_each_other(two: Ring) -> None:
    failures: list[BaseException] = []

    def chat(seed: int) -> None:
        try:
            hidden = some(40, seed=seed)
            with two.session() as session:
                parts = [session.step(hidden[:, :300])] if seed == 0 else [session.step(hidden[:, :1])]
                done = parts[0].shape[1]
                parts += [session.step(hidden[:, i : i + 1]) for i in range(done, 40)]
            assert torch.equal(torch.cat(parts, 1), reference(hidden, two.spans))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=chat, args=(seed,)) for seed in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []


@pytest.mark.parametrize(
    ("spoil", "code", "blocks"),
    [
        (lambda h: h.fill_(float("nan")), "not_finite", (0, 2)),
        (lambda h: h.fill_(14.0), "not_finite", (0, 2)),  # the span answers with infinities
        (lambda h: h.fill_(13.0), "internal", (0, 2)),  # the span raises
        (lambda h: h[:, :, :7], "bad_step", (0, 2)),
    ],
)
def test_a_bad_step_costs_its_own_session_only(
    two: Ring, spoil: Callable[[torch.Tensor], torch.Tensor], code: str, blocks: tuple[int, int]
) -> None:
    hidden = some(6)
    with two.session() as honest, two.session() as other:
        parts = [honest.step(hidden[:, :3])]
        with pytest.raises(Refused) as caught:
            other.step(spoil(some(2)))
        assert (caught.value.code, caught.value.blocks) == (code, blocks)
        assert caught.value.peer_id == two.servers[0].peer_id
        with pytest.raises(Refused):
            other.step(some(1))  # over is over
        parts.append(honest.step(hidden[:, 3:]))
        assert torch.equal(torch.cat(parts, 1), reference(hidden, two.spans))


def test_what_cannot_be_sent_is_refused_here_and_the_session_goes_on(two: Ring) -> None:
    with two.session() as session:
        session.step(some(3))
        for wrong in (
            lambda: session.step(some(1, rows=2)),
            lambda: session.step(some(2), keep=3),
            lambda: session.step(some(1), ops=[CacheOp.crop(4)]),
            lambda: session.step(some(1), ops=[CacheOp.reorder([7])]),
        ):
            with pytest.raises(MeadowError):
                wrong()
        assert torch.equal(session.step(some(4)[:, 3:]), reference(some(4), two.spans)[:, 3:])
    with pytest.raises(MeadowError, match="closed"):
        session.step(some(1))


@pytest.mark.parametrize(
    ("options", "code"),
    [({"fingerprint": bytes(32)}, "wrong_model"), ({"dtype": torch.bfloat16}, "wrong_model")],
)
def test_other_weights_never_mix(two: Ring, options: dict[str, Any], code: str) -> None:
    with pytest.raises(Refused) as caught:
        two.session(**options)
    assert caught.value.code == code


def test_blocks_that_a_server_does_not_have_are_refused(two: Ring) -> None:
    with pytest.raises(Refused) as caught:
        two.session([two.servers[0].hop(0, 3)])
    assert caught.value.code == "wrong_blocks"


def test_a_refusing_server_is_avoided_and_the_reason_kept(two: Ring) -> None:
    from meadow.client.session import RemoteSession

    good, bad = [server.hop() for server in two.servers], [two.servers[0].hop(0, 3)]
    asked: list[frozenset[tuple[str, str]]] = []

    async def find_route(avoid: Any) -> list[Hop]:
        asked.append(avoid)
        return good if avoid else bad

    common: dict[str, Any] = {"fingerprint": FINGERPRINT, "dtype": torch.float32}
    with RemoteSession(two.loop, two.node, find_route, **common) as session:
        assert torch.equal(session.step(some(2)), reference(some(2), two.spans))
    assert asked == [frozenset(), frozenset({(two.servers[0].peer_id, bad[0].server.server_id)})]

    async def nobody_else(avoid: Any) -> list[Hop]:
        if avoid:
            raise BlocksMissing("nobody serves blocks 0:3", [(0, 3)])
        return bad

    with pytest.raises(Refused) as caught:
        RemoteSession(two.loop, two.node, nobody_else, **common)
    assert caught.value.code == "wrong_blocks"


def test_broken_streams_are_taken_up_again_without_a_trace(two: Ring) -> None:
    """Rule 8 and 10: sessions outlive streams, between client and server and between two servers."""
    hidden = some(40)
    with two.session() as session:
        parts = []
        for i in range(0, 40, 4):
            if i in (8, 20):
                two.servers[0].ask("cut")
            if i in (12, 20, 28):
                two.servers[1].ask("cut")
            parts.append(session.step(hidden[:, i : i + 4]))
        assert torch.equal(torch.cat(parts, 1), reference(hidden, two.spans))


# -- frames by hand ---------------------------------------------------------------------------------------------------


class Raw:
    """A client that sends what it likes to one server."""

    def __init__(self, two: Ring, channel: Channel) -> None:
        self.two, self.channel = two, channel
        self.session = os.urandom(16)

    async def open(self, epoch: int = 1, **more: Any) -> m.Message:
        self.channel.send(m.Open(self.session, epoch, FINGERPRINT, 2, 5, 1, "float32", **more))
        return await self.channel.receive(timeout=5)

    def step(self, seq: int, hidden: torch.Tensor, position: int, *, epoch: int = 1, acked: int | None = None) -> None:
        step = m.Step(epoch, seq, position, hidden.shape[1], (), acked=seq - 1 if acked is None else acked)
        self.channel.send_frame(pack_step(step, hidden, [[]]))

    async def answer(self, timeout: float = 5) -> m.Message:
        return await self.channel.receive(timeout=timeout)


def flood() -> bytes:
    """Eleven steps that arrive together, so that none can be computed before the fifth is read."""
    return b"".join(pack_step(m.Step(1, seq, seq - 1, 1, ()), some(1), [[]]) for seq in range(1, 12))


async def forget(two: Ring, server: ServerRecord, session: bytes) -> None:
    """End a session by hand whatever state it is in: its owner comes back with a newer route and closes it."""
    reader, writer = await two.node.open_stream(server.peer_id, server.addresses, protocol_name(server.server_id))
    channel = Channel(server.peer_id, reader, writer)
    hello = make_hello()
    channel.send(hello, m.Open(session, 0xFFFF, FINGERPRINT, 2, 5, 1, "float32"), m.Close(0xFFFF))
    with pytest.raises(StreamClosed):
        while True:
            await channel.receive(timeout=5)
    channel.close()


def raw(two: Ring, act: Callable[[Raw], Awaitable[T]], *, greet: bool = True) -> T:
    """Run ``act`` with a fresh stream to the last server."""
    server = two.servers[1].hop().server

    async def run() -> T:
        reader, writer = await two.node.open_stream(server.peer_id, server.addresses, protocol_name(server.server_id))
        client = Raw(two, Channel(server.peer_id, reader, writer))
        try:
            if greet:
                hello = make_hello()
                client.channel.send(hello)
                theirs = await client.channel.greet(hello, timeout=5)
                assert theirs.echo == hello.nonce and theirs.numeric_class == "fake" and theirs.clock > 1e9
            return await act(client)
        finally:
            client.channel.close()
            await forget(two, server, client.session)

    return two.loop.run(run(), timeout=60)


def test_a_repeat_is_answered_and_never_applied_twice(two: Ring) -> None:
    hidden = some(3)
    want = reference(hidden, [(2, 5)])
    before = two.servers[1].stats()["steps"]

    async def act(client: Raw) -> list[m.Message]:
        await client.open()
        answers = []
        for seq, position in [(1, 0), (1, 0), (1, 2), (2, 1), (1, 0), (2, 1), (3, 2)]:
            client.step(seq, hidden[:, seq - 1 : seq], position)
            answers.append(await client.answer())
        return answers

    answers = raw(two, act)
    assert [answer.seq for answer in answers if isinstance(answer, m.Result)] == [1, 1, 1, 2, 1, 2, 3]
    for answer in answers:
        assert isinstance(answer, m.Result)
        assert torch.equal(read_result(answer)[0], want[:, answer.seq - 1 : answer.seq])
    assert two.servers[1].stats()["steps"] - before == 3


def test_an_owner_that_comes_back_hears_again_that_the_server_leaves(two: Ring) -> None:
    async def act(client: Raw) -> list[m.Message]:
        await client.open()
        await asyncio.to_thread(two.servers[1].ask, "drain")
        heard = [await client.answer()]
        server = two.servers[1].hop().server
        protocol = protocol_name(server.server_id)
        reader, writer = await two.node.open_stream(server.peer_id, server.addresses, protocol)
        again = Raw(two, Channel(server.peer_id, reader, writer))
        again.session = client.session
        hello = make_hello()
        again.channel.send(hello)
        await again.channel.greet(hello, timeout=5)
        heard += [await again.open(), await again.answer()]
        again.channel.close()
        return heard

    try:
        first, opened, second = raw(two, act)
    finally:
        two.servers[1].ask("stay")
    assert isinstance(opened, m.Opened) and isinstance(first, m.Draining) and isinstance(second, m.Draining)
    assert 0 <= second.seconds <= first.seconds == 5.0


def test_a_gap_is_refused_and_the_session_goes_on(two: Ring) -> None:
    async def act(client: Raw) -> list[m.Message]:
        await client.open()
        client.step(2, some(1), 0)
        answers = [await client.answer()]
        client.step(1, some(1), 0)
        return [*answers, await client.answer()]

    gap, result = raw(two, act)
    assert gap == m.Problem("gap", (0,), final=False)
    assert isinstance(result, m.Result) and result.seq == 1


def test_a_frame_of_an_old_route_is_dropped_without_a_word(two: Ring) -> None:
    async def act(client: Raw) -> list[m.Message]:
        await client.open(epoch=5)
        client.step(1, some(1), 0, epoch=4)
        client.channel.send(m.Probe(5))
        answers = [await client.answer()]
        client.step(1, some(1), 0, epoch=5)
        return [*answers, await client.answer(), await client.open(epoch=4)]

    status, result, refused = raw(two, act)
    assert status == m.Status(5, 0, "idle", 0.0, 1)
    assert isinstance(result, m.Result) and result.epoch == 5
    assert refused == m.Problem("stale_epoch")


@pytest.mark.parametrize(
    ("break_it", "code"),
    [
        (lambda c: c.step(1, some(1), 7), "position"),
        (lambda c: c.channel.send_frame(flood()), "window"),
        (lambda c: c.channel.send(m.Credit(1, 1)), "protocol"),
        (lambda c: c.channel.send_frame(b"\0\0\0\5\xff\xff\xff\xff\xff"), "protocol"),
    ],
)
def test_breaking_the_rules_ends_the_session(two: Ring, break_it: Callable[[Raw], object], code: str) -> None:
    async def act(client: Raw) -> m.Message:
        await client.open()
        break_it(client)
        while True:
            answer = await client.answer()
            if isinstance(answer, m.Problem):
                # A malformed message ends the stream; the session would be kept for its owner to come back.
                return answer

    assert raw(two, act) == m.Problem(code)


def test_a_step_that_does_not_fit_is_refused_and_the_session_waits_for_another_route(two: Ring) -> None:
    hidden = some(3)

    async def act(client: Raw) -> list[m.Message]:
        await client.open()
        client.step(1, hidden[:, :1], 0)
        said = [await client.answer()]
        client.channel.send_frame(m.encode(m.Step(1, 2, 1, 1, (4, 0, 0)), [b"\xff\xff\xff\xff"]))
        client.step(3, hidden[:, 1:2], 2)  # behind one that was refused
        said.append(await client.answer())
        await client.open(epoch=2, answered=1)
        client.step(2, hidden[:, 1:2], 1, epoch=2)
        said.append(await client.answer())
        return said

    first, refused, again = raw(two, act)
    assert refused == m.Problem("bad_step", final=False)
    assert isinstance(first, m.Result) and isinstance(again, m.Result) and (again.epoch, again.seq) == (2, 2)


def test_a_stranger_cannot_touch_a_session_or_attach_unannounced(two: Ring) -> None:
    server = two.servers[1].hop().server

    async def act(client: Raw) -> m.Message:
        await client.open()
        reader, writer = await client.two.node.open_stream(
            server.peer_id, server.addresses, protocol_name(server.server_id)
        )
        other = Channel(server.peer_id, reader, writer)
        hello = make_hello()
        other.send(hello, m.Attach(client.session, 1, client.two.node.peer_id, "0badbeef"))
        await other.greet(hello, timeout=5)
        answer = await other.receive(timeout=5)
        other.close()
        client.step(1, some(1), 0)
        assert isinstance(await client.answer(), m.Result)
        return answer

    assert raw(two, act) == m.Problem("protocol")


def test_no_common_version_says_so(two: Ring) -> None:
    async def act(client: Raw) -> m.Message:
        client.channel.send(m.Hello(b"n" * 16, oldest=9, newest=9))
        m.expect(await client.answer(), m.Hello)
        return await client.answer()

    assert raw(two, act, greet=False) == m.Problem("update_needed")


def test_load_can_be_asked_without_a_session(two: Ring) -> None:
    async def act(client: Raw) -> m.Message:
        client.channel.send(m.Info())
        return await client.answer()

    reply = raw(two, act)
    assert isinstance(reply, m.InfoReply)
    assert reply.free_tokens == reply.total_tokens == 1_000_000 and not reply.draining


def test_hostile_streams_do_not_disturb_an_honest_client(request: pytest.FixtureRequest, two: Ring) -> None:
    """A bounded fuzz run against a live server while a client is served."""
    count = 2000 if request.config.getoption("--full", default=False) else 120
    generator = random.Random(7)
    hello = m.encode(make_hello())
    opened = m.encode(m.Open(b"\x09" * 16, 1, FINGERPRINT, 2, 5, 1, "float32"))
    step = pack_step(m.Step(1, 1, 0, 2, ()), some(2), [[]])
    server = two.servers[1].hop().server
    stop = threading.Event()

    async def attack() -> None:
        for _ in range(count):
            frames = bytearray(generator.choice([b"", hello, hello + opened, hello + opened + step]))
            for _ in range(generator.randint(0, 5)):
                if frames:
                    frames[generator.randrange(len(frames))] = generator.randrange(256)
            frames += generator.choice([b"", b"\xff" * 8, b"\x04\x00\x00\x00", generator.randbytes(50), step[:30]])
            reader, writer = await two.node.open_stream(
                server.peer_id, server.addresses, protocol_name(server.server_id)
            )
            writer.write(frames)
            await asyncio.sleep(0.002)
            writer.transport.abort()

    def attacker() -> None:
        try:
            two.loop.run(attack(), timeout=300)
        finally:
            stop.set()

    thread = threading.Thread(target=attacker)
    hidden = some(400)
    with two.session() as session:
        thread.start()
        parts: list[torch.Tensor] = []
        while not stop.is_set() and len(parts) < 400:
            parts.append(session.step(hidden[:, len(parts) : len(parts) + 1]))
        thread.join()
        parts.append(session.step(hidden[:, len(parts) : len(parts) + 1])) if len(parts) < 400 else None
    assert torch.equal(torch.cat(parts, 1), reference(hidden[:, : len(parts)], two.spans))

    two.servers[1].ask("forget")
    for event in two.servers[1].stats()["events"]:
        assert event["event"] != "Problem" or event["code"] in m.PROBLEMS


def test_an_interrupted_step_leaves_the_session_closed(two: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    session = two.session()
    session.step(some(2))

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(session, "_wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        session.step(some(1))
    with pytest.raises(MeadowError, match="closed"):
        session.step(some(1))


def test_one_step_at_a_time(two: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    with two.session() as session:
        with session._stepping, pytest.raises(MeadowError, match="one step at a time"):
            session.step(some(1))
        session.step(some(1))


def test_numbers_that_cannot_be_right_are_not_believed(two: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    import meadow.client.session as module

    real = module.read_result
    for lie in (lambda h: h[:, :, :3], lambda h: h.to(torch.int64), lambda h: h / 0, lambda h: h.repeat(1, 2, 1)):

        def lying(result: m.Result, lie: Callable[[torch.Tensor], torch.Tensor] = lie) -> Any:
            hidden, carry = real(result)
            return lie(hidden), carry

        with two.session() as session:
            monkeypatch.setattr(module, "read_result", lying)
            with pytest.raises(Refused) as caught:
                session.step(some(2))
            monkeypatch.undo()
        assert (caught.value.code, caught.value.blocks) == ("bad_answer", (2, 5))


def test_protocol_error_is_what_hostile_bytes_are() -> None:
    with pytest.raises(ProtocolError):
        m.decode(b"\x00")
