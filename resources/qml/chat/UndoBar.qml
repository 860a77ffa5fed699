// What was just deleted, and the way back.
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."
import "../components"

Control {
    id: bar

    required property var undo
    required property string kind

    visible: undo.text !== "" && undo.kind === kind
    padding: 6
    leftPadding: 12
    Accessible.role: Accessible.AlertMessage
    Accessible.name: undo.text
    background: Rectangle {
        color: Theme.raised
        radius: Theme.radius
        border.color: Theme.faint
    }
    contentItem: RowLayout {
        spacing: Theme.gap

        Label {
            text: bar.undo.text
            textFormat: Text.PlainText
            font.pixelSize: Theme.small
            elide: Text.ElideRight
            Layout.fillWidth: true
        }
        Button {
            text: qsTr("Undo")
            onClicked: bar.undo.take()
        }
        IconButton {
            name: qsTr("Leave it deleted")
            icon.source: "../../icons/close.svg"
            implicitWidth: 26 * Theme.zoom
            implicitHeight: 26 * Theme.zoom
            icon.width: 14 * Theme.zoom
            icon.height: 14 * Theme.zoom
            onClicked: bar.undo.dismiss()
        }
    }
}
