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
    ConfirmDialog {
        id: demo

        title: qsTr("Try the demo?")
        text: qsTr("A link asks for it. A small model is started on this computer, beside what runs already; nothing leaves this computer.")
        yes: qsTr("Start the demo")
        no: qsTr("Cancel")
        onAccepted: root.app.chat.availability.startDemo()
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
        function onDemoAsked(): void {
            demo.open();
        }
    }
}
