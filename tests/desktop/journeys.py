"""What the journeys share: a node of the app's own home, looked at from beside the window, and things people do."""

from __future__ import annotations

import contextlib
import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import psutil
from person import Item, Person

BUNDLED = Path(__file__).parents[2] / "resources" / "demo-model"
WELCOME = "Welcome to Meadow"
DEMO = "Chat with the demo on this computer"
START = "Start chatting"
SUGGESTION = "How does Meadow work?"
QUESTION = "What is a swarm?"
LONG_QUESTION = "Tell me a story about a meadow."
MESSAGE = "Message"  # the name of the message box


@contextlib.contextmanager
def new_home() -> Iterator[Path]:
    """A folder where Meadow has never been, with a path short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="mw-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


class Beside:
    """The node behind a window, asked as another program would ask it."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def __enter__(self) -> Beside:
        return self

    def __exit__(self, *_: object) -> None:
        """End the node that the app left running, and everything that it started."""
        with contextlib.suppress(OSError, ValueError, KeyError, psutil.NoSuchProcess):
            node = psutil.Process(self.announced()["pid"])
            tree = [*node.children(recursive=True), node]
            node.terminate()
            _, left = psutil.wait_procs(tree, timeout=30)
            for process in left:
                process.kill()
            assert not left, f"left behind: {left}"

    def announced(self) -> dict[str, Any]:
        """What the node says of itself to whoever looks for it."""
        return json.loads((self.home / "node.json").read_text())

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One request."""
        token = (self.home / "api-token").read_text().strip()
        answer = httpx2.request(
            method,
            self.announced()["url"] + path,
            json=body,
            headers={"authorization": f"Bearer {token}"},
            trust_env=False,
            timeout=60,
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def tree(self) -> dict[str, Any]:
        """The state; empty while no node answers."""
        try:
            return self.ask("GET", "/api/state")
        except (OSError, ValueError, KeyError, httpx2.HTTPError):
            return {}

    def share(self) -> dict[str, Any]:
        """What it says of sharing."""
        return self.tree()["share"]

    def process(self) -> psutil.Process:
        """The node itself."""
        return psutil.Process(self.announced()["pid"])

    def processes(self, word: str) -> list[psutil.Process]:
        """Descendants of the node whose command line holds ``word``."""
        found = []
        for process in self.process().children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if any(word in part for part in process.cmdline()):
                    found.append(process)
        return found


def welcomed(person: Person) -> Person:
    """The window of somebody who starts Meadow for the first time."""
    person.waits_for_the_window(first_time=True)
    person.sees(WELCOME)
    return person


def focused(person: Person, name: str) -> Item | None:
    """Whether the keys go to the thing of this name."""
    item = person.focus()
    return item if item is not None and item.name == name else None


def tabs_to(person: Person, name: str) -> None:
    """Press Tab until the focus is there."""

    def reaches() -> bool:
        if focused(person, name):
            return True
        person.presses("Tab")
        return False

    person.until(reaches, f"the focus on {name}")


def messages(node: Beside) -> list[dict[str, Any]]:
    """Those of the newest chat, as the node keeps them."""
    chat = node.ask("GET", "/api/chats")["chats"][0]
    return node.ask("GET", f"/api/chats/{chat['id']}/messages")["messages"]


def answers(node: Beside) -> list[str]:
    """The texts of the newest chat's answers."""
    return [message["content"] for message in messages(node) if message["role"] == "assistant"]


def for_people(text: str) -> str:
    """The node's sentence with its blocks as the window writes them: START:END counts from zero, people from one."""

    def counted(found: re.Match[str]) -> str:
        start, end = int(found[1]), int(found[2])
        return f"block {end}" if end - start == 1 else f"blocks {start + 1}–{end}"

    return re.sub(r"blocks (\d+):(\d+)", counted, text)


def agree(person: Person, node: Beside, state: str, word: str) -> None:
    """The node is in this state, and the card and the page say its word and its sentence."""
    person.until(lambda: node.share()["state"] == state, f"the state {state}")
    person.finds(f"Sharing: {word}", "Grouping")

    def same() -> bool:
        share, items = node.share(), [item for item in person.items() if item.visible]
        said = for_people(share["text"])
        shown = [item for item in items if item.name.startswith(said)]
        return share["state"] == state and len(shown) >= 2 and any(item.name == word for item in items)

    person.until(same, "one sentence on card and page and in the node")
