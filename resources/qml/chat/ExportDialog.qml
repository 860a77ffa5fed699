// Where a chat, or all of them, are written to.
import QtQuick
import QtQuick.Dialogs

FileDialog {
    id: dialog

    required property var files
    required property string chatId
    required property string chatTitle
    required property string kind // "markdown", "json" or "all"

    fileMode: FileDialog.SaveFile
    title: kind === "all" ? qsTr("Export all chats") : qsTr("Export chat")
    selectedFile: kind === "all" ? files.suggestion(qsTr("All chats"), "json") : files.suggestion(chatTitle, kind)
    nameFilters: kind === "markdown" ? [qsTr("Markdown (*.md)")] : [qsTr("JSON (*.json)")]
    Component.onCompleted: open()
    onAccepted: {
        if (kind === "all")
            files.exportAll(selectedFile);
        else
            files.exportChat(chatId, kind, selectedFile);
        dialog.destroy();
    }
    onRejected: dialog.destroy()
}
