"""A person before the window: finds things by what a screen reader would say, and presses real keys and buttons."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from desktop import Desktop

SECONDS = 60.0  # a deadline, never a measure: the machine may be busy
PRESSES = 12  # within these seconds, of a key that does nothing
KEYS = {"Ctrl": "ctrl", "Shift": "shift", "Alt": "alt", "Esc": "Escape", "Return": "Return", "Tab": "Tab"}
KEYS |= {
    ",": "comma",
    "+": "plus",
    "-": "minus",
    "=": "equal",
    "/": "slash",
    "Space": "space",
    "Backtab": "ISO_Left_Tab",
}

_T = TypeVar("_T")


@dataclass(frozen=True)
class Item:
    """Something in the window as a screen reader finds it."""

    depth: int
    role: str
    name: str
    description: str
    value: str
    rect: list[int]
    states: list[str]

    @property
    def visible(self) -> bool:
        return "invisible" not in self.states and self.rect[2] > 0 and self.rect[3] > 0

    @property
    def text(self) -> str:
        """All that it says."""
        return "\n".join((self.name, self.description, self.value))

    def is_(self, state: str) -> bool:
        return state in self.states


class Person:
    """Starts the app on ``desktop`` and uses it. ``with Person(...) as person`` ends whatever is left of it."""

    def __init__(
        self, desktop: Desktop, home: Path, *arguments: str, first_time: bool = False, **environment: str
    ) -> None:
        """Unless it is the ``first_time``, the person has been welcomed already."""
        self.desktop, self.home = desktop, home
        if desktop.display:
            desktop.keep_managed()
        if not first_time and not (home / "app.json").exists():
            (home / "app.json").write_text(json.dumps({"version": 1, "remembered": {"onboarding": 1}}))
        self.errors = home / f"app-{time.monotonic_ns()}.txt"
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("driven.py")), "--home", str(home), *arguments],
                env={**desktop.environment, **environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self._answers: queue.Queue[dict[str, Any] | None] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self) -> Person:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with contextlib.suppress(OSError):
                pipe.close()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with contextlib.suppress(ValueError):
            for line in self.process.stdout:
                if line.startswith("{"):
                    self._answers.put(json.loads(line))
        self._answers.put(None)

    def _next(self) -> dict[str, Any]:
        try:
            answer = self._answers.get(timeout=SECONDS)
        except queue.Empty:
            raise AssertionError(f"the window is frozen; it said: {self.said()}") from None
        if answer is None:
            self._answers.put(None)
            raise AssertionError(f"the app has ended ({self.process.poll()}); it said: {self.said()}")
        return answer

    def _ask(self, do: str, **arguments: Any) -> Any:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self.process.stdin.flush()
        except OSError as error:
            raise AssertionError(f"the app has ended ({error}); it said: {self.said()}") from None
        answer = self._next()
        assert "error" not in answer, answer["error"]
        return answer["reply"]

    def said(self) -> str:
        """What the app wrote to standard error: QML warnings are there."""
        return self.errors.read_text(errors="replace")

    def complaints(self) -> list[str]:
        """What of that must never come: mistakes in QML and Python."""
        words = ("Error:", "error occurred", "Binding loop", "is not a type", "Traceback", "Unable to assign")
        return [line for line in self.said().splitlines() if any(word in line for word in words)]

    # Looking

    def waits_for_the_window(self, *, first_time: bool = False) -> Person:
        """Until it is there, has the keys, and what comes after the first frame has come."""
        assert "opened" in self._next()
        self.until(lambda: any(window["active"] for window in self.windows()), "an active window")
        if first_time:
            self.until(lambda: len(self.items()) > 5, "the welcome")
        else:
            self.finds("New chat", "Button")
        return self

    def windows(self) -> list[dict[str, Any]]:
        return self._ask("windows")

    def menu(self) -> list[str]:
        """What the open menu of the tray offers; empty: none is open."""
        return self._ask("menu")

    def items(self) -> list[Item]:
        """Everything in the window, also what is hidden."""
        return [Item(**item) for item in self._ask("tree")]

    def looks_for(self, name: str, role: str = "", *, exact: bool = True) -> Item | None:
        """The visible thing of this name now, or None."""
        for item in self.items():
            if item.visible and role in ("", item.role):
                if item.name == name if exact else name in item.text:
                    return item
        return None

    def finds(self, name: str, role: str = "") -> Item:
        """The visible thing of this name, as soon as it is there."""
        return self.until(lambda: self.looks_for(name, role), f"{role or 'something'} named {name!r}")

    def sees(self, text: str) -> Item:
        """Wait for a text anywhere in the window."""
        return self.until(lambda: self.looks_for(text, exact=False), f"the text {text!r}")

    def sees_no_more(self, text: str) -> None:
        """Wait until a text is nowhere."""
        self.until(lambda: self.looks_for(text, exact=False) is None, f"the end of the text {text!r}")

    def focus(self) -> Item | None:
        """What has the keys: the innermost, because a page around it has them as well."""
        focused = [item for item in self.items() if item.visible and item.is_("focused")]
        return focused[-1] if focused else None

    def until(self, condition: Callable[[], _T | None], what: str) -> _T:
        """The first result of ``condition`` that is true."""
        deadline = time.monotonic() + SECONDS
        while True:
            result = condition()
            if result:
                return result
            if time.monotonic() > deadline:
                seen = [(item.role, item.text.strip()) for item in self.items() if item.visible and item.text.strip()]
                raise AssertionError(f"{what} did not come. There is: {seen}\nIt said: {self.said()}")
            time.sleep(0.05)

    def screenshot(self, file: Path) -> Path:
        """A picture of the window."""
        assert self._ask("grab", file=str(file)), file
        return file

    # Hands

    def click(self, name: str, role: str = "") -> None:
        """Press the button of the mouse on something, once it is where it stays and can be used."""

        def ready() -> Item | None:
            item = self.looks_for(name, role)
            return item if item is not None and not item.is_("disabled") else None

        rects: list[list[int]] = []
        while len(rects) < 4 or any(rect != rects[-1] for rect in rects[-4:]):
            item = self.until(ready, f"{role or 'something'} named {name!r} that can be pressed")
            rects.append(item.rect)
            time.sleep(0.03)
        self.click_at(item.rect[0] + item.rect[2] // 2, item.rect[1] + item.rect[3] // 2)

    def click_at(self, x: int, y: int) -> None:
        if self.desktop.display:
            self.desktop.run("xdotool", "mousemove", str(x), str(y), "click", "1")
        else:
            self._ask("click", x=x, y=y)

    def presses(self, keys: str) -> None:
        """One chord, such as "Ctrl+N", or "Tab"."""
        if self.desktop.display:
            parts = ["+" if part == "" else part for part in keys.replace("++", "+\0").split("+")]
            parts = ["+" if part == "\0" else part for part in parts]
            self.desktop.run(
                "xdotool", "key", "+".join(KEYS.get(part, part.lower() if len(part) == 1 else part) for part in parts)
            )
        else:
            self._ask("presses", keys=keys)

    def types(self, text: str) -> None:
        """Write with the keyboard."""
        if self.desktop.display:
            self.desktop.run("xdotool", "type", "--delay", "2", "--", text)
        else:
            self._ask("types", text=text)

    def resizes(self, width: int, height: int) -> None:
        self._ask("resize", width=width, height=height)

    def closes_the_window(self) -> None:
        """With the key of the window manager, as often as it takes: a press is lost while another window comes up."""
        if not self.desktop.display:
            self._ask("close")
            return
        before = self._ask("closings")
        for _ in range(PRESSES):
            self.desktop.keep_managed()
            self.until(lambda: any(window["active"] for window in self.windows()), "an active window")
            self.presses("Alt+F4")
            patience = time.monotonic() + SECONDS / PRESSES
            while time.monotonic() < patience:
                if self._ask("closings") > before:
                    return
                time.sleep(0.05)
        raise AssertionError(f"nobody asked the app to close its window. It said: {self.said()}")

    def end(self) -> int:
        """Wait for the end of the app; its exit status."""
        return self.process.wait(SECONDS)
