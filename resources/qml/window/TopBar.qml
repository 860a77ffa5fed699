// What stands above the page where there is no room for the navigation beside it.
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."
import "../components"

ToolBar {
    id: bar

    required property var app
    required property var shell

    padding: 6
    background: Rectangle {
        color: Theme.sidebar
    }

    RowLayout {
        anchors.fill: parent

        IconButton {
            name: qsTr("Menu")
            icon.source: "../../icons/menu.svg"
            onClicked: bar.shell.menuWanted()
        }
        Item {
            Layout.fillWidth: true
        }
        IconButton {
            name: qsTr("New chat")
            shortcut: bar.app.settings.shortcuts.text("new-chat")
            icon.source: "../../icons/new-chat.svg"
            onClicked: bar.app.newChat()
        }
    }
}
