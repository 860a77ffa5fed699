// No model is up: the demo, which everybody has, is one button away.
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."
import "../components"

Item {
    id: none

    required property var availability

    EmptyState {
        anchors.centerIn: parent
        width: Math.min(parent.width - 2 * Theme.pad, 480 * Theme.zoom)
        title: none.availability.demoBusy ? qsTr("The demo is starting") : qsTr("No model is up")
        text: none.availability.demoBusy ? qsTr("Two servers and a small model, all on this computer: nothing leaves it, and nothing is downloaded.") : qsTr("Nobody in this swarm serves a whole model now. The demo runs a small one on this computer: nothing leaves it, and nothing is downloaded.")

        ColumnLayout {
            spacing: Theme.gap

            Button {
                visible: !none.availability.demoBusy
                highlighted: true
                text: qsTr("Start the demo")
                Layout.alignment: Qt.AlignHCenter
                onClicked: none.availability.startDemo()
            }
            ProgressBar {
                visible: none.availability.demoBusy
                indeterminate: none.availability.demoFraction <= 0
                value: none.availability.demoFraction
                Accessible.name: none.availability.demoText
                Layout.fillWidth: true
            }
            Label {
                visible: text !== ""
                text: none.availability.demoText
                textFormat: Text.PlainText
                font.pixelSize: Theme.small
                color: Theme.soft
                wrapMode: Text.Wrap
                horizontalAlignment: Text.AlignHCenter
                Layout.fillWidth: true
                Layout.maximumWidth: 420 * Theme.zoom
            }
        }
    }
}
