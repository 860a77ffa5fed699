"""Every screen, walked: names for everything that takes the focus, Tab in and out again, nothing cut off, contrast."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import class_name
from PySide6.QtCore import QLocale, QPointF, Qt, QUrl
from PySide6.QtGui import QAccessible, QColor
from PySide6.QtQml import QQmlComponent, QQmlContext, QQmlExpression
from PySide6.QtQuick import QQuickItem
from PySide6.QtTest import QTest
from screens import Screens

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import translate  # noqa: E402

NO_ELIDE = 3  # Text.ElideNone
SOME = 1.5
"""Pixels by which text may be larger than its place: rounding."""


@pytest.fixture(scope="module")
def screens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Screens]:
    folder = tmp_path_factory.mktemp("translations")
    translate.pretend(folder)
    before = QLocale()
    made = Screens(tmp_path_factory.mktemp("home"), folder)
    yield made
    made.set()
    made.close()
    QLocale.setDefault(before)


def path_of(item: QQuickItem) -> str:
    """Where an item is, for a person who has to find it: classes from the outside in, and what it says."""
    names: list[str] = []
    parent: QQuickItem | None = item
    while parent is not None and len(names) < 8:
        name = re.sub(r"_QML(TYPE)?_\d+(_QML_\d+)?$", "", class_name(parent))
        if not name.startswith(("QQuickItem", "QQuickLoader")) or not names:
            names.append(name)
        parent = parent.parentItem()
    return f"{' < '.join(names)}: {str(item.property('text'))[:60]!r}"


def number(item: QQuickItem, name: str, context: QQmlContext) -> int:
    """A property that is an enumeration of Qt's, which Python cannot read."""
    value = QQmlExpression(context, item, name).evaluate()
    return int(value[0] if isinstance(value, tuple) else value)


def takes_focus(item: QQuickItem) -> bool:
    return item.activeFocusOnTab() and item.isEnabled() and item.width() > 0 and item.height() > 0


def name_and_role(item: QQuickItem) -> tuple[str, QAccessible.Role]:
    interface = QAccessible.queryAccessibleInterface(item)
    if interface is None:
        return "", QAccessible.Role.NoRole
    return interface.text(QAccessible.Text.Name), interface.role()


def unnamed(items: list[QQuickItem]) -> list[str]:
    faults = []
    for item in items:
        if takes_focus(item):
            name, role = name_and_role(item)
            if not name.strip():
                faults.append(f"has no name: {path_of(item)}")
            if role in (QAccessible.Role.NoRole, QAccessible.Role.Client, QAccessible.Role.Pane):
                faults.append(f"has no role: {path_of(item)}")
    return faults


def clipped(screens: Screens, items: list[QQuickItem]) -> list[str]:
    faults, width = [], screens.window.width()
    assert screens.app._engine is not None
    context = screens.app._engine.rootContext()
    for item in items:
        text = item.property("text")
        if not isinstance(text, str) or not text or item.width() <= 0:
            continue
        if item.inherits("QQuickText"):
            elides = number(item, "elide", context) != NO_ELIDE
            wide, high = item.property("contentWidth"), item.property("contentHeight")
            room = item.width() - item.property("leftPadding") - item.property("rightPadding")
            if item.property("truncated") and not elides:
                faults.append(f"is cut off: {path_of(item)}")
            elif not elides and wide > room + SOME:
                faults.append(f"is {wide:.0f} wide in {room:.0f}: {path_of(item)}")
            elif item.height() > 0 and high > item.height() + SOME and number(item, "maximumLineCount", context) > 1000:
                faults.append(f"is {high:.0f} high in {item.height():.0f}: {path_of(item)}")
        elif item.inherits("QQuickAbstractButton"):
            wants, has = item.property("implicitContentWidth"), item.property("availableWidth")
            content = item.property("contentItem")
            # Whatever else a button holds is walked by itself.
            plain = isinstance(content, QQuickItem) and content.inherits("QQuickIconLabel")
            if plain and wants > has + SOME:
                faults.append(f"wants {wants:.0f} and has {has:.0f}: {path_of(item)}")
        if item.inherits("QQuickText") or item.inherits("QQuickControl"):
            left = item.mapToScene(QPointF()).x()
            if (left < -SOME or left + item.width() > width + SOME) and not sideways(item):
                faults.append(f"is outside of the window ({left:.0f} + {item.width():.0f}): {path_of(item)}")
    return faults


def sideways(item: QQuickItem) -> bool:
    """Whether something that scrolls to the side holds it."""
    parent = item.parentItem()
    while parent is not None:
        if parent.inherits("QQuickFlickable") and parent.property("contentWidth") > parent.width() + SOME:
            return True
        parent = parent.parentItem()
    return False


def tab_faults(screens: Screens) -> list[str]:
    """What Tab does not reach, and where it does not get out again."""
    window = screens.window
    expected = [item for item in screens.items() if takes_focus(item)]
    if not expected:
        return []
    window.requestActivate()
    expected[0].forceActiveFocus(Qt.FocusReason.TabFocusReason)
    start, reached = window.activeFocusItem(), []
    for _ in range(2 * len(expected) + 40):
        reached.append(window.activeFocusItem())
        QTest.keyClick(window, Qt.Key.Key_Tab)
        if window.activeFocusItem() is start and len(reached) > 1:
            break
    else:
        return [f"Tab goes round in a part of the window and never leaves: {path_of(reached[-1])}"]
    inside, shown = set(reached), set(screens.items())  # what the focus made go away is not looked at again
    return [
        f"Tab does not reach it: {path_of(item)}"
        for item in expected
        if item in shown
        and item not in inside
        and item.isVisible()
        and not any(child in inside for child in screens.items(item))
    ]


@pytest.mark.parametrize("name", Screens.NAMES)
def test_everything_that_takes_the_focus_has_a_name_and_tab_reaches_it(screens: Screens, name: str) -> None:
    screens.set()
    screens.show(name)
    faults = unnamed(screens.items()) + tab_faults(screens)
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("name", Screens.NAMES)
@pytest.mark.parametrize(
    ("language", "zoom", "width"),
    [
        pytest.param("en", 1, 1180, marks=pytest.mark.full),
        pytest.param("de", 1, 480, marks=pytest.mark.full),
        ("de", 2, 900),
        pytest.param("en-XA", 1, 900, marks=pytest.mark.full),
        ("ar-XB", 1.5, 1180),
    ],
)
def test_no_text_is_cut_off(screens: Screens, name: str, language: str, zoom: float, width: int) -> None:
    screens.set(language=language, zoom=zoom, width=width)
    screens.show(name)
    faults = clipped(screens, screens.items())
    assert not faults, "\n".join(faults)
    assert not screens.warnings, "\n".join(screens.warnings)


@pytest.mark.parametrize(
    ("language", "zoom", "width"),
    [
        ("en", 1, 1180),
        pytest.param("de", 2, 900, marks=pytest.mark.full),
        ("en-XA", 1, 480),
        pytest.param("ar-XB", 1.5, 700, marks=pytest.mark.full),
    ],
)
@pytest.mark.parametrize("step", ["choose", "join", "readers"])
def test_the_first_minute_too(screens: Screens, step: str, language: str, zoom: float, width: int) -> None:
    screens.set(language=language, zoom=zoom, width=width)
    first: Any = screens.app.onboarding
    screens.window.setProperty("welcome", True)
    try:
        {"choose": lambda: None, "join": first.chooseJoin, "readers": first.chooseDemo}[step]()
        screens.rest()
        items = screens.items()
        texts = [item for item in items if item.inherits("QQuickText") and item.property("text")]
        assert len(texts) > 3, "nothing is shown"
        faults = clipped(screens, items) + unnamed(items)
        if language == "en":
            faults += tab_faults(screens)
        assert not faults, "\n".join(faults)
    finally:
        first.back()
        screens.window.setProperty("welcome", False)
        screens.rest()


def test_a_language_that_is_read_from_right_to_left_turns_the_window_round(screens: Screens) -> None:
    def middle(text: str) -> float:
        found = [item for item in screens.items() if item.property("text") == text and item.inherits("QQuickText")]
        return found[0].mapToScene(found[0].boundingRect().center()).x()

    screens.set(language="en")
    screens.show("settings/general")
    assert middle("Meadow") < screens.window.width() / 2
    screens.set(language="ar-XB")
    screens.rest()
    assert middle("Meadow") > screens.window.width() / 2


def test_a_walk_finds_what_is_wrong(screens: Screens) -> None:
    """The walker itself: a button without a name, and a text in too little room, are found."""
    screens.set()
    engine = screens.app._engine
    assert engine is not None
    component = QQmlComponent(engine)
    component.setData(
        b"""import QtQuick
        import QtQuick.Controls
        Item { width: 200; height: 100
            Button { width: 40; height: 40; focusPolicy: Qt.StrongFocus }
            Text { text: "far too long for this"; width: 20; y: 50 } }""",
        QUrl(),
    )
    item = component.create()
    assert isinstance(item, QQuickItem), component.errorString()
    item.setParentItem(screens.window.contentItem())
    items = screens.items(item)
    assert any("no name" in fault for fault in unnamed(items))
    assert any("far too long" in fault for fault in clipped(screens, items))
    item.setParentItem(None)  # type: ignore[arg-type]
    item.deleteLater()
    screens.warnings.clear()


# Colours


def luminance(color: QColor) -> float:
    """Relative luminance, by WCAG 2."""
    channels = [value / 255 for value in (color.red(), color.green(), color.blue())]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: QColor, second: QColor) -> float:
    """1 to 21, by WCAG 2."""
    brighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


TEXT = [
    *[("ink", ground) for ground in ("surface", "raised", "sidebar", "field", "control", "accentSoft")],
    *[("soft", ground) for ground in ("surface", "raised", "sidebar", "field")],
    *[("accent", ground) for ground in ("surface", "raised", "sidebar", "accentSoft")],
    *[("error", ground) for ground in ("surface", "raised", "sidebar")],
    *[("warn", ground) for ground in ("surface", "raised", "sidebar")],
    ("accentInk", "accent"),
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_on_its_ground(scheme: str) -> None:
    colors = theme(scheme)
    faults = [
        f"{ink} on {ground}: {contrast(colors[ink], colors[ground]):.2f}"
        for ink, ground in TEXT
        if contrast(colors[ink], colors[ground]) < 4.5
    ]
    assert not faults, "\n".join(faults)


def theme(scheme: str) -> dict[str, QColor]:
    """The colours of Theme.qml."""
    found = re.findall(
        r'property color (\w+): dark \? "(#\w+)" : "(#\w+)"', (ROOT / "resources/qml/Theme.qml").read_text()
    )
    assert len(found) >= 12
    return {name: QColor(dark if scheme == "dark" else light) for name, dark, light in found}


def test_no_text_of_a_page_is_written_past_the_translation() -> None:
    """Letters between quotes where people read them. Names and addresses are the same in every language."""
    same = {"Meadow", "tok/s", "monospace"}
    place = re.compile(
        r'\b(?:text|title|name|label|about|placeholderText|ToolTip\.text|Accessible\.(?:name|description)):\s*"([^"]*)"'
    )
    faults = []
    for path in sorted((ROOT / "resources/qml").rglob("*.qml")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            for text in place.findall(line):
                if re.search(r"[A-Za-z]{2,}", re.sub(r"\\u\w{4}", "", text)) and text not in same and "/" not in text:
                    faults.append(f"{path.name}:{number}: {text!r}")
    assert not faults, "\n".join(faults)
