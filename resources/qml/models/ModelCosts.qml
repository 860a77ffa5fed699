// What the model that is looked at is and costs, and the button that takes or fetches it.
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."
import "../components"

Card {
    id: card

    required property var app
    required property var picker

    readonly property bool mustFetch: picker.missing !== ""

    signal tokenWanted

    padding: 12
    contentItem: ColumnLayout {
        spacing: Theme.gap

        RowLayout {
            spacing: Theme.gap

            Label {
                text: card.picker.lookedName
                textFormat: Text.PlainText
                font.pixelSize: Theme.body
                font.weight: Font.DemiBold
                color: Theme.ink
                elide: Text.ElideMiddle
                Layout.fillWidth: true
            }
            BusyIndicator {
                visible: card.picker.busy
                running: visible
                implicitWidth: 20 * Theme.zoom
                implicitHeight: implicitWidth
                Accessible.name: qsTr("Looking what it is")
            }
        }
        Label {
            visible: text !== ""
            text: [card.picker.facts, card.picker.cost].filter(part => part !== "").join("\n")
            textFormat: Text.PlainText
            font.pixelSize: Theme.small
            color: Theme.soft
            wrapMode: Text.Wrap
            Layout.fillWidth: true
        }
        Label {
            visible: text !== ""
            text: card.picker.trouble === "" ? "" : "⚠ " + card.picker.trouble
            textFormat: Text.PlainText
            font.pixelSize: Theme.small
            color: Theme.error
            wrapMode: Text.Wrap
            Layout.fillWidth: true
            Accessible.role: Accessible.AlertMessage
            Accessible.name: card.picker.trouble
        }
        Label {
            visible: card.picker.gated
            text: qsTr("The owner of this model lets people in one by one: accept its terms on its page of the hub, then give Meadow a token of your account there.")
            font.pixelSize: Theme.small
            color: Theme.ink
            wrapMode: Text.Wrap
            Layout.fillWidth: true
        }
        ProgressBar {
            visible: card.picker.fetching
            indeterminate: card.picker.fraction < 0
            value: Math.max(0, card.picker.fraction)
            Accessible.name: qsTr("Downloading %1").arg(card.picker.lookedName)
            Accessible.description: card.picker.progressText
            Layout.fillWidth: true
        }
        RowLayout {
            spacing: Theme.gap

            Label {
                text: card.picker.fetching ? card.picker.progressText : ""
                textFormat: Text.PlainText
                font.pixelSize: Theme.small
                color: Theme.soft
                wrapMode: Text.Wrap
                Layout.fillWidth: true
            }
            Button {
                visible: card.picker.fetching
                text: qsTr("Cancel")
                Accessible.description: qsTr("What has come stays, so that it can go on from there")
                onClicked: card.picker.cancel()
            }
            Button {
                visible: card.picker.gated
                text: qsTr("Enter a token…")
                onClicked: card.tokenWanted()
            }
            Button {
                highlighted: true
                visible: card.mustFetch && !card.picker.fetching
                text: qsTr("Download %1").arg(card.picker.missing)
                enabled: card.picker.canChoose
                onClicked: card.picker.fetch()
            }
            Button {
                highlighted: true
                visible: !card.mustFetch && !card.picker.fetching
                text: qsTr("Use this model")
                enabled: card.picker.canChoose
                onClicked: card.picker.choose()
            }
        }
    }
}
