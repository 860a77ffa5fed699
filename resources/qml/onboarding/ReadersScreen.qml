import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."

Step {
    id: screen

    readonly property bool demo: first !== null && first.choice === "demo"

    title: qsTr("Who can read what you write")
    text: demo ? qsTr("In the demo, nobody but you: it runs on this computer alone. In a public swarm it is different. There, the people whose computers work on an answer could read it, so write nothing there that strangers must not read.") : qsTr("The people whose computers work on an answer could read it and what you asked, so write nothing that strangers must not read. Under each answer you can see which computers worked on it.")

    ColumnLayout {
        Layout.fillWidth: true
        spacing: Theme.gap
        visible: screen.first !== null

        ProgressBar {
            Layout.fillWidth: true
            visible: screen.demo && (screen.first.demoStatus === "starting" || screen.first.busy)
            value: screen.first !== null ? screen.first.demoProgress : 0
            indeterminate: value === 0
            Accessible.name: progress.text
        }
        Label {
            id: progress

            Layout.fillWidth: true
            text: {
                if (screen.first === null)
                    return "";
                if (screen.first.error.length > 0)
                    return "⚠ " + screen.first.error;
                if (!screen.demo)
                    return screen.first.joinText;
                switch (screen.first.demoStatus) {
                case "ready":
                    return "✓ " + qsTr("The demo is ready.");
                case "failed":
                    return "⚠ " + qsTr("The demo did not start. %1").arg(screen.first.demoMessage);
                default:
                    return qsTr("The demo starts: two servers and a model, on this computer…");
                }
            }
            textFormat: Text.PlainText
            color: Theme.soft
            wrapMode: Text.Wrap
            Accessible.role: Accessible.StatusBar
            Accessible.name: text
        }
    }
    Flow {
        Layout.fillWidth: true
        spacing: Theme.gap

        Button {
            text: qsTr("Start chatting")
            highlighted: true
            focus: true
            onClicked: screen.first.done()
        }
        Button {
            visible: screen.demo && (screen.first.demoStatus === "failed" || (screen.first.error.length > 0 && !screen.first.busy))
            text: qsTr("Try again")
            onClicked: screen.first.tryAgain()
        }
        Button {
            text: qsTr("Back")
            onClicked: screen.first.back()
        }
    }
}
