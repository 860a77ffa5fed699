// Something the person should know, with what can be done about it.
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."

Pane {
    id: notice

    required property string text
    property bool serious: false
    default property alias actions: row.data

    padding: Theme.gap
    leftPadding: Theme.pad
    rightPadding: Theme.pad
    background: Rectangle {
        color: Theme.raised
        radius: Theme.radius
        border.color: notice.serious ? Theme.warn : Theme.faint
    }

    ColumnLayout {
        anchors.left: parent.left
        anchors.right: parent.right
        spacing: 4

        Label {
            Layout.fillWidth: true
            text: (notice.serious ? "⚠ " : "") + notice.text
            textFormat: Text.PlainText
            wrapMode: Text.Wrap
            font.pixelSize: Theme.small
            Accessible.role: Accessible.AlertMessage
            Accessible.name: notice.text
        }
        Flow {
            id: row

            Layout.fillWidth: true
            visible: children.length > 0
            spacing: Theme.gap
        }
    }
}
