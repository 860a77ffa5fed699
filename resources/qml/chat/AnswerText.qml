// What the model wrote, and while nothing has come yet, that it is being waited for.
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."
import "../text"

Column {
    id: root

    required property var message

    spacing: 6

    MarkdownView {
        width: parent.width
        document: root.message ? root.message.document : null
    }
    RowLayout {
        visible: root.message ? root.message.writing && root.message.empty : false
        spacing: Theme.gap

        BusyIndicator {
            running: parent.visible
            implicitWidth: 22 * Theme.zoom
            implicitHeight: implicitWidth
            Accessible.ignored: true
        }
        Label {
            text: root.message && root.message.stopping ? qsTr("Stopping…") : qsTr("Waiting for the first word…")
            font.pixelSize: Theme.small
            color: Theme.soft
        }
    }
}
