// The chat. Only the message box is made for the first frame; what is above it comes right after.
pragma ComponentBehavior: Bound
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."

Page {
    id: page

    required property var app
    property var chats: null // once the first frame is on the screen

    function begin(): void {
        if (page.chats === null)
            page.chats = page.app.chat;
    }

    focus: true
    padding: 0
    title: qsTr("Chat")
    background: Rectangle {
        color: Theme.surface
    }

    Connections {
        target: page.Window.window
        enabled: page.chats === null

        function onFrameSwapped(): void {
            page.begin();
        }
    }
    ColumnLayout {
        anchors.fill: parent
        spacing: 0

        Loader {
            active: page.chats !== null
            Layout.fillWidth: true
            Layout.fillHeight: true
            Layout.minimumHeight: 0
            sourceComponent: ChatBody {
                app: page.app
                chats: page.chats
                onWrite: composer.focusText()
            }
        }
        Composer {
            id: composer

            chats: page.chats
            Layout.fillWidth: true
        }
    }
}
