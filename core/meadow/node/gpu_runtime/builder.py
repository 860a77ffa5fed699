"""The process that makes the GPU runtime, so that neither the hashing nor a kill in the middle touches the node.

    python -m meadow.node.gpu_runtime.builder    first line on standard input: a job; anything more ends it

Events go to the parent as JSON lines: ``phase``, ``progress``, ``built``, ``error``. What was fetched stays, whatever
happens; what was unpacked counts only when it has worked here.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Final

from meadow.errors import DiskFull, MeadowError
from meadow.models.download import DEFAULT_POLICY, RetryPolicy
from meadow.models.progress import Progress, ProgressMeter
from meadow.node.gpu_runtime.check import check
from meadow.node.gpu_runtime.fetch import fetch_wheels
from meadow.node.gpu_runtime.index import PackageIndex, index_url
from meadow.node.gpu_runtime.lock import Lock
from meadow.node.gpu_runtime.place import Place, discard
from meadow.node.gpu_runtime.unpack import unpack
from meadow.platform.paths import FileLock

Tell = Callable[..., None]
_TELL_SECONDS: Final = 0.25


def build(place: Place, tell: Tell, *, index: str | None = None, policy: RetryPolicy = DEFAULT_POLICY) -> None:
    """Fetch, unpack, try, accept. Raises MeadowError: why there is no runtime."""
    try:
        place.make()
        held = _alone(place)
        try:
            if not place.ready():
                _build(place, tell, index, policy)
            place.tidy()
        finally:
            held.release()
    except DiskFull as error:
        raise MeadowError(str(error), code="gpu_runtime_disk") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            text = "The disk is full, so the GPU runtime could not be made. What is there is kept. Make room first."
            raise MeadowError(text, code="gpu_runtime_disk") from error
        text = f"The folder for the GPU runtime cannot be used ({error.strerror}). See `meadow doctor`."
        raise MeadowError(text, code="gpu_runtime") from error


def _alone(place: Place) -> FileLock:
    file = place.folder / "lock"
    file.touch(mode=0o600)
    try:
        return FileLock(file)
    except BlockingIOError:
        raise MeadowError("Another Meadow makes the GPU runtime now. Try again soon.", code="gpu_runtime") from None


def _build(place: Place, tell: Tell, index: str | None, policy: RetryPolicy) -> None:
    report = _every(_TELL_SECONDS, tell)
    tell("phase", phase="downloading")
    if any(not (place.wheels / wheel.file).is_file() for wheel in place.lock.wheels):
        source = PackageIndex(index or index_url())
        try:
            fetch_wheels(place.lock, place.wheels, source, report, policy=policy)
        finally:
            source.close()
    tell("phase", phase="installing")
    discard(place.new)
    place.new.mkdir(mode=0o700)
    try:
        meter = ProgressMeter(place.lock.disk_bytes, report)
        for wheel in place.lock.wheels:
            unpack(wheel, place.wheels / wheel.file, place.new, partial(meter.add, file=wheel.name))
        tell("phase", phase="checking")
        why_not = check(place.new, environment_of(place.new))
        if why_not is not None:
            raise MeadowError(f"The GPU runtime was made, but does not work here. {why_not}", code="gpu_runtime_check")
        place.accept()
    except BaseException:
        discard(place.new)
        raise


def environment_of(site: Path) -> dict[str, str]:
    """What gives a process the runtime in ``site``."""
    others = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": f"{site}{os.pathsep}{others}" if others else str(site)}


def _every(seconds: float, tell: Tell) -> Callable[[Progress], None]:
    """Tell progress at a pace for people."""
    last = float("-inf")

    def report(progress: Progress) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= seconds or progress.done == progress.total:
            last = now
            values = asdict(progress)
            values.pop("file")
            tell("progress", **values)

    return report


def main() -> int:
    """Standard input to standard output; see the module's text."""
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print must not garble the events

    def tell(event: str, **fields: Any) -> None:
        try:
            events.write(json.dumps({"event": event, **fields}) + "\n")
            events.flush()
        except OSError:
            os._exit(1)

    job = json.loads(sys.stdin.readline())

    def end() -> None:
        sys.stdin.readline()  # a command, and there is only "stop"; or the parent's end
        os._exit(0)

    threading.Thread(target=end, name="parent", daemon=True).start()
    try:
        place = Place(Path(job["cache"]), Lock.from_json(job["lock"]))
        build(place, tell, index=job.get("index"), policy=RetryPolicy(**job.get("policy", {})))
        tell("built")
    except MeadowError as error:
        tell("error", code=error.code, message=str(error))
    except Exception:
        traceback.print_exc()
        tell("error", code="internal", message="Making the GPU runtime failed.")
    os._exit(0)  # without waiting for the thread that reads


if __name__ == "__main__":
    sys.exit(main())
