"""What is said before sharing is what sharing does; and how fast a swarm is, from what its servers say."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx2
import pytest
from http_client import TOKEN, running
from hypothesis import given
from hypothesis import strategies as st

from meadow.errors import MeadowError, SwarmError
from meadow.node import events as e
from meadow.node import modelfacts
from meadow.node.catalogue import seen
from meadow.node.changes import StateStore
from meadow.node.control import ShareRequest
from meadow.node.http import models as model_routes
from meadow.node.modelfacts import Facts, FactsDesk
from meadow.node.people import MOST_ASKED, whom_to_ask
from meadow.node.placing import profile_of
from meadow.node.remembered import Remembered
from meadow.node.settings import Settings
from meadow.node.share import Sharing
from meadow.node.shareplan import Preview, SharePlans
from meadow.node.sharing import Wanted
from meadow.node.shelf import Shelf
from meadow.node.speed import swarm_speed
from meadow.node.state import Progress
from meadow.node.state_words import Phase
from meadow.platform.devices import Survey
from meadow.platform.fit import ModelFacts
from meadow.platform.readings import Device, Kind
from meadow.server.spec import ServerSpec
from meadow.swarm.identity import Identity
from meadow.swarm.records import ModelRecord, ServerRecord, SignedRecord
from meadow.swarm.routing import HOP_SECONDS

MB = 1 << 20
BLOCKS = 8
PRINT = bytes(range(32))


@pytest.fixture(scope="module")
def peers(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return [Identity.temporary(tmp_path_factory.mktemp("id")).peer_id for _ in range(3)]


def facts(name: str = "owner/name", fingerprint: bytes = PRINT, **changes: Any) -> Facts:
    fit = ModelFacts(
        name,
        BLOCKS,
        "bfloat16",
        numbers=(50 * MB,) * BLOCKS,
        kept_bytes=(0,) * BLOCKS,
        cache_numbers=(1024.0,) * BLOCKS,
        cache_kept_bytes=(0.0,) * BLOCKS,
        fingerprint=fingerprint,
        hub_id=name,
        missing_bytes=(100 * MB,) * BLOCKS,
        **changes,
    )
    return Facts(fit, 4096, 8192, 300 * MB, 200 * MB)


def record(
    peer: str, start: int, end: int, throughput: float = 50.0, *, number: int = 1, **fields: Any
) -> SignedRecord:
    fields = {"dtype": "bfloat16", **fields}
    return SignedRecord(
        ServerRecord(peer, f"{number:08x}", PRINT, start, end, "online", throughput=throughput, **fields), b""
    )


class Swarm:
    """What sharing needs of the supervisor."""

    def __init__(self, own: str) -> None:
        self.peer_id = own
        self.records: list[SignedRecord] = []
        self.reachable = True
        self.spawned: list[ServerSpec] = []
        self.stopped: list[tuple[str, float | None]] = []

    async def find_servers(self, fingerprint: bytes, num_blocks: int) -> Sequence[SignedRecord]:
        if not self.reachable:
            raise SwarmError("nobody")
        return [one for one in self.records if one.server.fingerprint == fingerprint]

    async def spawn(self, spec: ServerSpec, environment: object = None) -> None:
        self.spawned.append(spec)

    async def stop_server(self, server_id: str, *, drain_seconds: float | None = None) -> None:
        self.stopped.append((server_id, drain_seconds))


class Bench:
    """Sharing and its plans, without processes."""

    def __init__(self, own: str, folder: Path, *, free: int = 4000 * MB) -> None:
        self.swarm, self.store = Swarm(own), StateStore()
        self.known: dict[str, Facts | MeadowError] = {"owner/name": facts(), str(folder): facts("toy", b"\x07" * 32)}
        self.settings: dict[str, Any] = {}
        self.people: dict[bytes, int] = {}
        self.asked: list[ServerRecord] = []
        self.free, self.starting = free, False
        desk: Any = self
        swarm: Any = self.swarm
        self.remembered = Remembered(folder / "remembered.json")
        self.sharing = Sharing(swarm, self.store, self._settings, desk, desk, on_spawn=self.remembered.shared)
        self.plans = SharePlans(
            self.sharing,
            self.store,
            desk,
            self.remembered,
            own_peer_id=lambda: own,
            starting=lambda: self.starting,
            bundled=folder,
            sessions=self._sessions,
        )

    async def _sessions(self, servers: Sequence[SignedRecord]) -> int:
        assert len({one.server.fingerprint for one in servers}) == 1
        self.asked += [one.server for one in servers]
        return self.people.get(servers[0].server.fingerprint, 0)

    def _settings(self) -> Settings:
        return Settings().with_changes({"share.limit_fraction": 1.0, "share.reserve_bytes": 0, **self.settings})

    # as the monitor

    def refresh(self) -> None:
        pass

    async def current(self) -> Survey:
        device = Device(Kind.CUDA, 0, "GeForce RTX 4070", memory_free=self.free, memory_total=8 << 30, torch="cuda:0")
        return Survey((device,), (), False, None)  # type: ignore[arg-type]

    # as the facts desk

    async def ask(self, model: str, revision: str | None = None, *, fresh: bool = False) -> Facts:
        found = self.known[model]
        if isinstance(found, MeadowError):
            raise found
        return found

    async def shared(self, request: ShareRequest) -> ServerSpec | str:
        """What a command does: the server that it starts, or the code of the problem."""
        await self.sharing.share(request)
        async with asyncio.timeout(20):
            while not self.swarm.spawned:
                if (problem := self.store.state.problems.get("share")) is not None:
                    return problem.code
                if self.store.state.share.holds is not None:
                    await self.sharing.close()
                    return str(self.store.state.share.holds)
                await asyncio.sleep(0)
        return self.swarm.spawned[0]

    async def planned(self, model: str | None) -> Preview | str:
        try:
            return await self.plans.preview(model)
        except MeadowError as error:
            return error.code


SPANS = st.lists(st.tuples(st.integers(0, BLOCKS - 1), st.integers(1, BLOCKS)), max_size=4)


TOKENS = st.none() | st.just(100_000)


@given(spans=SPANS, free=st.integers(0, 6000), limit=st.sampled_from([0.3, 1.0]), up=st.booleans(), tokens=TOKENS)
def test_the_plan_is_what_share_does(
    peers: list[str],
    tmp_path_factory: pytest.TempPathFactory,
    spans: list[tuple[int, int]],
    free: int,
    limit: float,
    up: bool,
    tokens: int | None,
) -> None:
    async def work() -> None:
        bench = Bench(peers[0], tmp_path_factory.getbasetemp(), free=free * MB)
        bench.settings = {"share.limit_fraction": limit, "share.kv_tokens": tokens}
        bench.swarm.reachable = up
        bench.swarm.records = [
            record(peers[1], start, min(BLOCKS, start + length), number=number)
            for number, (start, length) in enumerate(spans)
        ]
        before = bench.store.state
        plan = await bench.planned("owner/name")
        assert bench.store.state is before and not bench.swarm.spawned, "asking changes nothing"
        done = await bench.shared(ShareRequest("owner/name"))
        if isinstance(plan, str):
            assert done == plan
            return
        assert isinstance(done, ServerSpec)
        assert (plan.model, plan.start, plan.end, plan.device) == (done.model, done.start, done.end, done.device)
        assert plan.memory_bytes <= plan.memory_free * limit
        assert plan.download_bytes == 100 * MB * (plan.end - plan.start)
        assert f"{plan.start}:{plan.end}" in plan.text and "RTX 4070" in plan.text
        if not up:
            assert plan.swarm_before is plan.swarm_after is None

    asyncio.run(work())


async def test_records_of_a_killed_life_do_not_count(peers: list[str], tmp_path: Path) -> None:
    bench = Bench(peers[0], tmp_path)
    bench.swarm.records = [record(peers[0], 0, BLOCKS)]
    plan = await bench.plans.preview("owner/name")
    assert (plan.start, plan.swarm_before) == (0, 0.0)


async def test_the_sentence_says_what_changes_for_the_swarm(peers: list[str], tmp_path: Path) -> None:
    bench = Bench(peers[0], tmp_path)
    bench.swarm.records = [record(peers[1], 0, 2), record(peers[1], 4, BLOCKS, number=2)]
    plan = await bench.plans.preview("owner/name")
    assert (plan.start, plan.end, plan.swarm_before, plan.swarm_after) == (2, 4, 0.0, None)
    assert (
        "could then run it." in plan.text and "200.0 MB" not in plan.text and "0.2 GB would be downloaded" in plan.text
    )
    # A server here has once measured itself, so it is known how fast this device is.
    spec = await bench.shared(ShareRequest("owner/name"))
    assert isinstance(spec, ServerSpec)
    bench.remembered.heard({"event": "online", "server_id": spec.server_id, "throughput": 100.0})
    await bench.remembered.close()
    again = Bench(peers[0], tmp_path)
    await again.remembered.start()
    again.swarm.records = bench.swarm.records
    plan = await again.plans.preview("owner/name")
    expected = 1 / (3 * HOP_SECONDS + 1 / 50 + 1 / 100 + 1 / 50)
    assert plan.swarm_after == float(f"{expected:.2g}")
    assert f"at about {plan.swarm_after:g} tokens/s" in plan.text
    again.swarm.records = [record(peers[1], 0, 2)]
    again.free = 1500 * MB
    plan = await again.plans.preview("owner/name")
    assert plan.swarm_after == 0.0 and "still be missing" in plan.text


async def test_the_sentence_says_why_these_blocks(peers: list[str], tmp_path: Path) -> None:
    bench = Bench(peers[0], tmp_path, free=1500 * MB)
    assert "Nobody serves these blocks yet." in (await bench.plans.preview("owner/name")).text
    # All are served, the last ones by one computer only: before, this machine had nothing to do.
    bench.swarm.records = [record(peers[1], 0, BLOCKS), record(peers[2], 0, 6, number=2)]
    plan = await bench.plans.preview("owner/name")
    assert plan.end == BLOCKS and "These blocks have the fewest computers." in plan.text
    done = await bench.shared(ShareRequest("owner/name"))
    assert isinstance(done, ServerSpec) and (done.start, done.end) == (plan.start, plan.end)


async def test_while_something_is_shared_there_is_nothing_to_plan(peers: list[str], tmp_path: Path) -> None:
    bench = Bench(peers[0], tmp_path)
    await bench.shared(ShareRequest("owner/name"))
    assert await bench.planned("owner/name") == "already_sharing"


# Which model


def models(bench: Bench, peers: list[str], *names: str, served: int = 2) -> None:
    """These are up in the swarm, with so many of their blocks served; the fingerprint of the n-th is n, n, n, ..."""
    prints = [bytes([number]) * 32 for number, _ in enumerate(names)]
    records = [ModelRecord(peers[1], "00000001", p, n, n, BLOCKS) for p, n in zip(prints, names, strict=True)]
    hosts = {p: [ServerRecord(peers[1], "00000001", p, 0, served, "online", dtype="bfloat16")] for p in prints}
    bench.store.apply(e.ModelsSeen(seen(records, hosts, peers[0])))
    bench.swarm.records = [SignedRecord(host, b"") for found in hosts.values() for host in found]


async def test_a_model_with_a_gap_that_fits_is_chosen(peers: list[str], tmp_path: Path) -> None:
    bench = Bench(peers[0], tmp_path)
    models(bench, peers, "org/gone", "org/other", "org/huge", "org/good")
    bench.known |= {
        "org/gone": MeadowError("It is not there.", code="unknown_model"),
        "org/other": facts("org/other", b"\x99" * 32),  # the hub has something else under this name
        "org/huge": facts("org/huge", b"\x02" * 32, indivisible=((0, BLOCKS),)),
        "org/good": facts("org/good", b"\x03" * 32),
    }
    bench.free = 1500 * MB
    plan = await bench.plans.preview(None)
    assert (plan.model, plan.reason, plan.start) == ("org/good", "gap", 2)


async def test_few_models_of_strangers_are_looked_at(peers: list[str], tmp_path: Path) -> None:
    bench = Bench(peers[0], tmp_path)
    names = [f"org/m{number}" for number in range(9)]
    models(bench, peers, *names)
    bench.known |= {name: MeadowError("Gated.", code="gated") for name in names[:4]}
    assert await bench.planned(None) == "gated", "the fifth is not asked for, or this would be a KeyError"


@pytest.mark.parametrize("crowd", ["org/one", "org/two"])
async def test_of_two_that_are_whole_the_one_whose_people_wait_is_chosen(
    peers: list[str], tmp_path: Path, crowd: str
) -> None:
    bench = Bench(peers[0], tmp_path)
    models(bench, peers, "org/one", "org/two", served=BLOCKS)
    bench.known |= {"org/one": facts("org/one", b"\x00" * 32), "org/two": facts("org/two", b"\x01" * 32)}
    bench.people[{"org/one": b"\x00", "org/two": b"\x01"}[crowd] * 32] = 5
    plan = await bench.plans.preview(None)
    assert (plan.model, plan.reason) == (crowd, "weakest") and len(bench.asked) == 2
    models(bench, peers, "org/one", "org/two", served=2)
    bench.asked.clear()
    assert (await bench.plans.preview(None)).reason == "gap" and not bench.asked, "nobody can chat with these"


def test_asked_are_those_of_the_block_that_fewest_have(peers: list[str]) -> None:
    servers = [record(peers[n % 3], a, b, 10.0, number=n) for n, (a, b) in enumerate([(0, 4), (4, BLOCKS)] * 6)]
    servers.append(record(peers[0], 0, 3, 10.0, number=77))
    profile = profile_of([one.server for one in servers], BLOCKS)
    asked = whom_to_ask(servers, profile)
    assert len(asked) == MOST_ASKED and {(one.server.start, one.server.end) for one in asked} <= {(0, 4), (4, BLOCKS)}
    assert len({one.server.start for one in asked}) == 1, "each session is at one of them"
    assert whom_to_ask([], profile_of([], BLOCKS)) == []


async def test_other_choices(peers: list[str], tmp_path: Path) -> None:
    bench = Bench(peers[0], tmp_path)
    bench.starting = True
    assert await bench.planned(None) == "node_starting"
    bench.starting = False
    plan = await bench.plans.preview(None)
    assert (plan.model, plan.reason) == (str(tmp_path), "bundled")
    models(bench, peers, "org/whole", served=BLOCKS)
    bench.known["org/whole"] = facts("org/whole", b"\x00" * 32)
    plan = await bench.plans.preview(None)
    assert (plan.model, plan.reason) == ("org/whole", "weakest")
    bench.settings["share.model"] = "owner/name"
    plan = await bench.plans.preview(None)
    assert (plan.model, plan.reason) == ("owner/name", "setting")
    assert (await bench.plans.preview(str(tmp_path))).reason == "asked"
    assert await bench.planned(str(tmp_path / "nowhere")) == "unknown_model"


# Speed


def test_the_speed_of_a_swarm_is_that_of_its_best_route(peers: list[str]) -> None:
    one, two = record(peers[0], 0, BLOCKS, 10.0), record(peers[1], 0, 4, 100.0, number=2)
    rest = record(peers[2], 4, BLOCKS, 100.0, number=3)
    assert swarm_speed([], BLOCKS) == 0.0
    assert swarm_speed([two], BLOCKS) == 0.0
    assert swarm_speed([one], BLOCKS) == pytest.approx(1 / (HOP_SECONDS + 0.1))
    assert swarm_speed([one, two, rest], BLOCKS) == pytest.approx(1 / (2 * HOP_SECONDS + 0.02))
    assert swarm_speed([one, two], BLOCKS) == pytest.approx(1 / (2 * HOP_SECONDS + 0.01 + 0.05)), "half of each"
    assert swarm_speed([record(peers[0], 0, BLOCKS, 0.0)], BLOCKS) is None, "it does not say"
    assert swarm_speed([one], BLOCKS, dtype="float32") == 0.0


# Facts


async def test_those_who_ask_the_same_share_one_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[str] = []
    go = asyncio.Event()

    async def find(model: str, **options: Any) -> Facts:
        asked.append(model)
        await go.wait()
        if model == "bad":
            raise MeadowError("No.", code="unknown_model")
        return facts(model)

    monkeypatch.setattr(modelfacts, "find_facts", find)
    now = [0.0]
    desk = FactsDesk(tmp_path, clock=lambda: now[0])
    waiting = [asyncio.create_task(desk.ask(name)) for name in ("a", "a", "b", "a", "c", "bad")]
    for _ in range(10):
        await asyncio.sleep(0)
    assert asked == ["a", "b"], "two at a time, each once"
    waiting[0].cancel()  # one who goes away takes nothing from the others
    go.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [getattr(one, "fit", one).__class__ for one in results[1:5]] == [ModelFacts] * 4
    assert isinstance(results[5], MeadowError)
    assert sorted(asked) == ["a", "b", "bad", "c"]
    await desk.ask("a")
    assert asked.count("a") == 1
    await desk.ask("a", fresh=True)
    assert asked.count("a") == 2
    now[0] += 100
    await desk.ask("a")
    assert asked.count("a") == 3
    go.clear()
    many = [asyncio.create_task(desk.ask(f"m{number}")) for number in range(17)]
    await asyncio.sleep(0)
    await asyncio.wait([many[16]])
    assert isinstance(error := many[16].exception(), MeadowError) and error.code == "busy"
    await desk.close()
    assert all(isinstance(one, BaseException) for one in await asyncio.gather(*many, return_exceptions=True))


async def test_new_limits_are_taken_over_by_sharing_anew(peers: list[str], tmp_path: Path) -> None:
    bench = Bench(peers[0], tmp_path)
    with pytest.raises(MeadowError, match="Nothing is shared") as refused:
        await bench.sharing.anew(5.0)
    assert refused.value.code == "not_sharing"
    first = await bench.shared(ShareRequest("owner/name"))
    assert isinstance(first, ServerSpec) and (first.start, first.end) == (0, BLOCKS)
    bench.settings = {"share.limit_fraction": 0.4, "share.kv_tokens": 4096, "share.model": "another/one"}
    await bench.sharing.anew(5.0)
    async with asyncio.timeout(20):
        while len(bench.swarm.spawned) < 2:
            await asyncio.sleep(0)
    second = bench.swarm.spawned[1]
    assert bench.swarm.stopped == [(first.server_id, 5.0)]
    assert second.model == "owner/name", "it is still that which the person shares"
    assert second.end < first.end and second.kv_tokens == 4096 != first.kv_tokens
    assert bench.sharing.server_ids == {second.server_id}


async def test_cancelling_the_download_of_a_server_ends_its_sharing_alone(peers: list[str], tmp_path: Path) -> None:
    bench = Bench(peers[0], tmp_path)
    any_: Any = None
    shelf = Shelf(
        store=bench.store,
        listed=list,
        engine=any_,
        sharing=bench.sharing,
        demo=any_,
        facts=any_,
        remembered=bench.remembered,
        chats=any_,
        cache_dir=tmp_path,
    )
    async with running([model_routes.router(shelf, bench.store)]) as server:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx2.AsyncClient(base_url=server.url, headers=headers, trust_env=False) as client:
            spec = await bench.shared(ShareRequest("owner/name"))
            assert isinstance(spec, ServerSpec)
            bench.store.apply(e.ServerStarting(spec.server_id, Phase.DOWNLOADING))
            bench.store.apply(e.ServerProgress(spec.server_id, Progress(1 << 20, 1 << 30)))
            assert f"server:{spec.server_id}" in bench.store.state.downloads
            for wrong in ("server:ffffffff", "server:", "server"):
                assert (await client.delete(f"/api/downloads/{wrong}")).status_code == 202
            assert bench.swarm.stopped == [], "another one's, or nobody's"
            assert (await client.delete(f"/api/downloads/server:{spec.server_id}")).status_code == 202
            async with asyncio.timeout(20):
                while bench.store.state.share.wanted is not Wanted.OFF:
                    await asyncio.sleep(0.01)
            assert bench.swarm.stopped == [(spec.server_id, 0.0)]
            assert bench.remembered.last_shared is None or not bench.remembered.last_shared.on
            assert (await client.delete(f"/api/downloads/server:{spec.server_id}")).status_code == 202, "harmless"


async def test_what_was_going_on_is_remembered_until_somebody_decides(tmp_path: Path) -> None:
    file = tmp_path / "remembered.json"
    first = Remembered(file)
    await first.start()
    first.sharing("owner/name")
    first.demo(True)
    await first.close()
    second = Remembered(file)  # the first one was killed
    await second.start()
    assert second.last_shared is not None and second.last_shared.on and second.demo_was_on
    second.sharing(None)
    second.demo(False)
    await second.close()
    third = Remembered(file)
    await third.start()
    assert third.last_shared is not None and not third.last_shared.on and not third.demo_was_on
