"""The chat page in a window: keys, scrolling, streaming, menus; nothing of QML complains."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from chat_node import CHAT, TREE, Node, answer, chat, question
from chat_window import chat_window
from fakes import class_name, settle, spin
from page_window import PageWindow
from PySide6.QtCore import QCoreApplication, QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtQuick import QQuickItem
from PySide6.QtTest import QTest

TALK = [question(1, "Why?"), answer(2, "Because **so**.\n\n```python\nx = 1\n```", 1)]


@pytest.fixture
def opening() -> Iterator[Any]:
    windows: list[PageWindow] = []

    def open_it(node: Node, **set: Any) -> PageWindow:
        window = chat_window(node, **set)
        windows.append(window)
        if CHAT in node.chats:
            window.app.chat.open(CHAT)
            settle()
            spin(lambda: not window.app.chat.current.loading)
        return window

    yield open_it
    for window in windows:
        assert window.warnings == []
        window.close()


def of_kind(window: PageWindow, kind: str, name: str = "") -> QQuickItem:
    """The first visible item of this QML type, or the list with this accessible name."""
    found = [item for item in window.items() if kind in class_name(item)]
    assert found, f"no {kind}"
    return found[0]


def messages(window: PageWindow) -> QQuickItem:
    return next(item for item in window.items() if item.property("sticky") is not None)


def box(window: PageWindow) -> QQuickItem:
    return next(item for item in window.items() if item.property("known") is not None)


def at_end(view: QQuickItem) -> bool:
    bottom = view.property("originY") + view.property("contentHeight") + view.property("bottomMargin")
    return bool(view.property("contentY") + view.height() >= bottom - 24)


def wheel(window: PageWindow, view: QQuickItem, up: int) -> None:
    middle = view.mapToScene(QPointF(view.width() / 2, view.height() / 2))
    event = QWheelEvent(
        middle, middle, QPoint(), QPoint(0, up), Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QCoreApplication.sendEvent(window.window, event)
    settle()


def test_enter_sends_shift_enter_does_not_and_escape_stops(opening: Any) -> None:
    node = Node(chat(), messages=TALK)
    window = opening(node)
    node.sends()
    box(window).forceActiveFocus()
    window.type("one")
    QTest.keyClick(window.window, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    window.type("two")
    assert box(window).property("text") == "one\ntwo" and window.app.chat.current.draft == "one\ntwo"
    window.key(Qt.Key.Key_Return)
    settle()
    assert node.api.asked("POST", f"/api/chats/{CHAT}/messages")[-1].body == {"content": "one\ntwo"}
    assert box(window).property("text") == "" and window.app.chat.current.writing
    window.key(Qt.Key.Key_Escape)
    assert node.api.asked("POST", f"/api/chats/{CHAT}/stop")


def test_what_is_written_before_the_chats_are_there_is_the_draft(opening: Any) -> None:
    window = opening(Node())
    box(window).forceActiveFocus()
    window.type("early")
    assert window.app.chat.current.draft == "early"
    window.app.chat.current.draft = "from elsewhere"
    assert box(window).property("text") == "from elsewhere"


def test_it_stays_at_the_end_unless_somebody_looks_up(opening: Any) -> None:
    many = [question(1, "0")] + [question(n, f"Number {n}", n - 1) for n in range(2, 200)]
    node = Node(chat(), messages=many)
    window = opening(node, height=600)
    view, conversation = messages(window), window.app.chat.current
    spin(lambda: at_end(view))
    node.sends(300)
    conversation.draft = "Go"
    conversation.send()
    settle()
    stream = node.api.streams[-1]
    text = ""

    def write(more: str) -> None:
        nonlocal text
        stream.push("text", {"offset": len(text), "text": more}, str(len(text) + len(more)))
        text += more
        spin(lambda: conversation.messages[-1].text == text)

    write("A first line.\n\n" * 40)
    spin(lambda: at_end(view) and view.property("contentHeight") > 900)

    def leaves() -> bool:
        if at_end(view):  # a turn of the wheel is lost when the text is laid out anew in this moment
            wheel(window, view, 600)
        return not view.property("moving") and not at_end(view)

    spin(leaves)
    settle()
    assert not view.property("sticky")
    there = view.property("contentY")
    write("More below.\n\n" * 40)
    settle()
    assert view.property("contentY") == there
    window.click("To the newest")
    spin(lambda: at_end(view))
    write("And on.\n\n" * 20)
    spin(lambda: at_end(view))


def test_scrolling_up_brings_what_came_before(opening: Any) -> None:
    many = [question(1, "0")] + [question(n, f"Number {n}", n - 1) for n in range(2, 200)]
    window = opening(Node(chat(), messages=many), height=600)
    view, conversation = messages(window), window.app.chat.current
    spin(lambda: at_end(view))
    view.forceActiveFocus()
    for _ in range(400):
        window.key(Qt.Key.Key_PageUp)
        if not conversation.moreAbove:
            break
    assert len(conversation.messages) == 199
    window.key(Qt.Key.Key_Home)
    spin(lambda: window.shows("Number 2"))
    documents = sum(message.document is not None for message in conversation.messages)
    assert documents < 100  # only what is near has its text in blocks


def test_a_message_can_be_reached_and_changed_with_the_keyboard(opening: Any) -> None:
    node = Node(chat(), messages=TALK)
    window = opening(node)
    messages(window).forceActiveFocus()
    window.key(Qt.Key.Key_Menu)
    spin(lambda: window.shows("Delete, with what follows"))
    window.key(Qt.Key.Key_Escape)
    spin(lambda: not window.shows("Delete, with what follows"))
    window.key(Qt.Key.Key_Up)
    window.key(Qt.Key.Key_F2)
    spin(lambda: window.shows("Ask again"))
    window.type(" Really")
    node.api.on("POST", f"/api/chats/{CHAT}/messages/1/edit", {"question": question(5, "Why? Really"), "answer": None})
    QTest.keyClick(window.window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    settle()
    assert node.api.asked("POST", f"/api/chats/{CHAT}/messages/1/edit")[0].body == {"content": "Why? Really"}


def test_the_message_that_keys_act_on_has_a_frame(opening: Any) -> None:
    node = Node(chat(), messages=TALK)
    node.api.on("DELETE", f"/api/chats/{CHAT}/messages/2", {})
    window = opening(node)

    def framed() -> list[int]:
        entries = [item for item in window.items() if item.property("column") and item.property("index") is not None]
        return [item.property("index") for item in entries if item.property("current")]

    assert framed() == []
    messages(window).forceActiveFocus()
    settle()
    assert framed() == [1]
    window.key(Qt.Key.Key_Up)
    assert framed() == [0]
    window.app.chat.current.found.emit(1)
    settle()
    assert framed() == [1]
    window.key(Qt.Key.Key_Tab)  # a button of the message has the keys now
    settle()
    assert framed() == []
    window.key(Qt.Key.Key_Delete)
    assert not node.api.asked("DELETE", f"/api/chats/{CHAT}/messages/2")
    window.app.chat.current.found.emit(1)
    settle()
    assert framed() == [1]
    window.key(Qt.Key.Key_Delete)
    settle()
    assert node.api.asked("DELETE", f"/api/chats/{CHAT}/messages/2")
    node.api.on("POST", f"/api/chats/{CHAT}/messages/2/restore", TALK[1])
    box(window).forceActiveFocus()
    QTest.keyClick(window.window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert node.api.asked("POST", f"/api/chats/{CHAT}/messages/2/restore")


def test_what_is_clicked_in_a_message_keeps_the_keys_and_no_frame_appears(opening: Any) -> None:
    window = opening(Node(chat(), messages=TALK))
    entries = [item for item in window.items() if item.property("column") and item.property("index") is not None]
    for kind in ("Button", "MessageText"):
        box(window).forceActiveFocus()
        kinds = [item for item in window.items() if kind in class_name(item)]
        clicked = next(item for item in kinds if entries[-1].isAncestorOf(item))
        middle = clicked.mapToScene(QPointF(clicked.width() / 2, clicked.height() / 2)).toPoint()
        QTest.mouseClick(window.window, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, middle)
        settle()
        assert window.window.activeFocusItem() is clicked
        assert [item for item in entries if item.property("current")] == []


def test_what_a_failed_answer_offers_fits_its_reason(opening: Any) -> None:
    def failed(code: str) -> list[Any]:
        return [question(1, "Why?"), answer(2, "", 1, "failed", {"error": {"code": code, "message": "No."}})]

    node = Node(chat(model="small"), messages=failed("demo_off"))
    node.patch(demo={"status": "off", "model": "small"})
    window = opening(node)
    assert window.shows("the demo is off") and not window.shows("Regenerate")
    window.click("Start the demo")
    assert node.api.asked("POST", "/api/demo")

    window = opening(Node(chat(), messages=failed("too_long")))
    assert window.shows("New chat") and not window.shows("Regenerate")
    window.click("Edit the question")
    spin(lambda: window.shows("Ask again"))


def test_no_model_offers_the_demo(opening: Any) -> None:
    node = Node()
    node.tell({**TREE, "swarm": {"status": "joined"}, "demo": {"status": "off", "model": "demo-model"}})
    window = opening(node)
    window.click("Start the demo")
    assert node.api.asked("POST", "/api/demo")


def test_hostile_text_is_shown_as_it_is_written(opening: Any) -> None:
    evil = '<b>bold</b><img src="file:///etc/passwd"> <a href="http://x.test">y</a> \u202e'
    node = Node(
        chat(title=evil), messages=[question(1, evil), answer(2, evil, 1, "failed", {"error": {"message": evil}})]
    )
    window = opening(node)
    assert window.shows("<b>bold</b><img")
    # Whatever could read it as rich text would not show the brackets.
    shown = [text for text in window.texts() if "bold" in text]
    assert shown and all("<b>bold</b>" in text for text in shown)
