// The node looks at this machine and says what is wrong and what to do; the report can be copied into a question.
pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."

ColumnLayout {
    id: page

    required property var app
    required property string name

    readonly property var diagnostics: app.settings.diagnostics

    spacing: Theme.pad

    Label {
        Layout.fillWidth: true
        text: qsTr("Meadow looks at this machine, its disks, its GPU and its way into the swarm. The report holds no secrets, no addresses and nothing of chats.")
        textFormat: Text.PlainText
        wrapMode: Text.Wrap
    }
    ColumnLayout {
        Layout.fillWidth: true
        spacing: 0

        CheckBox {
            id: thorough

            text: qsTr("With a self-test")
            enabled: !page.diagnostics.running
            Accessible.description: effort.text
        }
        Label {
            id: effort

            Layout.fillWidth: true
            text: qsTr("Computes with a small model and compares; that takes a minute.")
            textFormat: Text.PlainText
            font.pixelSize: Theme.small
            color: Theme.soft
            wrapMode: Text.Wrap
        }
    }
    Flow {
        Layout.fillWidth: true
        spacing: Theme.gap

        Button {
            visible: !page.diagnostics.running
            text: qsTr("Run the checks")
            highlighted: page.diagnostics.text.length === 0
            onClicked: page.diagnostics.run(thorough.checked)
        }
        Button {
            visible: page.diagnostics.running
            text: qsTr("Cancel")
            onClicked: page.diagnostics.cancel()
        }
        Button {
            text: qsTr("Copy diagnostics")
            enabled: page.diagnostics.text.length > 0
            onClicked: {
                page.diagnostics.copy();
                copied.visible = true;
            }
        }
    }
    Label {
        id: copied

        Layout.fillWidth: true
        visible: false
        text: qsTr("Copied. Paste it where you ask your question.")
        textFormat: Text.PlainText
        font.pixelSize: Theme.small
        color: Theme.soft
        wrapMode: Text.Wrap
        Accessible.role: Accessible.AlertMessage
    }
    ColumnLayout {
        Layout.fillWidth: true
        visible: page.diagnostics.running

        ProgressBar {
            Layout.fillWidth: true
            indeterminate: true
            Accessible.name: qsTr("Checks are running")
        }
        Label {
            Layout.fillWidth: true
            text: qsTr("Checking for %n second(s)…", "", page.diagnostics.seconds)
            textFormat: Text.PlainText
            font.pixelSize: Theme.small
            color: Theme.soft
        }
    }
    Label {
        Layout.fillWidth: true
        visible: text.length > 0
        text: page.diagnostics.error.length > 0 ? "⚠ " + page.diagnostics.error : page.diagnostics.summary
        textFormat: Text.PlainText
        font.weight: Font.DemiBold
        color: page.diagnostics.error.length > 0 ? Theme.error : Theme.ink
        wrapMode: Text.Wrap
        Accessible.role: Accessible.AlertMessage
    }
    Repeater {
        model: page.diagnostics.results

        RowLayout {
            id: result

            required property var modelData

            Layout.fillWidth: true
            spacing: Theme.pad

            // A sign and a word: never the colour alone.
            Label {
                Layout.alignment: Qt.AlignTop
                Layout.preferredWidth: 22 * Theme.zoom
                text: result.modelData.status === "ok" ? "✓" : result.modelData.status === "warn" ? "!" : "✕"
                font.weight: Font.Bold
                horizontalAlignment: Text.AlignHCenter
                color: result.modelData.status === "ok" ? Theme.accent : result.modelData.status === "warn" ? Theme.warn : Theme.error
                Accessible.name: result.modelData.status === "ok" ? qsTr("good") : result.modelData.status === "warn" ? qsTr("could be better") : qsTr("does not work")
            }
            ColumnLayout {
                Layout.fillWidth: true
                spacing: 2

                Label {
                    Layout.fillWidth: true
                    text: result.modelData.title
                    textFormat: Text.PlainText
                    font.weight: Font.DemiBold
                    wrapMode: Text.Wrap
                }
                Label {
                    Layout.fillWidth: true
                    text: result.modelData.what
                    textFormat: Text.PlainText
                    wrapMode: Text.Wrap
                }
                Label {
                    Layout.fillWidth: true
                    visible: text.length > 0
                    text: result.modelData.advice
                    textFormat: Text.PlainText
                    color: Theme.soft
                    wrapMode: Text.Wrap
                }
            }
        }
    }
}
