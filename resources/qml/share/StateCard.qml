// What is so now, and the verbs: share, pause, finish.
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."
import "../components"

Card {
    id: card

    required property var app

    readonly property var share: app.share

    contentItem: ColumnLayout {
        spacing: Theme.pad

        RowLayout {
            spacing: Theme.pad

            ShareIcon {
                shape: card.share.shape
                size: 28 * Theme.zoom
                Layout.alignment: Qt.AlignTop
            }
            ColumnLayout {
                spacing: 2
                Layout.fillWidth: true

                Label {
                    text: card.share.word
                    textFormat: Text.PlainText
                    font.pixelSize: Theme.title
                    font.weight: Font.DemiBold
                    color: Theme.ink
                    Layout.fillWidth: true
                    Accessible.role: Accessible.Heading
                }
                Label {
                    text: [card.share.brief, card.share.until].filter(part => part !== "").join(" ")
                    textFormat: Text.PlainText
                    color: Theme.soft
                    font.pixelSize: Theme.body
                    wrapMode: Text.Wrap
                    Layout.fillWidth: true
                    Accessible.role: Accessible.StatusBar
                    Accessible.name: [card.share.text, card.share.until].filter(part => part !== "").join(" ")
                }
                Label {
                    visible: text !== ""
                    text: card.share.interrupted
                    textFormat: Text.PlainText
                    color: Theme.ink
                    font.pixelSize: Theme.body
                    wrapMode: Text.Wrap
                    Layout.fillWidth: true
                    Layout.topMargin: 4
                }
            }
            ShareSwitch {
                app: card.app
                Layout.alignment: Qt.AlignTop
            }
        }
        StartProgress {
            app: card.app
            visible: card.share.starting
            Layout.fillWidth: true
        }
        Flow {
            spacing: Theme.gap
            visible: card.share.canFinish || card.share.finishing || card.share.interrupted !== ""
            Layout.fillWidth: true

            Button {
                visible: card.share.interrupted !== ""
                text: qsTr("Share again")
                highlighted: true
                enabled: card.share.available
                Accessible.description: card.share.interrupted
                onClicked: card.share.shareAgain()
            }
            Button {
                visible: card.share.interrupted !== ""
                text: qsTr("Not now")
                enabled: card.share.available
                Accessible.description: qsTr("Does not ask again")
                onClicked: card.share.forgetInterrupted()
            }
            Button {
                visible: card.share.canUseProcessor
                text: qsTr("Use the processor instead")
                Accessible.description: qsTr("Ends the download and shares without the GPU")
                onClicked: card.share.useProcessor()
            }

            Button {

                highlighted: true
                visible: card.share.paused
                text: qsTr("Resume")
                enabled: card.share.available
                onClicked: card.share.turnOn()
            }
            Button {
                visible: card.share.failed
                text: qsTr("Try again")
                highlighted: true
                enabled: card.share.available
                onClicked: card.share.turnOn()
            }
            PauseButton {
                app: card.app
                visible: card.share.canPause && !card.share.starting && !card.share.failed
            }
            Button {
                visible: card.share.canFinish && !card.share.starting
                readonly property string whole: card.share.paused || card.share.failed ? qsTr("Stop sharing") : qsTr("Finish what is running, then stop")

                text: card.width < 420 * Theme.zoom && !card.share.paused && !card.share.failed ? qsTr("Finish") : whole
                Accessible.name: whole
                onClicked: card.share.finish()
            }
            Button {
                visible: card.share.starting && card.share.canFinish
                text: qsTr("Cancel")
                onClicked: card.share.stopNow()
            }
            Button {
                visible: card.share.finishing && card.share.state === "draining"
                text: qsTr("Stop now")
                Accessible.description: qsTr("Ends the sessions that are still open")
                onClicked: card.share.stopNow()
            }
        }
    }
}
