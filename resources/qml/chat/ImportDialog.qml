// Which file chats are read from.
import QtQuick
import QtQuick.Dialogs

FileDialog {
    id: dialog

    required property var files

    title: qsTr("Import chats")
    nameFilters: [qsTr("Chats (*.json *.ndjson *.md)"), qsTr("All files (*)")]
    Component.onCompleted: open()
    onAccepted: {
        files.importFile(selectedFile);
        dialog.destroy();
    }
    onRejected: dialog.destroy()
}
