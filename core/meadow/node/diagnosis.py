"""Which checks ``meadow doctor`` makes; and the same over HTTP, beside everything else that the node does."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from meadow.errors import MeadowError
from meadow.node import doctor, doctor_machine, doctor_swarm
from meadow.node.changes import StateStore
from meadow.node.doctor import Check, Result, in_thread, redact
from meadow.node.gpu_runtime.keeper import GpuRuntime
from meadow.platform.devices import Monitor
from meadow.platform.machine import MachineReader
from meadow.platform.paths import Paths
from meadow.platform.torch_devices import TorchProbe, ask_torch

SELF_TEST = "exactness"
"""The check that takes longest: the bundled model over two servers of its own."""


def all_checks(
    paths: Paths, *, self_test: bool = True, on_step: Callable[[str], None] = lambda text: None
) -> list[Check]:
    """What is looked at, quick things first. ``on_step`` hears how far the self-test is."""
    runtime = GpuRuntime(paths.cache, paths.logs, StateStore())
    probe = TorchProbe(lambda: ask_torch(environment=runtime.environment()))
    monitor = Monitor(machine=MachineReader([paths.data]), probe=probe)

    async def machine() -> doctor.Finding:
        return doctor_machine.judge_machine(await in_thread(MachineReader([paths.data]).read))

    async def gpus() -> doctor.Finding:
        return doctor_machine.judge_gpus(runtime.told(await monitor.current()), await in_thread(runtime.disk_used))

    async def disks() -> doctor.Finding:
        return doctor_machine.judge_disks(await in_thread(lambda: doctor_machine.places(paths)))

    async def leftovers() -> doctor.Finding:
        return doctor_machine.judge_leftovers(await in_thread(lambda: doctor_machine.leftovers(paths)))

    checks = [
        Check("versions", "Versions", 10, lambda: in_thread(doctor_machine.versions)),
        Check("machine", "Processor and memory", 10, machine),
        Check("gpu", "GPU", 120, gpus),
        Check("disk", "Disks and folders", 20, disks),
        Check("settings", "Settings", 10, lambda: in_thread(lambda: doctor_swarm.settings(paths))),
        Check("node", "Node", 15, lambda: in_thread(lambda: doctor_swarm.node(paths))),
        Check("leftovers", "Leftovers", 20, leftovers),
        Check("ports", "Ports", 20, lambda: in_thread(lambda: doctor_swarm.ports(paths))),
        Check("p2pd", "libp2p daemon", 60, doctor_swarm.p2pd),
        Check("clock", "Clock", 45, lambda: doctor_swarm.clock(paths)),
        Check(SELF_TEST, "Exactness self-test", 180, lambda: doctor_swarm.exactness(on_step)),
    ]
    return [check for check in checks if self_test or check.name != SELF_TEST]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was found. ``text`` can be shown around: without names, folders of people, addresses, tokens, or chats."""

    results: tuple[Result, ...]
    text: str


class Diagnoses:
    """One at a time; belongs to the node's loop."""

    def __init__(self, paths: Paths, checks: Callable[[bool], list[Check]] | None = None) -> None:
        """``checks``: for tests; else all, without the self-test if the argument is False."""
        self._paths = paths
        self._checks = checks or (lambda self_test: all_checks(paths, self_test=self_test))
        self._busy = False

    async def make(self, *, self_test: bool) -> Diagnosis:
        """Look at everything; cancelling ends it. Raises MeadowError (``busy``)."""
        if self._busy:
            raise MeadowError("The doctor is looking already. Wait until that is over.", code="busy")
        self._busy = True
        try:
            results = await doctor.examine(self._checks(self_test))
        finally:
            self._busy = False
        private = doctor_machine.private(self._paths)
        moment = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
        shown = tuple(
            Result(
                one.name,
                one.title,
                doctor.Finding(one.finding.status, redact(one.finding.what, private), redact(one.finding.do, private)),
                one.seconds,
            )
            for one in results
        )
        return Diagnosis(shown, doctor.report(results, private, moment=moment))
