// What is asked before the window or the whole of Meadow goes.
import QtQuick
import "../components"

Item {
    id: root

    required property var app

    ConfirmDialog {
        id: leaving

        title: qsTr("Meadow goes on without the window")
        yes: qsTr("Close the window")
        onAccepted: root.app.leave()
    }
    ConfirmDialog {
        id: quitting

        title: qsTr("Quit Meadow?")
        yes: qsTr("Quit")
        no: qsTr("Cancel")
        onAccepted: root.app.quitNow()
    }
    Connections {
        target: root.app

        function onExplained(text: string): void {
            leaving.text = text;
            leaving.open();
        }
        function onQuitAsked(text: string): void {
            leaving.close();
            quitting.text = text;
            quitting.open();
        }
    }
}
