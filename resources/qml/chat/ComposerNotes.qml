// Why nothing can be sent now, or why the last message was not taken. What was written stays.
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."
import "../components"

ColumnLayout {
    id: notes

    required property var chats
    readonly property var chat: chats !== null ? chats.current : null
    readonly property bool needsDemo: chat !== null && ["demo_off", "no_model", "unknown_model", "blocks_missing"].includes(chat.problemCode)

    spacing: 6
    // A chat without a message has the whole page for this.
    readonly property bool demoMissing: chat !== null && chats.availability.demoMissing && !(chat.fresh && chats.availability.noModel)
    readonly property string queued: chat !== null ? chats.availability.queued : ""
    readonly property bool needed: chat !== null && (chat.problem !== "" || chats.nodeText !== "" || demoMissing || queued !== "")

    Banner {
        visible: notes.chat !== null && notes.chats.nodeText !== ""
        text: notes.chats !== null ? notes.chats.nodeText : ""
        kind: notes.chats !== null && notes.chats.nodeStatus === "failed" ? "error" : "info"
        closable: false
        Layout.fillWidth: true

        Button {
            visible: notes.chats !== null && notes.chats.nodeStatus === "failed"
            text: qsTr("Try again")
            onClicked: notes.chats.retryNode()
        }
    }
    Banner {
        visible: notes.queued !== ""
        text: notes.queued
        closable: false
        Layout.fillWidth: true

        Button {
            text: qsTr("Cancel")
            Accessible.description: qsTr("The text stays, and is not sent")
            onClicked: notes.chats.availability.keep()
        }
    }
    Banner {
        visible: notes.demoMissing
        text: notes.chat === null ? "" : notes.chats.availability.demoText !== "" ? notes.chats.availability.demoText : qsTr("This chat asks the model of the demo, and the demo is off.")
        kind: notes.chat !== null && notes.chats.availability.demoStatus === "failed" ? "error" : "info"
        closable: false
        Layout.fillWidth: true

        ProgressBar {
            visible: notes.demoMissing && notes.chats.availability.demoBusy
            indeterminate: visible && notes.chats.availability.demoFraction <= 0
            value: notes.chat !== null ? notes.chats.availability.demoFraction : 0
            Accessible.name: qsTr("The demo is starting")
            Layout.preferredWidth: 120 * Theme.zoom
        }
        Button {
            visible: notes.demoMissing && !notes.chats.availability.demoBusy
            text: qsTr("Start the demo")
            onClicked: notes.chats.availability.startDemo()
        }
    }
    Banner {
        visible: notes.chat !== null && notes.chat.problem !== "" && !(notes.demoMissing && notes.chat.problemCode === "demo_off")
        text: notes.chat !== null ? notes.chat.problem : ""
        kind: "error"
        Layout.fillWidth: true
        onClosed: notes.chat.dismissProblem()

        Button {
            visible: notes.needsDemo && notes.chats.availability.demoStatus !== "ready"
            text: qsTr("Start the demo")
            enabled: visible && !notes.chats.availability.demoBusy
            onClicked: notes.chats.availability.startDemo()
        }
    }
}
