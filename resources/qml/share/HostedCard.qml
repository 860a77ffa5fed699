// The blocks that this computer hosts, and who uses them now.
pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."
import "../components"

Card {
    id: card

    required property var app

    readonly property var share: app.share

    visible: share.servers.count > 0
    contentItem: ColumnLayout {
        spacing: Theme.pad

        Label {
            text: qsTr("What it hosts")
            font.pixelSize: Theme.body
            font.weight: Font.DemiBold
            color: Theme.ink
            Accessible.role: Accessible.Heading
        }
        Repeater {
            model: card.share.servers

            ColumnLayout {
                id: row

                required property string model
                required property string blocks
                required property string word
                required property string detail
                required property int start
                required property int end
                required property int numBlocks

                spacing: 6
                Layout.fillWidth: true

                Label {
                    text: row.model + ": " + row.blocks // no arg(): a name may hold "%2"
                    textFormat: Text.PlainText
                    font.pixelSize: Theme.body
                    color: Theme.ink
                    wrapMode: Text.Wrap
                    Layout.fillWidth: true
                }
                // Which part of the model it is.
                Rectangle {
                    visible: row.numBlocks > 0
                    implicitHeight: 10
                    radius: 3
                    color: Theme.faint
                    Layout.fillWidth: true
                    Accessible.ignored: true

                    Rectangle {
                        x: (card.mirrored ? row.numBlocks - row.end : row.start) / Math.max(1, row.numBlocks) * parent.width
                        width: Math.max(3, (row.end - row.start) / Math.max(1, row.numBlocks) * parent.width)
                        height: parent.height
                        radius: 3
                        color: Theme.accent
                    }
                }
                Label {
                    text: [row.word, row.detail].filter(part => part !== "").join(" · ")
                    textFormat: Text.PlainText
                    font.pixelSize: Theme.small
                    color: Theme.soft
                    wrapMode: Text.Wrap
                    Layout.fillWidth: true
                }
            }
        }
        Label {
            visible: card.share.users.count > 0
            text: qsTr("Who uses it now")
            font.pixelSize: Theme.body
            font.weight: Font.DemiBold
            color: Theme.ink
            Accessible.role: Accessible.Heading
        }
        Repeater {
            model: card.share.users

            RowLayout {
                id: user

                required property string name
                required property string detail

                spacing: Theme.pad
                Layout.fillWidth: true

                Label {
                    text: user.name
                    textFormat: Text.PlainText
                    font.pixelSize: Theme.body
                    color: Theme.ink
                    elide: Text.ElideRight
                    Layout.fillWidth: true
                }
                Label {
                    text: user.detail
                    textFormat: Text.PlainText
                    font.pixelSize: Theme.small
                    color: Theme.soft
                }
            }
        }
    }
}
