// One clear line when an answer did not simply end, with the button that helps.
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."

RowLayout {
    id: outcome

    required property string text
    required property string kind // "error", "warn" or "quiet"
    property string code // of the error
    property bool canRegenerate
    property bool demoMissing
    property bool demoBusy

    signal regenerated
    signal demoWanted
    signal edited
    signal newChatWanted

    spacing: Theme.gap

    Label {
        text: (outcome.kind === "error" ? "✕ " : outcome.kind === "warn" ? "⚠ " : "") + outcome.text
        textFormat: Text.PlainText
        wrapMode: Text.Wrap
        font.pixelSize: Theme.small
        color: outcome.kind === "error" ? Theme.error : outcome.kind === "warn" ? Theme.warn : Theme.soft
        Layout.fillWidth: true
        Accessible.role: Accessible.AlertMessage
        Accessible.name: outcome.text
    }
    Button {
        visible: outcome.code === "demo_off" && outcome.demoMissing
        enabled: !outcome.demoBusy
        text: qsTr("Start the demo")
        onClicked: outcome.demoWanted()
    }
    // A chat that is too long for its model only fails again.
    Button {
        visible: outcome.code === "too_long" && outcome.canRegenerate
        text: qsTr("Edit the question")
        onClicked: outcome.edited()
    }
    Button {
        visible: outcome.code === "too_long" && outcome.canRegenerate
        text: qsTr("New chat")
        onClicked: outcome.newChatWanted()
    }
    Button {
        visible: outcome.canRegenerate && outcome.kind !== "quiet" && outcome.code !== "too_long" && !(outcome.code === "demo_off" && outcome.demoMissing)
        text: qsTr("Regenerate")
        onClicked: outcome.regenerated()
    }
}
