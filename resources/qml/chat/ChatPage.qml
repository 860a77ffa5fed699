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
        if (page.chats !== null)
            return;
        page.chats = page.app.chat;
        // By its file: a component named here would be compiled, with all that it names, before the first frame.
        body.setSource("ChatBody.qml", { app: page.app, chats: page.chats });
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
            Qt.callLater(page.begin); // a key that was pressed meanwhile comes first
        }
    }
    ColumnLayout {
        anchors.fill: parent
        spacing: 0

        Loader {
            id: body

            Layout.fillWidth: true
            Layout.fillHeight: true
            Layout.minimumHeight: 0
        }
        Connections {
            target: body.item
            ignoreUnknownSignals: true

            function onWrite(): void {
                composer.focusText();
            }
        }
        Composer {
            id: composer

            chats: page.chats
            Layout.fillWidth: true
        }
    }
}
