// Who can read this chat from now on, and who computed the answers so far and therefore could.
pragma ComponentBehavior: Bound
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."
import "../components"

Popup {
    id: panel

    required property var chats
    readonly property var chat: chats.current
    property var readers: []

    parent: Overlay.overlay
    anchors.centerIn: parent
    modal: true
    focus: true
    padding: Theme.pad
    width: Math.min(440 * Theme.zoom, (parent ? parent.width : 480) - 2 * Theme.pad)
    height: Math.min(implicitHeight, (parent ? parent.height : 600) - 2 * Theme.pad)
    onAboutToShow: readers = chat.readers
    background: Rectangle {
        color: Theme.surface
        radius: Theme.radius
        border.color: Theme.faint
    }
    contentItem: ColumnLayout {
        spacing: 10

        RowLayout {
            Layout.fillWidth: true

            Label {
                text: qsTr("Who could read this chat")
                font.pixelSize: Theme.body * 1.15
                font.weight: Font.DemiBold
                wrapMode: Text.Wrap
                Layout.fillWidth: true
                Accessible.role: Accessible.Heading
            }
            IconButton {
                name: qsTr("Close")
                icon.source: "../../icons/close.svg"
                onClicked: panel.close()
            }
        }
        Label {
            text: panel.chats.availability.privacy
            textFormat: Text.PlainText
            wrapMode: Text.Wrap
            Layout.fillWidth: true
        }
        Label {
            visible: panel.readers.length > 0
            text: qsTr("These computed its answers so far:")
            font.pixelSize: Theme.small
            color: Theme.soft
            wrapMode: Text.Wrap
            Layout.fillWidth: true
        }
        ListView {
            visible: count > 0
            model: panel.readers
            clip: true
            activeFocusOnTab: true
            implicitHeight: Math.min(contentHeight, 280 * Theme.zoom)
            Layout.fillWidth: true
            Layout.fillHeight: true
            Accessible.role: Accessible.List
            Accessible.name: qsTr("Who computed the answers")
            ScrollBar.vertical: ScrollBar {}

            delegate: ItemDelegate {
                id: row

                required property var modelData

                width: ListView.view.width
                hoverEnabled: false
                Accessible.name: modelData.name + ", " + modelData.detail
                contentItem: ColumnLayout {
                    spacing: 1

                    Label {
                        text: row.modelData.here ? qsTr("%1 (this computer)").arg(row.modelData.name) : row.modelData.name
                        textFormat: Text.PlainText
                        font.weight: Font.DemiBold
                        elide: Text.ElideRight
                        Layout.fillWidth: true
                    }
                    Label {
                        text: row.modelData.detail + " · " + row.modelData.peer
                        textFormat: Text.PlainText
                        font.pixelSize: Theme.small
                        color: Theme.soft
                        elide: Text.ElideMiddle
                        Layout.fillWidth: true
                    }
                }
            }
        }
        Label {
            visible: panel.chat.moreAbove
            text: qsTr("Earlier messages are not loaded, so others may have computed those.")
            font.pixelSize: Theme.small
            color: Theme.soft
            wrapMode: Text.Wrap
            Layout.fillWidth: true
        }
    }
}
