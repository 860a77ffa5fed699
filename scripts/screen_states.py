"""Pictures of the states that a quiet node does not show: a swarm of fourteen, a download, a failure, each dialog.

    scripts/screen_states.py FOLDER SCHEME [--only WORD]      (QT_SCALE_FACTOR=2 for large ones)

The real window over a node that only answers what is written down in screen_desk.py. screenshots.py runs it for each
look. A new state is one more line in STATES; LOOKS are whole walks through the app in another language or size.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QMetaObject, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from screen_desk import LEAST, NARROW, ROOT, WIDE, Desk, class_name, settle, trees  # type: ignore[import-not-found]

sys.path.insert(0, str(ROOT / "scripts"))
import translate  # type: ignore[import-not-found]  # noqa: E402

from meadow_app.link.call import Failure  # noqa: E402

State = Callable[[Desk], object]
ROUTE_LINE = "4.1 tok/s over 3 peers · first token 0.8 s"


def share(tree: dict[str, Any], size: tuple[int, int] = WIDE) -> State:
    def state(desk: Desk) -> None:
        desk.tell(tree)
        desk.go("share", size)

    return state


def swarm(*models: dict[str, Any], size: tuple[int, int] = WIDE, press: str = "", **more: Any) -> State:
    def state(desk: Desk) -> None:
        desk.tell(trees.base(swarm=trees.swarm(*models, **more)))
        desk.go("swarm", size)
        if press:
            desk.press(press)

    return state


def table(size: tuple[int, int] = WIDE) -> State:
    def state(desk: Desk) -> None:
        swarm(trees.large_model(), trees.gappy_model(), size=size, press="As a table")(desk)
        desk.later = lambda: desk.press("As a picture")

    return state


def talk(name: str, *presses: str, size: tuple[int, int] = WIDE, **parts: Any) -> State:
    def state(desk: Desk) -> None:
        desk.tell({**trees.sharing(), **parts})
        desk.talk(name)
        desk.go("chat", size)
        for text in presses:
            desk.press(text)

    return state


def route(name: str = "finished", line: str = ROUTE_LINE, size: tuple[int, int] = WIDE) -> State:
    """The way of a token is open, and closed again after the picture."""

    def state(desk: Desk) -> None:
        talk(name, line, size=size)(desk)
        desk.later = lambda: desk.press(line)

    return state


def picker(
    model: str = "", info: dict[str, Any] | Failure | None = None, size: tuple[int, int] = WIDE, **parts: Any
) -> State:
    """The list of models; ``parts`` of the tree come when it is open."""

    def state(desk: Desk) -> None:
        talk("finished", size=size)(desk)
        if info is not None:
            desk.link.api.on("GET", "/api/models/info", info)
        found = next(one for one in desk.screens.items() if "ModelPicker" in class_name(one))
        QMetaObject.invokeMethod(found, "open")
        if model:
            desk.app.models.picker("chat").look(model)
        settle()
        desk.link.patch(**parts)
        desk.rest()

    return state


def fetching(**progress: Any) -> dict[str, Any]:
    return {f"chat:{trees.MODEL}": {"model": trees.MODEL, "progress": progress}}


def token(desk: Desk) -> None:
    picker()(desk)
    desk.press("Hub token…")


def search(desk: Desk) -> None:
    talk("finished")(desk)
    QTest.keyClick(desk.window, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    desk.types("table")
    QTest.qWait(600)  # it is asked for when nothing is written any more
    desk.rest()
    desk.later = lambda: [QTest.keyClick(desk.window, Qt.Key.Key_Backspace) for _ in "table"]


def removed(desk: Desk) -> None:
    """A chat was deleted, and can come back."""
    talk("finished")(desk)
    desk.app.chat.remove(desk.app.chat.currentId)
    desk.rest()
    desk.later = desk.app.chat.undo.take


def message_removed(desk: Desk) -> None:
    talk("finished")(desk)
    messages = desk.app.chat.current._messages
    desk.app.chat.current.remove(messages[len(messages) - 1])
    desk.rest()
    desk.later = desk.app.chat.undo.take


def menu_of_message(desk: Desk) -> None:
    talk("finished")(desk)
    QTest.keyClick(desk.window, Qt.Key.Key_Backtab, Qt.KeyboardModifier.ShiftModifier)
    found = next(one for one in desk.screens.items() if class_name(one).startswith("MessageItem"))
    QMetaObject.invokeMethod(found, "menu")
    desk.rest()


def editing(desk: Desk) -> None:
    talk("finished")(desk)
    found = next(one for one in desk.screens.items() if class_name(one).startswith("MessageItem"))
    QMetaObject.invokeMethod(found, "edit")
    desk.rest()


def link(status: str, message: str = "", code: str = "", *, page: str = "chat", size: tuple[int, int] = WIDE) -> State:
    """The node cannot be reached, or is on its way."""

    def state(desk: Desk) -> None:
        desk.tell(trees.sharing())
        desk.talk("finished")
        desk.link.become(status, message, code)
        desk.go(page, size)
        desk.later = lambda: desk.link.become("connected")

    return state


def no_model(**demo: Any) -> State:
    def state(desk: Desk) -> None:
        desk.tell({**trees.base(swarm=trees.swarm()), "demo": {"status": "off", "model": "demo-model", **demo}})
        desk.app.chat.newChat()
        desk.go("chat")

    return state


def remarks(size: tuple[int, int] = WIDE) -> State:
    """The settings have something to say about their file."""

    def state(desk: Desk) -> None:
        desk.tell(trees.base())
        desk.remarks(True)
        desk.go("settings/network", size)
        desk.later = lambda: desk.remarks(False)

    return state


def doctor(desk: Desk) -> None:
    desk.tell(trees.base())
    desk.go("settings/diagnostics")
    desk.press("Run the checks")


def notices(desk: Desk) -> None:
    desk.tell(trees.sharing())
    desk.go("share")
    desk.app.notify("The last answer is on the clipboard.", "info")
    desk.app.notify("This version of Meadow cannot take invitations yet.", "warn")
    desk.app.notify("The disk is full, so this could not be kept. Make room, then try again.", "error")
    desk.rest()
    desk.later = lambda: [desk.press("Close this message") for _ in range(3)]


def hostile_names(desk: Desk) -> None:
    """A swarm whose servers and models are named to do harm."""
    from hostile import HOSTILE  # type: ignore[import-not-found]

    names = ("html", "right_to_left", "zalgo", "long_word", "control", "format", "emoji", "only_invisible")
    servers = [trees.server(at, 3 * at, 3 * at + 8, 40.0) | {"name": HOSTILE[one]} for at, one in enumerate(names)]
    model = trees.model(HOSTILE["image_remote"], 32, servers)
    desk.tell(trees.base(swarm=trees.swarm(model, trees.model(HOSTILE["long_word"][:5000], 4, []))))
    desk.go("swarm")


PAUSED = trees.waiting("paused", "Paused by you.", until=trees.NOW + 3600)
OFF = trees.base(share=trees.share("off", "never_turned_on", "Sharing is off; it was never turned on."))
GPU = {"phase": "downloading", "progress": {"done": 812e6, "total": 2.31e9, "rate": 21e6, "seconds_left": 71.0}}
RUNTIME = trees.base(
    share=trees.share("starting", "gpu_runtime", "", "on", was_on=True, model=trees.MODEL, gpu_runtime=GPU)
)
FULL = trees.problem("disk_full", "The disk is full.", "Make room on it, then try again.", "free_disk")
CLOSED = {"model": "meta/closed", "gated": True, "reason": "Its owner must let you in."}
BROKEN = "settings.json, line 3: this is no JSON. Mend the line, or set the file aside."
ENDED = "The node has ended unexpectedly. Start it again, or copy the diagnostics for whoever helps you."


def addresses(desk: Desk) -> None:
    """The addresses that others join by; hidden again afterwards."""
    swarm(trees.large_model(), press="Addresses for others")(desk)
    desk.later = lambda: desk.press("Hide the addresses")


def settings(page: str) -> State:
    """A page of the settings."""

    def state(desk: Desk) -> None:
        desk.tell(trees.base())
        desk.go(f"settings/{page}")

    return state


STATES: dict[str, State] = {
    "chat-finished": talk("finished"),
    "chat-streaming": talk("streaming"),
    "chat-failed": talk("failed"),
    "chat-stopped": talk("stopped"),
    "chat-interrupted": talk("interrupted"),
    "chat-moved": talk("moved"),
    "chat-full": talk("full"),
    "chat-hostile": talk("hostile"),
    "chat-narrow": talk("finished", size=NARROW),
    "chat-drawer": talk("finished", "Menu", size=NARROW),
    "chat-readers": talk("finished", "Who could read this chat"),
    "chat-instructions": talk("finished", "Instructions and style"),
    "chat-custom": talk("finished", "Instructions and style", "Custom"),
    "chat-more": talk("finished", "More"),
    "chat-rename": talk("finished", "More", "Rename…"),
    "chat-menu": menu_of_message,
    "chat-edit": editing,
    "chat-removed": removed,
    "chat-message-removed": message_removed,
    "chat-route": route(),
    "chat-route-moved": route("moved", ROUTE_LINE + " · moved from Misty Reed to Steady Oak in 0.6 s"),
    "chat-route-narrow": route(size=LEAST),
    "chat-model": picker(),
    "chat-model-narrow": picker(size=LEAST),
    "chat-model-download": picker(
        trees.MODEL, downloads=fetching(done=1.2e9, total=4.98e9, rate=12.4e6, seconds_left=305.0)
    ),
    "chat-model-cancelled": picker(trees.MODEL, {**trees.INFO, "chat_part_missing_bytes": 3_780_000_000}, downloads={}),
    "chat-model-failed": picker(trees.MODEL, problems={f"model:{trees.MODEL}": FULL}),
    "chat-model-gated": picker("meta/closed", CLOSED),
    "chat-model-unknown": picker("a/b", Failure("not_found", "The hub has no model of this name.", 404)),
    "chat-token": token,
    "chat-no-model": no_model(),
    "chat-demo-starts": no_model(status="starting", step=1, steps=3),
    "node-starting": link("starting"),
    "node-lost": link("lost", "The connection to Meadow's node is lost. Looking for it."),
    "node-failed": link("failed", ENDED, "node_ended"),
    "node-failed-share": link("failed", ENDED, "node_ended", page="share"),
    "node-failed-narrow": link("failed", ENDED, "node_ended", size=LEAST),
    "share-off": share(OFF),
    "share-gpu-runtime": share(RUNTIME),
    "share-opening": share(trees.starting("opening")),
    "share-downloading": share(trees.starting("downloading")),
    "share-loading": share(trees.starting("loading")),
    "share-measuring": share(trees.starting("measuring")),
    "share-joining": share(trees.starting("joining")),
    "share-sharing": share(trees.sharing()),
    "share-paused": share(PAUSED),
    "share-battery": share(trees.waiting("on_battery", "Waiting: the computer runs on battery.")),
    "share-draining": share(trees.draining()),
    "share-problem": share(trees.failed()),
    "share-problem-narrow": share(trees.failed(), NARROW),
    "share-narrow": share(trees.sharing(), LEAST),
    "swarm-large": swarm(trees.large_model(), trees.small_model()),
    "swarm-table": table(),
    "swarm-table-narrow": table(LEAST),
    "swarm-gap": swarm(trees.gappy_model()),
    "swarm-widest": swarm(trees.widest_model()),
    "swarm-narrow": swarm(trees.large_model(), size=NARROW),
    "swarm-none": swarm(),
    "swarm-addresses": addresses,
    "swarm-hostile": hostile_names,
    "settings-sharing": lambda desk: [desk.tell(trees.base()), desk.go("settings/sharing")],
    "settings-remarks": remarks(),
    "settings-remarks-narrow": remarks(LEAST),
    "settings-doctor": doctor,
    "settings-broken": link("failed", BROKEN, "settings", page="settings"),
    "quit": lambda desk: [desk.app.quitAsked.emit("This computer stops sharing."), desk.rest()],
    "search": search,
    "notices": notices,
}
WALK: dict[str, State] = {
    "chat": talk("finished"),
    "share": share(trees.sharing()),
    "share-off": share(OFF),
    "swarm": swarm(trees.large_model(), trees.gappy_model()),
    **{
        f"settings-{name}": settings(name)
        for name in ("general", "chat", "sharing", "network", "api", "storage", "keyboard", "diagnostics", "about")
    },
}
LOOKS: dict[str, tuple[str, float, tuple[int, int]]] = {
    "german": ("de", 1.0, WIDE),
    "pseudo": ("en-XA", 1.0, WIDE),
    "from-right": ("ar-XB", 1.0, WIDE),
    "large": ("en", 1.8, WIDE),
    "least": ("en", 1.0, LEAST),
    "least-large": ("de", 1.8, LEAST),
}


def welcome(desk: Desk, take: Callable[[str], None]) -> None:
    """The first minute."""
    desk.window.setProperty("welcome", True)
    for size, (width, height) in (("", WIDE), ("-narrow", NARROW), ("-least", LEAST)):
        desk.screens.set(width=width, height=height)
        for name, step in (
            ("choose", lambda: None),
            ("join", desk.app.onboarding.chooseJoin),
            ("readers", desk.app.onboarding.chooseDemo),
        ):
            step()
            desk.rest()
            take(f"state-welcome-{name}{size}")
        desk.app.onboarding.back()
    desk.window.setProperty("welcome", False)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("scheme", choices=("light", "dark"))
    parser.add_argument("--only", default="", metavar="WORD")
    options = parser.parse_args()
    application = QApplication(["meadow"])
    application.setQuitOnLastWindowClosed(False)
    with tempfile.TemporaryDirectory(prefix="mw-") as home, tempfile.TemporaryDirectory(prefix="mw-") as translations:
        translate.pretend(Path(translations))
        desk = Desk(options.scheme, Path(home), Path(translations))

        def take(name: str) -> None:
            look = f"{options.scheme}-{int(desk.window.devicePixelRatio())}00"
            desk.window.grabWindow().save(str(options.folder / f"{name}-{look}.png"))

        def takes(name: str, state: State) -> None:
            if options.only not in name:
                return
            try:
                state(desk)
                take(name)
                desk.escape()
            except AssertionError as error:
                desk.screens.warnings.append(f"{name}: {error}")

        if options.only in "state-welcome":
            welcome(desk, take)
        for name, state in STATES.items():
            takes(f"state-{name}", state)
        for look, (desk.language, desk.zoom, desk.size) in LOOKS.items():
            for name, state in WALK.items():
                takes(f"look-{look}-{name}", state)
        warnings = list(desk.screens.warnings)
        desk.screens.close()
    for line in warnings:
        print(line)
    return 1 if warnings else 0


if __name__ == "__main__":
    sys.exit(main())
