// One server: its name, its blocks as lit columns, and how fast it is.
import QtQuick
import QtQuick.Controls
import ".."

ItemDelegate {
    id: row

    required property int index
    required property string name
    required property int start
    required property int end
    required property string blocks
    required property string speed
    required property real light
    required property bool mine
    required property bool online
    required property string note
    required property string spoken

    required property var picture
    required property bool focused

    height: picture.rowHeight
    horizontalPadding: 0
    verticalPadding: 0
    text: spoken
    ToolTip.visible: hovered || focused
    ToolTip.delay: focused ? 0 : 300
    ToolTip.text: spoken
    background: Rectangle {
        radius: 4
        color: row.hovered ? Qt.alpha(Theme.accent, 0.1) : "transparent"
        border.width: row.focused ? 2 : 0
        border.color: Theme.accent
    }
    contentItem: Item {
        Label {
            width: row.picture.nameWidth - Theme.gap
            height: parent.height
            verticalAlignment: Text.AlignVCenter
            leftPadding: 4
            text: row.mine ? qsTr("● You") : row.name
            textFormat: Text.PlainText
            font.pixelSize: Theme.small * 1.05
            font.weight: row.mine ? Font.Bold : Font.Normal
            color: row.mine ? Theme.accent : row.online ? Theme.ink : Theme.soft
            elide: Text.ElideRight
        }
        Rectangle {
            x: row.picture.nameWidth
            y: (parent.height - height) / 2
            width: row.picture.blocks * row.picture.cell - (row.picture.cell >= 4 ? 1 : 0)
            height: row.picture.bar
            color: row.picture.dark
        }
        Rectangle {
            x: row.picture.nameWidth + row.start * row.picture.cell
            y: (parent.height - height) / 2
            width: Math.max(2, (row.end - row.start) * row.picture.cell - (row.picture.cell >= 4 ? 1 : 0))
            height: row.picture.bar
            // One that does not serve (yet, or any more) is an outline.
            color: row.online ? row.picture.shade(row.light) : "transparent"
            border.width: row.online ? 0 : 1
            border.color: Theme.accent
        }
        Label {
            x: row.picture.nameWidth + row.picture.blocks * row.picture.cell + Theme.gap
            width: Math.max(0, row.picture.infoWidth - Theme.gap - 14)
            height: parent.height
            visible: !row.picture.narrow
            verticalAlignment: Text.AlignVCenter
            horizontalAlignment: Text.AlignRight
            text: row.note !== "" ? row.note : row.speed
            textFormat: Text.PlainText
            font.pixelSize: Theme.small
            color: Theme.soft
            elide: Text.ElideRight
        }
    }
}
