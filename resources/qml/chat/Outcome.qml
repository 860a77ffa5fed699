// One clear line when an answer did not simply end, with the button that helps.
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."

RowLayout {
    id: outcome

    required property string text
    required property string kind // "error", "warn" or "quiet"
    property bool canRegenerate

    signal regenerated

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
        visible: outcome.canRegenerate && outcome.kind !== "quiet"
        text: qsTr("Regenerate")
        onClicked: outcome.regenerated()
    }
}
