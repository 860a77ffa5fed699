// Before joining: of which model, what this computer would host, and what that changes for the swarm.
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."
import "../components"
import "../models"

Card {
    id: card

    required property var app

    readonly property var share: app.share
    readonly property var plan: share.plan

    function chooseModel(): void {
        picker.open();
    }

    contentItem: ColumnLayout {
        spacing: Theme.pad

        RowLayout {
            spacing: Theme.gap

            ModelPicker {
                id: picker

                app: card.app
                purpose: "share"
                current: card.share.model
                emptyText: qsTr("Choose a model to share")
                Layout.fillWidth: true
                Layout.maximumWidth: 460 * Theme.zoom
                onChosen: model => card.share.choose(model)
            }
            Item {
                Layout.fillWidth: true
            }
        }
        RowLayout {
            spacing: Theme.gap
            visible: card.plan.busy && !card.plan.known

            BusyIndicator {
                running: visible
                implicitWidth: 20 * Theme.zoom
                implicitHeight: implicitWidth
            }
            Label {
                text: qsTr("Looking what this computer could host…")
                color: Theme.soft
                font.pixelSize: Theme.body
                wrapMode: Text.Wrap
                Layout.fillWidth: true
            }
        }
        Label {
            visible: text !== ""
            text: card.plan.text
            textFormat: Text.PlainText
            font.pixelSize: Theme.body * 1.15
            color: Theme.ink
            wrapMode: Text.Wrap
            Layout.fillWidth: true
        }
        Label {
            text: [card.plan.costs, qsTr("Nothing is shared before you say so.")].filter(part => part !== "").join(" ")
            textFormat: Text.PlainText
            color: Theme.soft
            font.pixelSize: Theme.small
            wrapMode: Text.Wrap
            Layout.fillWidth: true
        }
        Button {
            highlighted: true
            text: qsTr("Share")
            enabled: card.share.available && card.share.model !== ""
            Accessible.description: card.plan.text
            onClicked: card.share.turnOn()
        }
    }
}
