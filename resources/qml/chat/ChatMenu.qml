// What can be done with one chat, in the header and in the list.
pragma ComponentBehavior: Bound
import QtQuick
import QtQuick.Controls

Menu {
    id: root

    required property var app
    required property var chats
    required property string chatId
    required property string chatTitle
    readonly property bool kept: chatId !== ""

    // Dialogs of files are made when they are wanted: the system's take a while. They open themselves.
    function dialog(file: string, properties: var): void {
        const made = Qt.createComponent(file);
        made.createObject(root.parent, properties);
    }
    function exportAs(kind: string): void {
        dialog("ExportDialog.qml", { files: chats.files, chatId: chatId, chatTitle: root.chatTitle, kind: kind });
    }

    MenuItem {
        text: qsTr("Rename…")
        enabled: root.kept
        onTriggered: root.dialog("RenameDialog.qml", { chats: root.chats, chatId: root.chatId, before: root.chatTitle })
    }
    MenuItem {
        text: qsTr("Export as Markdown…")
        enabled: root.kept
        onTriggered: root.exportAs("markdown")
    }
    MenuItem {
        text: qsTr("Export as JSON…")
        enabled: root.kept
        onTriggered: root.exportAs("json")
    }
    MenuSeparator {}
    MenuItem {
        text: qsTr("Export all chats…")
        onTriggered: root.exportAs("all")
    }
    MenuItem {
        text: qsTr("Import chats…")
        onTriggered: root.dialog("ImportDialog.qml", { files: root.chats.files })
    }
    MenuSeparator {}
    MenuItem {
        text: qsTr("Delete chat")
        enabled: root.kept
        onTriggered: root.chats.remove(root.chatId)
    }
}
