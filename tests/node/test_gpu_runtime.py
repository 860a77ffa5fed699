"""The GPU runtime, over a real index on loopback and in real processes. Only the hardware is not real: a tiny wheel
answers what a CUDA build of PyTorch would, and NVML is a recording."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from runtime_index import RuntimeIndex, make_wheel, runtime_index, torch_source

from meadow.errors import MeadowError
from meadow.models.download import RetryPolicy
from meadow.node import events as e
from meadow.node.changes import StateStore
from meadow.node.control import ShareRequest
from meadow.node.gpu_runtime.keeper import GpuRuntime
from meadow.node.gpu_runtime.need import BaseTorch
from meadow.node.gpu_runtime.place import Place, discard
from meadow.node.modelfacts import FactsDesk
from meadow.node.settings import Settings
from meadow.node.share import Sharing
from meadow.node.state_words import RuntimePhase
from meadow.node.supervisor import Supervisor
from meadow.platform.devices import Monitor
from meadow.platform.paths import Paths
from meadow.platform.recorded import Recording
from meadow.platform.torch_devices import TorchProbe, ask_torch

ROOT = Path(__file__).parents[2]
BUNDLED = ROOT / "resources" / "demo-model"
GAME = ROOT / "tests" / "platform" / "recordings" / "rtx_4070_game.json"
TORCH, CUBLAS = "torch-2.13.0-cp311-none-any.whl", "cublas-1.0-py3-none-any.whl"
FAST = RetryPolicy(attempts=3, first_wait=0.01, longest_wait=0.02)
BASE = BaseTorch("2.13.0+cpu")
SECONDS = 60.0


class Bench:
    """One home with a runtime to be made."""

    def __init__(self, home: Path, index: RuntimeIndex) -> None:
        self.paths, self.index, self.store = Paths.of(home), index, StateStore()
        self.free, self.changes = 1 << 40, 0
        self.place = Place(self.paths.cache, index.lock())
        self.runtime = self.make()

    def make(self, **changes: Any) -> GpuRuntime:
        def changed() -> None:
            self.changes += 1

        values: dict[str, Any] = {"lock": self.index.lock(), "base": BASE, "index": self.index.url, "policy": FAST}
        values |= {"free": lambda folder: self.free, "on_change": changed, **changes}
        return GpuRuntime(self.paths.cache, self.paths.logs, self.store, **values)

    async def refused(self) -> MeadowError:
        with pytest.raises(MeadowError) as error:
            await self.runtime.build()
        assert not self.runtime.ready() and not self.place.new.exists() and not self.runtime.environment()
        assert self.store.state.share.gpu_runtime is None and not self.store.state.downloads
        assert "share.device to cpu" in str(error.value), "the person is told what else there is"
        return error.value

    async def until(self, condition: Any) -> None:
        async with asyncio.timeout(SECONDS):
            while not condition():
                await asyncio.sleep(0.02)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[RuntimeIndex]:
    source = torch_source(str(tmp_path / "seen")).encode()
    wheels = {
        CUBLAS: make_wheel("cublas", "1.0", {"nvidia/cublas/lib.so": os.urandom(300_000)}),
        TORCH: make_wheel("torch", "2.13.0", {"torch/__init__.py": source}),
    }
    with runtime_index(wheels) as served:
        yield served


@pytest.fixture
def bench(tmp_path: Path, index: RuntimeIndex) -> Bench:
    return Bench(tmp_path / "h", index)


async def test_it_is_made_once_and_tidied(bench: Bench, tmp_path: Path) -> None:
    old = bench.place.root / "torch-2.12.0-old" / "site"
    old.mkdir(parents=True)
    bench.index.html = True  # as older indexes speak
    cost = bench.runtime.cost()
    assert cost is not None and cost.download == sum(map(len, bench.index.wheels.values())) and cost.disk > 300_000
    await bench.runtime.build()
    assert bench.runtime.ready() and bench.changes == 1 and bench.runtime.cost() is None
    assert (bench.place.site / "nvidia/cublas/lib.so").stat().st_size == 300_000
    assert not bench.place.wheels.exists(), "what was only needed on the way is gone"
    assert not old.exists(), "the older runtime goes when the new one works"
    (said,) = (tmp_path / "seen").read_text().splitlines()
    assert "gpu_runtime.check" in said, "it was tried before it counted"
    sent = bench.index.sent
    again = bench.make()
    await again.build()
    assert again.ready() and bench.index.sent == sent, "the second time nothing is fetched"
    assert again.environment()["PYTHONPATH"].split(os.pathsep)[0] == str(bench.place.site)
    assert not bench.make(base=BaseTorch("2.13.0", cuda="13.0")).environment(), "a PyTorch with CUDA needs no other"
    assert await again.remove() > 300_000 and not again.ready() and not bench.place.root.exists()


async def test_a_small_disk_is_told_before_anything_is_fetched(bench: Bench) -> None:
    bench.free = 1_000_000
    error = await bench.refused()
    assert error.code == "gpu_runtime_disk" and "1.0 MB are free" in str(error) and not bench.index.asked


@pytest.mark.parametrize(
    ("fault", "says"),
    [({"flip": True}, "thrown away"), ({"missing": True}, "has no"), ({"drop_after": 0}, "could not be fetched")],
)
async def test_a_lying_or_dying_index(bench: Bench, fault: dict[str, Any], says: str) -> None:
    for name, value in fault.items():
        setattr(bench.index.faults, name, value)
    error = await bench.refused()
    assert error.code == "gpu_runtime" and says in str(error)
    assert not list(bench.place.wheels.glob("*.whl")), "nothing of it counts"
    for name in fault:
        setattr(bench.index.faults, name, None)
    await bench.runtime.build()
    assert bench.runtime.ready(), "and then it works"


@pytest.mark.parametrize("ranges", [True, False])
async def test_drops_on_the_way_are_bridged(bench: Bench, ranges: bool) -> None:
    bench.index.faults.ignore_range = not ranges
    bench.index.faults.drop_after = 200_000 if ranges else None
    await bench.runtime.build()
    assert bench.runtime.ready()
    assert bench.index.sent == sum(map(len, bench.index.wheels.values())), "no byte comes twice"


async def test_cancelled_and_resumed(bench: Bench) -> None:
    bench.index.faults.stall = threading.Event()
    building = asyncio.create_task(bench.runtime.build())
    total = sum(map(len, bench.index.wheels.values()))
    await bench.until(lambda: bench.place.fetched() > 0)
    assert bench.store.state.downloads["gpu-runtime"].progress is not None
    building.cancel()
    with pytest.raises(asyncio.CancelledError):
        await building
    assert bench.store.state.share.gpu_runtime is None and not bench.store.state.downloads
    have = bench.place.fetched()
    assert 0 < have < total and not bench.runtime.ready()
    cost = bench.runtime.cost()
    assert cost is not None and cost.download == total - have
    bench.index.faults.stall.set()
    asked = len(bench.index.asked)
    await bench.runtime.build()
    size = len(bench.index.wheels[CUBLAS])
    assert bench.runtime.ready() and bench.index.asked[asked] == f"bytes={have}-{size - 1}", "it went on where it was"


def words(process: psutil.Process) -> list[str]:
    """Its command line; nothing for one that has just ended."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


async def test_a_killed_builder_leaves_the_old_state(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.index.faults.stall = threading.Event()
    building = asyncio.create_task(bench.runtime.build())
    await bench.until(lambda: bench.place.fetched() > 0)
    bench.place.new.mkdir()  # as if it had begun to unpack
    (bench.place.new / "half").write_text("")
    builders = [p for p in psutil.Process().children() if any("gpu_runtime.builder" in a for a in words(p))]
    assert len(builders) == 1
    builders[0].kill()
    with pytest.raises(MeadowError) as error:
        await building
    assert error.value.code == "gpu_runtime" and "SIGKILL" in str(error.value)
    assert not bench.runtime.ready() and bench.place.fetched() > 0
    bench.index.faults.stall.set()
    await bench.runtime.build()
    assert bench.runtime.ready() and not (bench.place.site / "half").exists()


@pytest.mark.parametrize(("gpus", "right", "says"), [(0, True, "finds no GPU"), (1, False, "cannot compute")])
async def test_what_does_not_work_here_is_rolled_back(
    tmp_path: Path, bench: Bench, gpus: int, right: bool, says: str
) -> None:
    old = bench.place.root / "torch-2.12.0-old" / "site"
    old.mkdir(parents=True)
    source = torch_source(str(tmp_path / "seen"), gpus=gpus, right=right).encode()
    bench.index.wheels[TORCH] = make_wheel("torch", "2.13.0", {"torch/__init__.py": source})
    bench.place = Place(bench.paths.cache, bench.index.lock())
    bench.runtime = bench.make()
    error = await bench.refused()
    assert error.code == "gpu_runtime_check" and says in str(error) and "driver" in str(error)
    assert old.exists(), "nothing older was given up for it"
    assert bench.place.fetched() == bench.index.lock().download_bytes, "after a new driver nothing is fetched twice"


@pytest.mark.parametrize("name", ["../out", "/tmp/mw-out", "a/../../out", "torch\\x.py", "C:x"])
async def test_no_wheel_writes_elsewhere(bench: Bench, name: str) -> None:
    bench.index.wheels[CUBLAS] = make_wheel("cublas", "1.0", {name: b"x"})
    bench.place = Place(bench.paths.cache, bench.index.lock())
    bench.runtime = bench.make()
    assert "must not be in a wheel" in str(await bench.refused())
    assert not Path("/tmp/mw-out").exists() and not list(bench.place.folder.parent.glob("out"))


async def test_what_a_wheel_says_of_itself_must_fit(bench: Bench) -> None:
    bench.index.wheels[CUBLAS] = make_wheel("cublas", "1.0", {"nvidia/x": b"x"}, record={"nvidia/x": "AAAA"})
    bench.runtime = bench.make()
    assert "is damaged" in str(await bench.refused())
    bench.runtime = bench.make(lock=bench.index.lock(unpacked=10))
    assert "more than it says" in str(await bench.refused())


async def test_it_is_not_deleted_under_a_server(bench: Bench) -> None:
    await bench.runtime.build()
    bench.store.apply(e.ServerAdded("0000aaaa", "m", 0, 4, "cuda:0"))
    with pytest.raises(MeadowError, match="uses the GPU runtime"):
        await bench.runtime.remove()
    bench.store.apply(e.ServerRemoved("0000aaaa"))
    assert await bench.runtime.remove() > 0


def test_a_folder_is_gone_in_one_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "file").write_text("")
    monkeypatch.setattr("shutil.rmtree", lambda *arguments, **options: None)  # as if killed right there
    discard(tmp_path / "site")
    assert not (tmp_path / "site").exists()


class Shared:
    """Sharing with real server processes and a recorded GPU."""

    def __init__(self, bench: Bench, supervisor: Supervisor, device: str | None = None) -> None:
        probe = TorchProbe(lambda: ask_torch(environment=bench.runtime.environment()))
        self.runtime = bench.runtime = bench.make(on_change=probe.forget)
        self.settings = Settings().with_changes({"share.device": device, "share.limit_fraction": 1.0})
        self.sharing = Sharing(
            supervisor,
            bench.store,
            lambda: self.settings,
            Monitor(Recording.load(GAME), probe=probe),
            FactsDesk(bench.paths.models),
            gpu_runtime=self.runtime,
        )


@contextlib.asynccontextmanager
async def sharing(bench: Bench, device: str | None = None) -> Any:
    async with Supervisor(bench.paths, restart=True) as supervisor:
        shared = Shared(bench, supervisor, device)
        try:
            yield shared, supervisor
        finally:
            await shared.sharing.close()


async def test_the_first_share_makes_it_and_the_server_gets_it(bench: Bench, tmp_path: Path) -> None:
    phases, texts = [], set()
    apply = bench.store.apply

    def watched(event: Any) -> None:
        apply(event)
        if isinstance(event, e.GpuRuntimeChanged) and event.phase is not None:
            share = bench.store.state.share
            phases.append(event.phase)
            texts.add(share.text)
            assert share.state == "starting" and share.reason == "gpu_runtime"

    bench.store.apply = watched  # type: ignore[method-assign]
    seen = tmp_path / "seen"

    def by_server() -> list[str]:
        lines = seen.read_text().splitlines() if seen.exists() else []
        return [line for line in lines if "meadow.server.process" in line]

    async with sharing(bench) as (shared, supervisor):
        await shared.sharing.share(ShareRequest(str(BUNDLED), blocks=(0, 2)))
        await bench.until(lambda: by_server() or bench.store.state.problems)
        assert not bench.store.state.problems, bench.store.state.problems
        assert by_server()[0].endswith(str(bench.place.site / "torch" / "__init__.py"))
        assert bench.store.state.servers[next(iter(shared.sharing.server_ids))].device == "cuda:0"
    assert list(dict.fromkeys(phases)) == list(RuntimePhase)
    assert any("of" in text and "MB" in text for text in texts), texts
    sent, told = bench.index.sent, len(by_server())
    async with sharing(bench) as (shared, supervisor):
        await shared.sharing.share(ShareRequest(str(BUNDLED), blocks=(0, 2)))
        await bench.until(lambda: len(by_server()) > told)
    assert bench.index.sent == sent, "the second share uses it at once"


@pytest.mark.full
async def test_who_wants_the_processor_never_gets_it(bench: Bench) -> None:
    async with sharing(bench, "cpu") as (shared, supervisor):
        await shared.sharing.share(ShareRequest(str(BUNDLED), blocks=(0, 1)))
        await bench.until(lambda: supervisor.children)
        environment = psutil.Process(supervisor.children[0].pid).environ()
        assert str(bench.place.root) not in environment.get("PYTHONPATH", "")
    assert not bench.index.asked and not bench.place.root.exists()


@pytest.mark.full
async def test_no_runtime_is_no_silent_processor(bench: Bench) -> None:
    bench.index.faults.flip = True
    async with sharing(bench) as (shared, supervisor):
        await shared.sharing.share(ShareRequest(str(BUNDLED)))
        await bench.until(lambda: bench.store.state.problems)
        problem = bench.store.state.problems["share"]
        assert problem.code == "gpu_runtime" and problem.remedy == "retry" and "share.device to cpu" in problem.message
        assert not supervisor.children and bench.store.state.share.state == "off"


@pytest.mark.full
async def test_cancelling_the_download_ends_sharing(bench: Bench) -> None:
    bench.index.faults.stall = threading.Event()
    async with sharing(bench) as (shared, supervisor):
        await shared.sharing.share(ShareRequest(str(BUNDLED)))
        await bench.until(lambda: bench.place.fetched() > 0)
        await shared.sharing.cancel_gpu_runtime()
        await bench.until(lambda: bench.store.state.share.state == "off")
        await bench.until(lambda: not shared.sharing.active)
        assert bench.place.fetched() > 0 and not bench.store.state.problems


def test_a_lock_is_another_runtime_as_soon_as_a_byte_differs(index: RuntimeIndex) -> None:
    lock = index.lock()
    other = replace(lock, wheels=(replace(lock.wheels[0], sha256="0" * 64), *lock.wheels[1:]))
    assert lock.key != other.key and type(lock).from_json(lock.to_json()) == lock
