// Everything of the chat but the message box: the header, the messages or what stands in their place, and offers.
pragma ComponentBehavior: Bound
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."
import "../components"

ColumnLayout {
    id: body

    required property var app
    required property var chats
    readonly property var chat: chats.current
    readonly property real column: Math.min(width - 2 * Theme.pad, 800 * Theme.zoom)

    signal write

    spacing: 0

    ChatHeader {
        app: body.app
        chats: body.chats
        Layout.fillWidth: true
    }
    Banner {
        visible: text !== ""
        text: body.app.settings.otherVersion
        closable: false
        Layout.preferredWidth: body.column
        Layout.alignment: Qt.AlignHCenter
        Layout.topMargin: visible ? Theme.gap : 0

        Button {
            visible: body.app.settings.canRestart
            text: qsTr("Restart the node")
            Accessible.description: qsTr("Answers that are being written stop; what is shared is offered again")
            onClicked: body.app.settings.restartNode()
        }
    }
    Item {
        Layout.fillWidth: true
        Layout.fillHeight: true

        MessageList {
            anchors.fill: parent
            visible: !body.chat.fresh
            app: body.app
            chat: body.chat
            column: body.column
        }
        Loader {
            anchors.fill: parent
            active: body.chat.fresh
            sourceComponent: body.chats.availability.noModel ? noModel : empty
        }
        BusyIndicator {
            anchors.centerIn: parent
            visible: body.chat.loading
            running: visible
            Accessible.name: qsTr("Reading the chat")
        }
    }
    UndoBar {
        undo: body.chats.undo
        kind: "message"
        Layout.preferredWidth: body.column
        Layout.alignment: Qt.AlignHCenter
        Layout.bottomMargin: Theme.gap
    }
    Component {
        id: empty

        EmptyChat {
            chats: body.chats
            onSuggested: body.write()
        }
    }
    Component {
        id: noModel

        NoModel {
            availability: body.chats.availability
        }
    }
    Connections {
        target: body.chats

        function onComposerWanted(): void {
            body.write();
        }
    }
    Shortcut {
        sequences: body.app.settings.shortcuts.keys("stop")
        enabled: body.visible && body.chat.writing
        onActivated: body.chat.stop()
    }
    Shortcut {
        sequences: body.app.settings.shortcuts.keys("regenerate")
        enabled: body.visible && body.chat.canWriteAnew && !body.chat.fresh
        onActivated: body.chat.regenerateLast()
    }
    Shortcut {
        sequences: body.app.settings.shortcuts.keys("undo")
        enabled: body.visible && body.chats.undo.text !== "" // a box with an undo of its own takes the key first
        onActivated: body.chats.undo.take()
    }
    Shortcut {
        sequences: body.app.settings.shortcuts.keys("copy-answer")
        enabled: body.visible && !body.chat.fresh
        onActivated: {
            body.chat.copyLast();
            body.app.notify(qsTr("The last answer is on the clipboard."), "info");
        }
    }
}
