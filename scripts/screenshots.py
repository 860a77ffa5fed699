"""Pictures of every screen of the app, in each look, for a person to leaf through.

    scripts/screenshots.py FOLDER [--only WORD]

A real node with the demo swarm, the real window (offscreen, drawn in software), used as a person does. A new screen is
one more line in SCREENS. What the app complained about meanwhile is printed, and makes the exit status 1.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "desktop"), str(ROOT)]

from desktop import offscreen  # type: ignore[import-not-found]  # noqa: E402
from live_node import LiveNode, live_node  # type: ignore[import-not-found]  # noqa: E402
from person import Person  # type: ignore[import-not-found]  # noqa: E402

Steps = Callable[[Person], object]


def chats(person: Person) -> None:
    """A question and its whole answer."""
    person.presses("Ctrl+N")
    person.finds("Message", "EditableText")
    person.types("What is a swarm? Answer with a list.")
    person.presses("Return")
    person.sees("tok/s")


def page(name: str) -> Steps:
    """A page of the settings."""

    def go(person: Person) -> None:
        person.presses("Ctrl+4")
        person.finds("Pages of the settings")
        if person.looks_for("Pages of the settings", "ComboBox"):  # where there is no room beside the page
            person.click("Pages of the settings", "ComboBox")
        person.click(name, "ListItem")

    return go


SCREENS: dict[str, Steps] = {
    "chat-empty": lambda person: person.presses("Ctrl+N"),
    "chat": chats,
    "share": lambda person: person.presses("Ctrl+2"),
    "swarm": lambda person: person.presses("Ctrl+3"),
    **{
        f"settings-{name.lower().replace(' ', '-')}": page(name)
        for name in ("General", "Chat defaults", "Sharing limits", "Network", "API", "Storage", "Diagnostics", "About")
    },
    "settings-keyboard": lambda person: person.presses("F1"),
}
FIRST: dict[str, Steps] = {"welcome": lambda person: None}
"""What only somebody new sees."""

SIZES = {"wide": (1180, 780), "narrow": (500, 700)}


def rest(person: Person) -> None:
    """Until two looks a moment apart see the same, or it moves for good (a cursor, a bar)."""
    before: object = None
    for _ in range(20):
        now = [(item.name, item.rect) for item in person.items()]
        if now == before:
            return
        before = now
        time.sleep(0.15)


def take(folder: Path, node: LiveNode, scheme: str, scale: int, only: str) -> list[str]:
    """All screens in one look; returns the complaints."""
    complaints: list[str] = []
    with offscreen() as desktop, tempfile.TemporaryDirectory(prefix="mw-") as name:
        home = Path(name)
        there = {"MEADOW_URL": node.url, "MEADOW_TOKEN": node.token, "QT_SCALE_FACTOR": str(scale)}
        for first, screens in ((True, FIRST), (False, SCREENS)):
            remembered = {} if first else {"onboarding": 1}
            (home / "app.json").write_text(json.dumps({"version": 1, "scheme": scheme, "remembered": remembered}))
            with Person(desktop, home, first_time=first, **there) as person:
                person.waits_for_the_window(first_time=first)
                for size, (width, height) in SIZES.items():
                    person.resizes(width, height)
                    for screen, steps in screens.items():
                        if only in screen:
                            steps(person)
                            rest(person)
                            person.screenshot(folder / f"{screen}-{size}-{scheme}-{scale}00.png")
                complaints += person.complaints()
    return complaints


def states(folder: Path, scheme: str, scale: int, only: str) -> list[str]:
    """What a quiet node does not show, in one look; returns the complaints."""
    command = [sys.executable, str(ROOT / "scripts" / "screen_states.py"), str(folder), scheme, "--only", only]
    done = subprocess.run(command, env={**os.environ, "QT_SCALE_FACTOR": str(scale)}, capture_output=True, text=True)
    said = done.stdout.splitlines()
    return said if done.returncode in (0, 1) else [*said, *done.stderr.splitlines()]


def main() -> int:
    parser = argparse.ArgumentParser(description="Write pictures of every screen of the app into a folder.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", metavar="WORD", help="only screens whose name holds this")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    complaints: list[str] = []
    with live_node() as node:
        node.wait_until_up()
        for scheme in ("light", "dark"):
            for scale in (1, 2):
                print(f"{scheme}, {scale}00 %", flush=True)
                complaints += take(options.folder, node, scheme, scale, options.only)
                complaints += states(options.folder, scheme, scale, options.only)
    for line in complaints:
        print(line)
    print(f"{len(list(options.folder.glob('*.png')))} pictures in {options.folder}")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
