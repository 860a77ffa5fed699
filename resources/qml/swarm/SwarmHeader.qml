// Where this node stands in its swarm, what that means, and the addresses that let others in.
pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."
import "../components"
import "../share"

ColumnLayout {
    id: header

    required property var app

    readonly property var swarm: app.swarm
    property bool open: false

    spacing: Theme.gap

    GridLayout {
        columns: header.width < 480 * Theme.zoom ? 1 : 2
        columnSpacing: Theme.gap
        rowSpacing: Theme.gap

        RowLayout {
            spacing: Theme.gap

            Label {
                text: qsTr("Swarm")
                font.pixelSize: Theme.title
                font.weight: Font.DemiBold
                color: Theme.ink
                Accessible.role: Accessible.Heading
            }
            ShareIcon {
                shape: header.swarm.shape
                Layout.leftMargin: Theme.gap
            }
            Label {
                text: header.swarm.word
                textFormat: Text.PlainText
                font.pixelSize: Theme.body
                color: Theme.ink
                wrapMode: Text.Wrap
                Layout.fillWidth: true
            }
        }
        Button {
            visible: header.swarm.addresses.length > 0
            text: header.open ? qsTr("Hide the addresses") : qsTr("Addresses for others")
            checkable: false
            flat: true
            onClicked: header.open = !header.open
        }
    }
    Label {
        visible: text !== ""
        text: [header.swarm.message, header.swarm.advice].filter(part => part !== "").join(" ")
        textFormat: Text.PlainText
        font.pixelSize: Theme.small
        color: Theme.soft
        wrapMode: Text.Wrap
        Layout.fillWidth: true
    }
    Button {
        visible: header.swarm.status === "alone"
        text: qsTr("Open the settings")
        onClicked: header.app.pageWanted("settings")
    }
    Card {
        visible: header.open && header.swarm.addresses.length > 0
        padding: 12
        Layout.fillWidth: true

        contentItem: ColumnLayout {
            spacing: Theme.gap

            Label {
                text: header.swarm.local ? qsTr("These lead to this computer only. To let others in, give it an address to listen on in the settings.") : qsTr("Whoever wants to join this swarm puts one of these into their settings as an initial peer.")
                font.pixelSize: Theme.small
                color: Theme.soft
                wrapMode: Text.Wrap
                Layout.fillWidth: true
            }
            Repeater {
                model: header.swarm.addresses

                RowLayout {
                    id: line

                    required property string modelData

                    spacing: Theme.gap

                    TextField {
                        text: line.modelData
                        readOnly: true
                        selectByMouse: true
                        font.family: "monospace"
                        font.pixelSize: Theme.small
                        Accessible.name: qsTr("Address")
                        Layout.fillWidth: true
                        onActiveFocusChanged: if (activeFocus) selectAll()
                    }
                    Button {
                        text: qsTr("Copy")
                        Accessible.description: line.modelData
                        onClicked: {
                            header.swarm.copy(line.modelData);
                            header.app.notify(qsTr("The address is in the clipboard."));
                        }
                    }
                }
            }
        }
    }
}
