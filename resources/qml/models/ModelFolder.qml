// The system's dialog for a folder with a model in it.
import QtQuick.Dialogs

FolderDialog {
    id: dialog

    signal taken(where: url)
    signal done

    title: qsTr("Choose the folder of a model")
    onAccepted: {
        dialog.taken(selectedFolder);
        dialog.done();
    }
    onRejected: dialog.done()
}
