// Sharing at a glance, at the foot of the sidebar: the switch, the state, one word, one reason.
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."
import "../components"

Card {
    id: card

    required property var app

    readonly property var share: app.share

    padding: 14
    Accessible.role: Accessible.Grouping
    Accessible.name: qsTr("Sharing: %1").arg(share.word)
    background: Rectangle {
        color: Theme.surface
        radius: Theme.radius
        border.color: Theme.faint
    }

    Connections {
        target: card.share

        function onModelWanted(): void {
            card.app.pageWanted("share"); // where a model can be chosen
        }
    }

    contentItem: ColumnLayout {
        spacing: Theme.gap

        RowLayout {
            spacing: Theme.gap

            ShareIcon {
                shape: card.share.shape
            }
            Label {
                text: card.share.word
                textFormat: Text.PlainText
                font.pixelSize: Theme.body
                font.weight: Font.DemiBold
                color: Theme.ink
                elide: Text.ElideRight
                Layout.fillWidth: true
            }
            ShareSwitch {
                app: card.app
                padding: 0
            }
        }
        Label {
            text: card.share.interrupted !== "" ? card.share.interrupted : [card.share.brief, card.share.until].filter(part => part !== "").join(" ")
            Accessible.name: [card.share.text, card.share.until, card.share.interrupted].filter(part => part !== "").join(" ")
            textFormat: Text.PlainText
            color: Theme.soft
            font.pixelSize: Theme.small
            wrapMode: Text.Wrap
            maximumLineCount: 4
            elide: Text.ElideRight
            Layout.fillWidth: true
        }
        StartProgress {
            app: card.app
            visible: card.share.starting
            Layout.fillWidth: true
        }
        RowLayout {
            spacing: Theme.gap
            visible: card.share.interrupted !== ""
            Layout.fillWidth: true

            Button {
                text: qsTr("Share again")
                enabled: card.share.available
                Accessible.description: card.share.interrupted
                Layout.fillWidth: true
                onClicked: card.share.shareAgain()
            }
            IconButton {
                name: qsTr("Do not ask again")
                icon.source: "../../icons/close.svg"
                enabled: card.share.available
                onClicked: card.share.forgetInterrupted()
            }
        }
        RowLayout {
            spacing: Theme.gap
            visible: card.share.canPause || card.share.paused
            Layout.fillWidth: true

            Button {
                visible: card.share.paused || card.share.failed
                text: card.share.failed ? qsTr("Try again") : qsTr("Resume")
                enabled: card.share.available
                Layout.fillWidth: true
                Layout.preferredWidth: 1
                onClicked: card.share.turnOn()
            }
            PauseButton {
                app: card.app
                visible: card.share.canPause && !card.share.starting && !card.share.failed
                Layout.fillWidth: true
                Layout.preferredWidth: 1
            }
            Button {
                text: card.share.starting ? qsTr("Cancel") : card.share.paused || card.share.failed ? qsTr("Stop") : qsTr("Finish")
                Accessible.description: card.share.starting ? qsTr("Do not start to share") : qsTr("Finish what is running, then stop")
                ToolTip.text: Accessible.description
                ToolTip.visible: hovered || visualFocus
                ToolTip.delay: 500
                enabled: card.share.canFinish
                Layout.fillWidth: true
                Layout.preferredWidth: 1
                onClicked: card.share.starting ? card.share.stopNow() : card.share.finish()
            }
        }
    }
}
