// The system's own dialog for a folder; loaded when it is asked for.
import QtQuick
import QtQuick.Dialogs

FolderDialog {
    id: dialog

    signal chosen(string path)
    signal closed

    title: qsTr("Choose the folder of a model")
    onAccepted: {
        dialog.chosen(decodeURIComponent(String(dialog.selectedFolder).replace(/^file:\/\//, "")));
        dialog.closed();
    }
    onRejected: dialog.closed()
}
