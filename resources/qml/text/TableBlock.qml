// A table. Where it is wider than the message, it scrolls sideways.
import QtQuick
import QtQuick.Controls
import ".."

Flickable {
    id: scroll

    required property var row
    readonly property alias written: cells
    readonly property bool chosen: cells.selectedText !== ""

    x: row.mirrored ? 0 : row.shift
    y: row.gap
    width: row.inner
    height: implicitHeight
    onRowChanged: contentX = 0
    implicitHeight: cells.height + (bar.visible ? bar.height : 0)
    contentWidth: cells.width
    contentHeight: height
    flickableDirection: Flickable.HorizontalFlick
    boundsBehavior: Flickable.StopAtBounds
    clip: true
    activeFocusOnTab: scroll.contentWidth > scroll.width || scroll.activeFocus
    Keys.onLeftPressed: scroll.contentX = Math.max(0, scroll.contentX - 40)
    Keys.onRightPressed: scroll.contentX = Math.max(0, Math.min(scroll.contentWidth - scroll.width, scroll.contentX + 40))
    ScrollBar.horizontal: ScrollBar {
        id: bar
        policy: scroll.contentWidth > scroll.width ? ScrollBar.AlwaysOn : ScrollBar.AlwaysOff
    }

    MessageText {
        id: cells
        row: scroll.row
        width: Math.max(scroll.width, scroll.row.columns * Theme.body * 7)
        Accessible.role: Accessible.Table
    }
}
