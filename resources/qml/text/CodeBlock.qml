// Code: its language, a button that copies it, and the lines, which scroll sideways instead of being broken.
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."

Rectangle {
    id: block

    required property var row
    readonly property alias written: lines
    readonly property bool chosen: lines.selectedText !== ""
    readonly property real headHeight: head.height + Theme.gap
    readonly property real barHeight: bar.implicitHeight
    readonly property real margin: Theme.gap * 3

    x: row.mirrored ? 0 : row.shift
    y: row.gap
    width: row.inner
    height: implicitHeight
    onRowChanged: {
        scroll.contentX = 0;
        copied.stop();
    }
    implicitHeight: head.height + scroll.height + Theme.gap
    radius: Theme.radius
    color: Theme.raised
    border.color: scroll.activeFocus ? Theme.accent : Theme.faint
    Accessible.role: Accessible.Grouping
    Accessible.name: block.row.label === "" ? qsTr("Code") : qsTr("Code, %1").arg(block.row.label)

    RowLayout {
        id: head
        x: Theme.gap * 1.5
        width: block.width - Theme.gap * 2
        Label {
            Layout.fillWidth: true
            text: block.row.label
            textFormat: Text.PlainText
            elide: Text.ElideRight
            color: Theme.soft
            font.pixelSize: Theme.small
        }
        Button {
            id: copy
            flat: true
            text: copied.running ? qsTr("Copied") : qsTr("Copy")
            font.pixelSize: Theme.small
            Accessible.name: copied.running ? qsTr("Copied") : qsTr("Copy code")
            onClicked: {
                block.row.message.document.copyCode(block.row.index)
                copied.restart()
            }
            Timer {
                id: copied
                interval: 1500
            }
        }
    }

    Flickable {
        id: scroll
        // Code is read from the left in every language.
        LayoutMirroring.enabled: false
        LayoutMirroring.childrenInherit: true
        y: head.height
        x: Theme.gap * 1.5
        width: block.width - block.margin
        height: lines.height + (bar.visible ? bar.height : 0)
        contentWidth: lines.width
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
            id: lines
            row: block.row
            width: Math.max(scroll.width, contentWidth)
            wrapMode: TextEdit.NoWrap
        }
    }
}
