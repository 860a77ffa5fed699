"""A node whose home is on a full disk: it starts, says so, and goes on when there is room. Run inside a small tmpfs."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path


def main(folder: Path) -> None:
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    home = folder / "home"
    with subprocess.Popen(
        [sys.executable, "-m", "meadow", "--home", str(home), "node", "--new-swarm", "--json"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as node:
        assert node.stdout is not None
        try:
            waiting = json.loads(node.stdout.readline())
            assert (waiting["event"], waiting["code"]) == ("waiting", "disk_full"), waiting
            filler.unlink()
            ready = json.loads(node.stdout.readline())
            assert ready["event"] == "ready", ready
            assert Path(ready["token_file"]).stat().st_mode & 0o777 == 0o600
        finally:
            node.terminate()
        assert node.wait(30) in (0, 143)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
