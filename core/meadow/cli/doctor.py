"""``meadow doctor``: is everything here as it must be, and if not, what can be done?"""

from __future__ import annotations

import argparse
import time

from meadow.cli.output import Output, plain
from meadow.cli.serve import run_until_stopped
from meadow.node import doctor, doctor_machine
from meadow.node.diagnosis import all_checks
from meadow.node.doctor import Check, Result, Status
from meadow.platform.paths import Paths

_SIGNS = {Status.OK: "ok   ", Status.WARN: "warn ", Status.FAIL: "FAIL "}


def run(options: argparse.Namespace, output: Output) -> int:
    """Exit status 0: all is well, or well enough; 1: a check failed; 130 and 143: stopped before the end."""
    paths = Paths.of(options.home)
    checks = all_checks(paths, self_test=not options.quick, on_step=lambda text: output.progress(f"Self-test: {text}"))
    results: list[Result] = []

    def started(check: Check, number: int, count: int) -> None:
        output.event("starting", name=check.name, number=number, count=count)
        output.progress(f"{number} of {count}: {check.title}")

    def found(result: Result) -> None:
        results.append(result)
        finding = result.finding
        output.event(
            "check",
            name=result.name,
            title=result.title,
            status=str(finding.status),
            what=finding.what,
            do=finding.do,
            seconds=result.seconds,
            details=dict(finding.details),
        )
        if not options.report:
            output.result(f"{_SIGNS[finding.status]} {result.title}: {plain(finding.what)}")
            if finding.do:
                output.result(f"      {plain(finding.do)}")

    async def work() -> None:
        await doctor.examine(checks, on_start=started, on_result=found)

    run_until_stopped(work)
    if len(results) < len(checks):
        output.note("Stopped. Nothing is left behind.")
        return 130
    counts = doctor.count(results)
    moment = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    text = doctor.report(results, doctor_machine.private(paths), moment=moment)
    output.event("done", **counts, report=text)
    if options.report:
        output.result(plain(text))
    else:
        output.note(_summary(counts))
    return 1 if counts["fail"] else 0


def _summary(counts: dict[str, int]) -> str:
    if counts["fail"]:
        return "Something does not work; see what to do above. `meadow doctor --report` makes a text to share."
    return "Meadow works here, but could work better; see above." if counts["warn"] else "All is well."
