// The navigation: where to go, the chats, and at the foot what this machine shares.
pragma ComponentBehavior: Bound
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."
import "../components"

Pane {
    id: sidebar

    required property var app
    required property var shell

    function focusHere(): void {
        newChat.forceActiveFocus(Qt.PopupFocusReason);
    }

    padding: 12
    background: Rectangle {
        color: Theme.sidebar

        Rectangle {
            width: 1
            height: parent.height
            color: Theme.faint
            x: sidebar.mirrored ? 0 : parent.width - 1
        }
    }
    contentItem: ColumnLayout {
        spacing: 4

        RowLayout {
            Layout.bottomMargin: 6
            Layout.fillWidth: true

            Label {
                text: "Meadow"
                font.pixelSize: 18 * Theme.zoom
                font.weight: Font.Bold
                leftPadding: 8
                rightPadding: 8
                Layout.fillWidth: true
            }
            IconButton {
                id: newChat

                name: qsTr("New chat")
                shortcut: sidebar.app.settings.shortcuts.text("new-chat")
                icon.source: "../../icons/new-chat.svg"
                onClicked: sidebar.app.newChat()
            }
        }
        Repeater {
            model: [
                { page: "chat", text: qsTr("Chat") },
                { page: "share", text: qsTr("Share") },
                { page: "swarm", text: qsTr("Swarm") },
                { page: "settings", text: qsTr("Settings") }
            ]

            NavButton {
                required property var modelData

                text: modelData.text
                shortcut: sidebar.app.settings.shortcuts.text("page-" + modelData.page)
                icon.source: "../../icons/" + modelData.page + ".svg"
                checked: sidebar.shell.page === modelData.page
                onClicked: sidebar.shell.go(modelData.page)
                Layout.fillWidth: true
            }
        }
        Part {
            app: sidebar.app
            wanted: true
            file: "chat/ChatList.qml"
            Layout.fillWidth: true
            Layout.fillHeight: true
            Layout.topMargin: Theme.gap
        }
        Part {
            app: sidebar.app
            wanted: true
            file: "share/ShareCard.qml"
            Layout.fillWidth: true
            Layout.preferredHeight: implicitHeight
        }
    }
}
