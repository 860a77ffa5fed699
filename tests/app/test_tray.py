"""The tray: what it shows in each state, what its menu does, what it tells and how rarely, trays that come and go."""

from __future__ import annotations

from typing import Any

import pytest
from fakes import FakeLink, settle, spin
from PySide6.QtCore import QRect
from PySide6.QtGui import QIcon, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

from meadow_app.news import Pace, between, unmarked
from meadow_app.resources import resource_root
from meadow_app.share.share import Share
from meadow_app.share.words import SHAPES
from meadow_app.tray import Tray, app_icon

ICONS = resource_root() / "icons"
OFF = {"state": "off", "reason": "turned_off", "text": "Sharing is off.", "wanted": "off", "was_on": True}
ON = {"state": "sharing", "reason": "serving", "wanted": "on", "was_on": True, "model": "owner/name", "sessions": 2}
PAUSED = {**ON, "state": "waiting", "reason": "paused", "wanted": "paused"}
DRAINING = {**ON, "state": "draining", "reason": "finishing", "wanted": "finishing"}


def tree(share: dict[str, Any], **parts: Any) -> dict[str, Any]:
    return {"version": 1, "node": {"pid": 1, "started": 5.0}, "share": share, **parts}


class Desk:
    """A tray with everything around it."""

    def __init__(self, share: dict[str, Any] = OFF, **parts: Any) -> None:
        self.link = FakeLink(tree(share, **parts))
        self.there, self.hidden, self.now = True, False, 1000.0
        self.share = Share(self.link)  # type: ignore[arg-type]
        self.tray = Tray(
            self.link,  # type: ignore[arg-type]
            self.share,
            hidden=lambda: self.hidden,
            there=lambda: self.there,
            clock=lambda: self.now,
        )
        self.pages: list[str] = []
        self.told: list[tuple[str, str, str]] = []
        self.quits = 0
        self.tray.openWanted.connect(self.pages.append)
        self.tray.quitWanted.connect(self._quit)
        self.tray.start()
        self.link.api.requests.clear()
        if self.tray.icon is not None:
            self.tray.tell = lambda *news: self.told.append(news)  # type: ignore[method-assign, assignment]

    def _quit(self) -> None:
        self.quits += 1

    def labels(self) -> list[str]:
        """What can be chosen in the menu now."""
        found = []
        for action in self.tray.menu.actions():
            if action.isVisible() and action.isEnabled() and not action.isSeparator():
                menu = action.menu()
                found += [f"{action.text()} {one.text()}" for one in menu.actions()] if menu else [action.text()]
        return found

    def choose(self, text: str) -> None:
        for action in [*self.tray.menu.actions(), *self.tray._pause_menu.actions()]:
            if action.text() == text and action.isVisible() and action.isEnabled():
                action.trigger()
                return
        raise AssertionError(f"{text} is not in {self.labels()}")

    def asked(self) -> list[tuple[str, Any]]:
        return [(request.path, request.body) for request in self.link.api.requests if request.method == "POST"]


PAUSES = ["Pause For 1 hour", "Pause Until tomorrow", "Pause Until I resume"]


@pytest.mark.parametrize(
    ("share", "labels"),
    [
        (OFF, ["Share this computer", "Open Meadow", "Quit Meadow"]),
        (ON, [*PAUSES, "Finish, then stop", "Open Meadow", "Quit, and stop sharing…"]),
        (PAUSED, ["Resume sharing", "Finish, then stop", "Open Meadow", "Quit, and stop sharing…"]),
        (DRAINING, ["Share this computer", "Open Meadow", "Quit, and stop sharing…"]),
    ],
)
def test_the_menu_offers_what_can_be_done(share: dict[str, Any], labels: list[str]) -> None:
    assert Desk(share).labels() == labels


def test_the_verbs_reach_the_node() -> None:
    desk = Desk(ON)
    desk.choose("For 1 hour")
    desk.choose("Until I resume")
    desk.choose("Until tomorrow")
    desk.choose("Finish, then stop")
    (hour, endless, tomorrow, finish) = desk.asked()
    assert (hour, endless, finish) == (("/api/pause", {"seconds": 3600.0}), ("/api/pause", {}), ("/api/finish", {}))
    assert 7 * 3600 < tomorrow[1]["seconds"] < 33 * 3600
    desk.link.tell(tree(PAUSED))
    desk.choose("Resume sharing")
    desk.choose("Open Meadow")
    desk.choose("Quit, and stop sharing…")
    assert desk.asked()[4:] == [("/api/resume", {})]
    assert (desk.pages, desk.quits) == ([""], 1)


def test_the_first_time_a_person_reads_what_sharing_would_do() -> None:
    desk = Desk({**OFF, "reason": "never_turned_on"})
    desk.choose("Share this computer")
    assert (desk.pages, desk.asked()) == (["share"], [])
    again = Desk()
    again.link.api.on("GET", "/api/settings", {"values": {"share.model": "owner/name"}})
    again.link.become("connected")
    spin(lambda: again.share.model == "owner/name")
    again.choose("Share this computer")
    assert (again.pages, again.asked()) == ([], [("/api/share", {"model": "owner/name"})])


def test_without_a_node_there_is_nothing_to_command() -> None:
    desk = Desk(ON)
    desk.link.become("lost", "The connection to Meadow's node is lost.")
    assert desk.labels()[-2] == "Open Meadow" and not [label for label in desk.labels() if "Pause" in label]
    assert desk.tray.icon is not None
    assert desk.tray.icon.toolTip() == "Meadow: Not connected\nThe connection to Meadow's node is lost."
    desk.link.become("connected")
    assert desk.tray.icon.toolTip().startswith("Meadow: Sharing\n")


def test_the_tooltip_is_the_word_and_the_reason() -> None:
    server = {"status": "online", "start": 0, "end": 12, "model": "owner/name"}
    desk = Desk(ON, servers={"a": server})
    assert desk.tray.icon is not None
    assert desk.tray.icon.toolTip() == "Meadow: Sharing\nSharing blocks 1–12 of owner/name, 2 sessions now."
    assert desk.tray.menu.actions()[0].text().startswith("Sharing blocks 1–12")


HOSTILE = [
    "<b>bold</b><img src='http://x/y.png'>", "&amp;<a href=x>", "\u202eevil", "a\nb\r\nc", "x" * 100_000,
    "\x00\x1b[31m",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_what_others_wrote_is_plain_short_text(text: str) -> None:
    server = {"status": "online", "start": 0, "end": 12, "model": text}
    desk = Desk({**ON, "model": text}, servers={"a": server})
    assert desk.tray.icon is not None
    for shown in (*desk.tray.icon.toolTip().split("\n"), desk.tray.menu.actions()[0].text(), unmarked(text)):
        assert len(shown) <= 250 and not set(shown) & set("<>\x00\x1b\u202e\n\r")
    assert len(desk.tray.icon.toolTip()) < 128
    desk.hidden = True
    desk.link.patch(problems={"p": {"code": "x", "message": text, "advice": text}})
    ((title, body, _),) = desk.told
    assert title == "Meadow has a problem" and len(body) <= 240 and not set(body) & set("<>&\x00\x1b\u202e\n")


def answer(**fields: Any) -> dict[str, Any]:
    return {"id": "r1", "model": "owner/name", "conversation": "c1", "status": "writing", "tokens": 5, **fields}


def test_news_for_who_does_not_look() -> None:
    desk = Desk(ON, chats={"r1": answer(), "r2": answer(conversation=None), "r3": answer(tokens=0)})
    desk.hidden = True
    desk.link.patch(chats={"r1": None, "r2": None, "r3": None})  # r2 is another program's, r3 never began
    desk.link.patch(share={"state": "waiting", "reason": "on_battery"})
    desk.link.patch(problems={"server:a": {"message": "It ended.", "advice": "Try again.", "server_id": "a"}})
    assert desk.told == [
        ("Your answer is finished", "owner/name", "chat"),
        ("This computer does not share now", "Waiting: the computer runs on battery.", "share"),
        ("Meadow has a problem", "It ended. Try again.", "share"),
    ]


def test_no_news_for_who_looks_or_did_it_and_none_of_another_life_of_the_node() -> None:
    desk = Desk(ON, chats={"r1": answer()})
    desk.link.patch(
        chats={"r1": None}, problems={"p": {"message": "m"}}, share={"state": "waiting", "reason": "too_hot"}
    )
    desk.hidden = True
    desk.link.patch(share={"state": "waiting", "reason": "paused", "wanted": "paused"})  # the person did that
    desk.link.patch(chats={"r2": answer()})
    desk.link.tell({**tree(OFF), "node": {"pid": 2, "started": 6.0}, "problems": {"q": {"message": "m"}}})
    assert desk.told == []
    assert between({}, tree(ON, problems={"p": {}})) == []


def test_notifications_are_rare() -> None:
    pace = Pace()
    assert [pace.allows(key, 0.0) for key in "abcd"] == [True, True, True, False]
    assert not pace.allows("a", 61.0)
    assert pace.allows("d", 61.0)
    assert pace.allows("a", 601.0)
    for number in range(100_000):
        pace.allows(str(number), 1000.0 + number)
    assert len(pace.told) < 600


def test_a_tray_that_comes_late_and_one_that_goes() -> None:
    desk = Desk.__new__(Desk)
    desk.there, desk.hidden, desk.now = False, False, 0.0
    desk.link = FakeLink(tree(ON))
    desk.share = Share(desk.link)  # type: ignore[arg-type]
    desk.pages, changes = [], []
    tray = Tray(desk.link, desk.share, hidden=lambda: desk.hidden, there=lambda: desk.there)  # type: ignore[arg-type]
    tray.openWanted.connect(desk.pages.append)
    tray.availableChanged.connect(lambda: changes.append(tray.available))
    tray.start()
    assert not tray.available
    tray.tell("nobody", "can see this")
    desk.there = True
    tray.look()
    tray.look()
    assert tray.available and tray.icon is not None and tray.icon.toolTip().startswith("Meadow: Sharing")
    desk.there = False
    tray.look()
    assert desk.pages == []  # the window is there anyway
    desk.there, desk.hidden = True, True
    tray.look()
    desk.there = False
    tray.look()
    assert desk.pages == [""]  # a hidden window without a tray could never be found again
    tray.stop()
    settle()
    assert changes == [True, False, True, False]


def drawn(icon: QIcon, size: int) -> QImage:
    image = QImage(size, size, QImage.Format.Format_ARGB32)
    image.fill(0)
    painter = QPainter(image)
    icon.paint(painter, QRect(0, 0, size, size))
    painter.end()
    return image


@pytest.mark.parametrize("size", [16, 22, 24, 32, 64])
def test_each_state_has_a_shape_of_its_own_that_light_and_dark_panels_show(size: int) -> None:
    shapes = {}
    for name in [*SHAPES, "lost"]:
        image = drawn(QIcon(str(ICONS / "tray" / f"{name}.svg")), size)
        solid = frozenset((x, y) for x in range(size) for y in range(size) if image.pixelColor(x, y).alpha() > 127)
        assert len(solid) > size * size // 10, name
        for x, y in solid:
            light = image.pixelColor(x, y)
            luminance = sum(
                weight * ((part / 12.92) if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4)
                for weight, part in zip((0.2126, 0.7152, 0.0722), light.getRgbF()[:3], strict=True)
            )
            assert (1.05 / (luminance + 0.05)) >= 2.9 and (luminance + 0.05) / 0.05 >= 3.0, (name, light.name())
        shapes[name] = solid
    names = sorted(shapes)
    for one in names:
        for other in names:
            if one < other:  # told apart without colours: a good part of the picture differs
                differ = len(shapes[one] ^ shapes[other])
                assert differ > 0.2 * min(len(shapes[one]), len(shapes[other])), (one, other)


@pytest.mark.parametrize("size", [16, 24, 32, 48, 64, 128, 256, 512])
def test_the_small_pictures_are_those_of_the_drawing(size: int) -> None:
    stored = QImage(str(ICONS / "app" / f"meadow-{size}.png")).convertToFormat(QImage.Format.Format_ARGB32)
    assert (stored.width(), stored.height()) == (size, size)
    image = QImage(size, size, QImage.Format.Format_ARGB32)
    image.fill(0)
    painter = QPainter(image)
    QSvgRenderer(str(ICONS / "app" / "meadow.svg")).render(painter)
    painter.end()
    step = max(1, size // 16)
    for x in range(0, size, step):
        for y in range(0, size, step):
            for one, other in zip(stored.pixelColor(x, y).getRgb(), image.pixelColor(x, y).getRgb(), strict=True):
                assert abs(one - other) <= 24
    assert not app_icon().isNull()
