"""MarkdownView in a real window: what is shown, what can be done with it, and that nothing of it is rich or loaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import class_name, settle, spin
from hostile import HOSTILE
from PySide6.QtCore import (
    Q_ARG,
    QMetaObject,
    QObject,
    QPoint,
    QPointF,
    Qt,
    QtMsgType,
    QUrl,
    Slot,
    qInstallMessageHandler,
)
from PySide6.QtGui import QAccessible, QColor, QDesktopServices, QGuiApplication, QTextDocument
from PySide6.QtNetwork import QHostAddress, QTcpServer, QTcpSocket
from PySide6.QtQml import (
    QQmlApplicationEngine,
    QQmlComponent,
    QQmlExpression,
    qmlContext,
)
from PySide6.QtQuick import QQuickItem, QQuickTextDocument, QQuickWindow, QSGRendererInterface
from PySide6.QtTest import QTest

from meadow_app.style import use_style
from meadow_app.text import links
from meadow_app.text.document import PAGE_ROWS, MessageDocument
from meadow_app.text.plain import clean, one_line

QML = Path(__file__).resolve().parents[2] / "resources" / "qml"
use_style(QML)
WINDOW = f"""
import QtQuick
import QtQuick.Controls
import "file:{QML}"
import "file:{QML}/text"
ApplicationWindow {{
    id: window
    visible: true; width: 700; height: 800; color: Theme.surface
    property var message: null
    property string name
    property string scheme: "light"
    property real zoom: 1
    Binding {{ target: Theme; property: "scheme"; value: window.scheme }}
    Binding {{ target: Theme; property: "zoom"; value: window.zoom }}
    Flickable {{
        objectName: "scroll"; anchors.fill: parent; contentHeight: view.height; contentWidth: width
        MarkdownView {{ id: view; objectName: "view"; width: 680; document: window.message }}
    }}
    Label {{ objectName: "label"; textFormat: Text.PlainText; text: window.name; width: 300; elide: Text.ElideRight }}
    Item {{ objectName: "extra" }}
}}
"""

QQuickWindow.setGraphicsApi(QSGRendererInterface.GraphicsApi.Software)


class Loads:
    """A web server that notes everything that is asked of it."""

    def __init__(self) -> None:
        self.urls: list[str] = []
        self.server = QTcpServer()
        self.server.newConnection.connect(self._connection)
        assert self.server.listen(QHostAddress(QHostAddress.SpecialAddress.LocalHost))
        self.address = f"127.0.0.1:{self.server.serverPort()}"

    def _connection(self) -> None:
        socket = self.server.nextPendingConnection()
        socket.readyRead.connect(lambda: self._request(socket))

    def _request(self, socket: QTcpSocket) -> None:
        self.urls.append(socket.readAll().data().decode().split()[1])
        socket.write(b"HTTP/1.1 404 Nothing\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        socket.disconnectFromHost()


class Shown:
    """A window with one MarkdownView, and all that Qt complained about."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self._place: QPointF | None = None
        self.trapped: list[str] = []  # of the one item that is meant to load something
        self.loads = Loads()
        self.engine = QQmlApplicationEngine()
        self._handler_before = qInstallMessageHandler(self._hear)
        self.engine.loadData(WINDOW.encode(), QUrl(f"file:{QML}/test.qml"))
        (root,) = self.engine.rootObjects()
        assert isinstance(root, QQuickWindow)
        self.window = root
        view = root.findChild(QQuickItem, "view")
        assert view is not None
        self.view = view

    def _hear(self, kind: QtMsgType, _: object, text: str) -> None:
        if kind != QtMsgType.QtDebugMsg:
            (self.trapped if "trap.qml" in text else self.complaints).append(text)

    def show(self, document: MessageDocument) -> MessageDocument:
        self.document = document
        self.window.setProperty("message", document)
        document.flush()
        QGuiApplication.processEvents()
        return document

    def items(self, kind: str, below: QQuickItem | None = None) -> list[QQuickItem]:
        """Items whose C++ or QML class begins like ``kind``, in the order of the page."""
        found: list[QQuickItem] = []
        waiting = [below or self.view]
        while waiting:
            item = waiting.pop()
            if class_name(item).startswith(kind):
                found.append(item)
            waiting += reversed(item.childItems())
        return found

    def texts(self) -> list[QTextDocument]:
        self._owners = [item.property("textDocument") for item in self.items("MessageText")]
        return [owner.textDocument() for owner in self._owners if isinstance(owner, QQuickTextDocument)]

    def scroll(self, to: float) -> None:
        scroller = self.window.findChild(QQuickItem, "scroll")
        assert scroller is not None
        scroller.setProperty("contentY", to)
        assert QMetaObject.invokeMethod(self.view, "lookAround")  # as before each frame

    def click(self, item: QQuickItem, x: float, y: float) -> None:
        point = item.mapToScene(QPoint(0, 0)).toPoint() + QPoint(round(x), round(y))
        QTest.mouseMove(self.window, point)
        QTest.mouseClick(self.window, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, point)

    def rests(self, item: QQuickItem) -> bool:
        """Whether it lies where it lay when last asked; the first answer is no."""
        before, self._place = self._place, item.mapToScene(QPoint(0, 0))
        return before == self._place

    def end(self) -> None:
        self.window.close()
        self.loads.server.close()
        qInstallMessageHandler(self._handler_before)
        self.engine.deleteLater()
        del self.engine
        QGuiApplication.processEvents()


@pytest.fixture(scope="module")
def one() -> Iterator[Shown]:
    shown = Shown()
    yield shown
    shown.end()


@pytest.fixture
def shown(one: Shown) -> Iterator[Shown]:
    yield one
    one.window.setProperty("message", None)
    one.scroll(0)
    one.window.setProperty("scheme", "light")
    one.window.setProperty("zoom", 1)
    assert one.complaints == []


SAMPLE = """Some **bold** and [a link](https://example.org/path?q=1) here.

- one
- two

```python
def answer(): return 42
```

| a | b |
|---|--:|
| 1 | 2 |

> quoted

---
שלום עולם
"""


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_are_shown_and_do_nothing(shown: Shown, name: str) -> None:
    source = HOSTILE[name].replace("127.0.0.1:9", shown.loads.address)
    document = shown.show(MessageDocument(source))
    shown.window.setProperty("name", one_line(source, 64))
    shown.window.grabWindow()
    assert document.rowCount() <= PAGE_ROWS + 30
    for edit in shown.items("MessageText"):
        assert (
            QQmlExpression(qmlContext(edit), edit, "textFormat === TextEdit.PlainText").evaluate()[0] is True
        )  # plain to Qt: what it holds was never parsed
    said = ""
    for part in ("top", "end"):  # what is out of sight has no items
        if part == "end":
            shown.scroll(max(0, shown.view.height() - 800))
        texts = shown.texts()
        assert len(texts) > 0
        for text in texts:
            assert_nothing_to_load(text)
        said += "".join(text.toPlainText() for text in texts)
    labels = "".join(str(item.property("text")) for item in [*shown.items("Label"), *shown.items("QQuickLabel")])
    assert "mw" in said + labels or name == "zero_width"
    if name == "html":
        assert "<b>mw</b><i>bold</i>" in said
    if name == "script":
        assert "<script>alert('x')</script>" in said
    assert shown.loads.urls == []


def is_plain(edit: QQuickItem) -> bool:
    value = QQmlExpression(qmlContext(edit), edit, "textFormat === TextEdit.PlainText").evaluate()
    return (value[0] if isinstance(value, tuple) else value) is True


def assert_nothing_to_load(text: QTextDocument) -> None:
    """No picture, no object, no style sheet, no link but a web or mail address."""
    assert text.defaultStyleSheet() == ""
    assert "<img" not in text.toHtml().lower()  # it is Qt that writes this; what the text says is escaped in it
    for format_ in text.allFormats():
        assert not format_.isImageFormat()
        link = format_.stringProperty(format_.Property.AnchorHref.value)
        assert not link or link.startswith(("http://", "https://", "mailto:"))
    assert "\ufffc" not in text.toPlainText()


def test_the_traps_would_have_caught_it(shown: Shown) -> None:
    """What the other tests prove the absence of, these traps do see: rich text with pictures."""
    shown.window.setProperty("message", None)
    component = QQmlComponent(shown.engine)
    text = f"x<img src='http://{shown.loads.address}/a.png'>"
    component.setData(
        f'import QtQuick; Text {{ textFormat: Text.RichText; text: "{text}" }}'.encode(), QUrl("file:trap.qml")
    )
    item = component.create()
    assert isinstance(item, QQuickItem)
    item.setParentItem(shown.window.contentItem())
    shown.window.grabWindow()
    spin(lambda: shown.loads.urls)
    assert set(shown.loads.urls) == {"/a.png"}
    spin(lambda: shown.trapped)
    item.deleteLater()
    settle()
    shown.loads.urls.clear()
    rich = QTextDocument()
    rich.setHtml("<img src='file:///etc/passwd'>")
    with pytest.raises(AssertionError):
        assert_nothing_to_load(rich)


def test_a_message_is_shown_in_rows(shown: Shown) -> None:
    document = shown.show(MessageDocument(SAMPLE))
    kinds = [document.data(document.index(row), document.KIND) for row in range(document.rowCount())]
    assert kinds == ["prose", "code", "table", "prose", "rule", "prose"]
    said = [text.toPlainText() for text in shown.texts()]
    assert said[0] == "Some bold and a link here.\n•\tone\n•\ttwo"
    assert said[1] == "def answer(): return 42"
    assert said[2].split() == ["a", "b", "1", "2"]
    assert said[3:] == ["quoted", "שלום עולם"]
    bottoms = [item.mapRectToScene(item.boundingRect()) for item in shown.items("MarkdownRow")]
    assert all(above.bottom() <= below.top() + 0.5 for above, below in zip(bottoms, bottoms[1:], strict=False))


def test_direction_is_the_paragraphs_own(shown: Shown) -> None:
    shown.show(MessageDocument("left\n\nשלום a\n\n- שלום\n\n| שלום | a |\n|-|-|\n| a | b |"))
    prose, table = shown.texts()
    sides = []
    block = prose.begin()
    while block.isValid():
        sides.append(
            (block.blockFormat().layoutDirection(), block.blockFormat().alignment() & Qt.AlignmentFlag.AlignRight)
        )
        block = block.next()
    right = (Qt.LayoutDirection.RightToLeft, Qt.AlignmentFlag.AlignRight)
    assert sides[0][0] == Qt.LayoutDirection.LeftToRight and not sides[0][1]
    assert sides[1:] == [right, right]
    assert "שלום" in table.toPlainText()


def test_a_stream_ends_up_like_the_whole(shown: Shown) -> None:
    document = shown.show(MessageDocument())
    for start in range(0, len(SAMPLE), 3):
        document.append(SAMPLE[start : start + 3])
        document.flush()
        if start % 30 == 0:
            shown.window.grabWindow()
    document.finish()
    document.flush()
    QGuiApplication.processEvents()
    streamed = [text.toHtml() for text in shown.texts()]
    shown.show(MessageDocument(SAMPLE))
    assert streamed == [text.toHtml() for text in shown.texts()]


def test_tokens_arrive_by_themselves(shown: Shown) -> None:
    document = shown.show(MessageDocument())
    document.append("Hel")
    document.append("lo **wor")
    spin(lambda: [text.toPlainText() for text in shown.texts()] == ["Hello wor"])
    document.append("ld**")
    document.finish()
    spin(lambda: [text.toPlainText() for text in shown.texts()] == ["Hello world"])
    assert document.sourceText() == "Hello **world**"
    with pytest.raises(ValueError, match="ended"):
        document.append("more")


def test_a_selection_stays_while_text_streams(shown: Shown) -> None:
    document = shown.show(MessageDocument())
    document.append("First paragraph.\n\nSecond one that gro")
    document.flush()
    QGuiApplication.processEvents()
    (edit,) = shown.items("MessageText")
    edit.setProperty("persistentSelection", True)
    QTest.qWait(0)
    text = shown.texts()[0]
    assert QMetaObject.invokeMethod(edit, "select", Q_ARG(int, 6), Q_ARG(int, 25))
    selected = edit.property("selectedText")
    assert selected == "paragraph.\nSecond o"
    document.append("ws **and** grows.\n\nThird.")
    document.flush()
    assert text.toPlainText() == "First paragraph.\nSecond one that grows and grows.\nThird."
    assert edit.property("selectedText") == selected


def test_copying(shown: Shown) -> None:
    document = shown.show(MessageDocument(SAMPLE + "\x1b[31m\u202e"))
    clipboard = QGuiApplication.clipboard()
    document.copyAll()
    assert clipboard.text() == SAMPLE + "[31m"
    document.copyCode(1)
    assert clipboard.text() == "def answer(): return 42"
    edit = shown.items("MessageText")[0]
    edit.forceActiveFocus()
    QTest.keySequence(shown.window, "Ctrl+A")
    QTest.keySequence(shown.window, "Ctrl+C")
    assert clipboard.text() == "Some bold and a link here.\n•\tone\n•\ttwo"


def test_the_copy_button_by_keyboard(shown: Shown) -> None:
    shown.show(MessageDocument("```\n" + "x" * 500 + "\n```"))
    QGuiApplication.clipboard().setText("before")
    shown.window.requestActivate()
    spin(lambda: shown.window.isActive())

    def press_tab() -> bool:
        QTest.keyClick(shown.window, Qt.Key.Key_Tab)
        item = shown.window.activeFocusItem()
        return item is not None and item.property("text") == "Copy"

    assert any(press_tab() for _ in range(4))
    QTest.keyClick(shown.window, Qt.Key.Key_Space)
    assert QGuiApplication.clipboard().text() == "x" * 500
    QTest.keyClick(shown.window, Qt.Key.Key_Tab)
    scroll = shown.window.activeFocusItem()
    assert scroll is not None and scroll.property("contentX") == 0
    QTest.keyClick(shown.window, Qt.Key.Key_Right)
    assert scroll.property("contentX") > 0


class Opened(QObject):
    def __init__(self) -> None:
        super().__init__()
        self.urls: list[str] = []

    @Slot(QUrl)
    def open(self, url: QUrl) -> None:
        self.urls.append(url.toString())


@pytest.fixture
def opened() -> Iterator[Opened]:
    made = Opened()
    for scheme in ("http", "https", "mailto", "file", "javascript"):
        QDesktopServices.setUrlHandler(scheme, made, "open")
    yield made
    for scheme in ("http", "https", "mailto", "file", "javascript"):
        QDesktopServices.unsetUrlHandler(scheme)


def dialog_texts(shown: Shown) -> list[str]:
    overlay = shown.window.contentItem().parentItem() or shown.window.contentItem()
    return [
        str(item.property("text"))
        for kind in ("Label", "QQuickLabel", "TextArea", "QQuickTextArea")
        for item in shown.items(kind, overlay)
        if item.isVisible()
    ]


def test_a_link_opens_after_its_target_was_shown(shown: Shown, opened: Opened) -> None:
    shown.show(MessageDocument("[bank.example](https://x.example@\u0430pple.example/a?b=1)"))
    (edit,) = shown.items("MessageText")
    shown.window.grabWindow()
    shown.click(edit, 20, 8)
    spin(lambda: any("xn--pple-43d.example" in text for text in dialog_texts(shown)))
    texts = dialog_texts(shown)
    assert "xn--pple-43d.example" in texts
    assert "https://x.example@xn--pple-43d.example/a?b=1" in texts
    assert opened.urls == []
    (button,) = [
        item
        for kind in ("Button", "QQuickButton")
        for item in shown.items(kind, shown.window.contentItem().parentItem() or shown.window.contentItem())
        if item.property("text") == "Open" and item.isVisible()
    ]
    spin(lambda: shown.rests(button))  # the dialog takes its place while it opens
    shown.click(button, button.width() / 2, button.height() / 2)
    spin(lambda: opened.urls)
    assert [links.host(url) for url in opened.urls] == ["xn--pple-43d.example"]


def test_what_is_no_link_never_opens(opened: Opened) -> None:
    document = MessageDocument("x")
    for link in (
        "file:///etc/passwd",
        "javascript:alert(1)",
        "qrc:/x",
        "",
        "https:",
        "//x.org",
        "https://x.org/\n",
        "mailto:",
    ):
        assert not document.openLink(link)
        assert document.linkTarget(link) == "" and document.linkHost(link) == ""
    assert opened.urls == []
    assert document.openLink("https://x.org/") and opened.urls == ["https://x.org/"]


def colours(text: QTextDocument) -> set[str]:
    return {
        QColor(format_.foreground().color()).name()
        for format_ in text.allFormats()
        if format_.isCharFormat() and format_.hasProperty(format_.Property.ForegroundBrush.value)
    }


def test_scheme_and_zoom_change_live(shown: Shown) -> None:
    shown.show(MessageDocument(SAMPLE))
    light, height = colours(shown.texts()[1]), shown.view.height()
    said = [text.toPlainText() for text in shown.texts()]
    shown.window.setProperty("scheme", "dark")
    spin(lambda: colours(shown.texts()[1]) != light)
    assert not light & colours(shown.texts()[1]) or light < colours(shown.texts()[1])
    shown.window.setProperty("zoom", 2)
    spin(lambda: shown.view.height() > 1.5 * height)
    assert [text.toPlainText() for text in shown.texts()] == said


def test_a_view_shows_one_message_after_another(shown: Shown) -> None:
    """As when a list uses its delegates again."""
    first, second = MessageDocument("first\n\n```\ncode\n```"), MessageDocument()
    shown.show(first)
    second.append("second")
    second.flush()
    shown.show(second)
    first.setSource("changed")
    second.append(" grows")
    second.flush()
    assert [text.toPlainText() for text in shown.texts()] == ["second grows"]
    shown.show(first)
    assert [text.toPlainText() for text in shown.texts()] == ["changed"]


def test_a_text_is_not_parsed_before_it_is_seen() -> None:
    document = MessageDocument("# x\n\ny")
    assert document.sourceText() == "# x\n\ny" and document._segments == []
    assert document.rowCount() == 1


def test_a_very_long_message_comes_by_the_page(shown: Shown) -> None:
    source = "\n\n".join(f"Paragraph {number} of many." for number in range(9000))
    document = shown.show(MessageDocument(source))
    hidden = document.property("hiddenCharacters")
    assert 0 < hidden < len(source)
    (button,) = [item for item in shown.items("MoreButton") if item.isVisible()]
    assert "more" in str(button.property("text"))
    QMetaObject.invokeMethod(button, "click")
    document.flush()
    assert document.property("hiddenCharacters") < hidden
    assert document.sourceText() == clean(source)


def test_a_screen_reader_gets_the_text(shown: Shown) -> None:
    shown.show(MessageDocument(SAMPLE))
    names: list[str] = []

    def walk(interface: Any) -> None:
        names.append(interface.text(QAccessible.Text.Name))
        for index in range(interface.childCount()):
            walk(interface.child(index))

    walk(QAccessible.queryAccessibleInterface(shown.window))
    assert "Some bold and a link here.\n• one\n• two" in names
    assert "def answer(): return 42" in names and "Copy code" in names and "Code, python" in names
    assert "quoted" in names
