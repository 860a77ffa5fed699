// The way of a token: who computed which blocks, and for how long it was computed, waited for, and on the way.
pragma ComponentBehavior: Bound
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."
import "../components"

Card {
    id: route

    required property var message
    readonly property var hops: message ? message.hops : []
    readonly property var facts: message ? message.details : []
    readonly property bool timed: hops.some(hop => hop.time !== "")
    readonly property bool narrow: width < 440 * Theme.zoom // the bars go below the names
    readonly property bool waited: hops.some(hop => hop.queue > 0)
    readonly property color queueColor: Theme.dark ? "#C79A4B" : "#D9A441"
    readonly property color wireColor: Theme.dark ? "#7D9CC4" : "#5F87B8"

    padding: 14
    contentItem: ColumnLayout {
        spacing: 10

        Label {
            text: route.timed ? qsTr("How long a new token took, on average") : qsTr("Who computed this answer")
            font.pixelSize: Theme.small
            font.weight: Font.DemiBold
            wrapMode: Text.Wrap
            Layout.fillWidth: true
            Accessible.role: Accessible.Heading
        }
        Repeater {
            model: route.hops

            GridLayout {
                id: hop

                required property var modelData

                columns: route.narrow ? 2 : 4
                columnSpacing: 10
                rowSpacing: 4
                Layout.fillWidth: true
                Accessible.role: Accessible.ListItem
                Accessible.name: modelData.spoken

                Label {
                    text: hop.modelData.who
                    textFormat: Text.PlainText
                    font.pixelSize: Theme.small
                    font.weight: Font.DemiBold
                    wrapMode: Text.Wrap
                    Layout.fillWidth: route.narrow
                    Layout.preferredWidth: 130 * Theme.zoom
                }
                Label {
                    text: hop.modelData.what
                    textFormat: Text.PlainText
                    font.pixelSize: Theme.small
                    color: Theme.soft
                    wrapMode: Text.Wrap
                    horizontalAlignment: route.narrow ? Text.AlignRight : Text.AlignLeft
                    Layout.fillWidth: route.narrow && !route.timed
                    Layout.preferredWidth: (route.narrow ? 100 : 130) * Theme.zoom
                }
                Item {
                    visible: route.timed
                    implicitHeight: 12 * Theme.zoom
                    Layout.fillWidth: true
                    Layout.minimumWidth: 20

                    Row {
                        spacing: 1
                        layoutDirection: Application.layoutDirection
                        anchors.left: parent.left

                        Repeater {
                            model: [
                                { seconds: hop.modelData.compute, color: Theme.accent },
                                { seconds: hop.modelData.queue, color: route.queueColor },
                                { seconds: hop.modelData.wire, color: route.wireColor }
                            ]

                            Rectangle {
                                required property var modelData

                                visible: modelData.seconds > 0
                                width: Math.max(2, modelData.seconds * hop.modelData.scale * (parent.parent.width - 2))
                                height: 12 * Theme.zoom
                                radius: 3
                                color: modelData.color
                            }
                        }
                    }
                }
                Label {
                    visible: route.timed
                    text: hop.modelData.time === "" ? "–" : hop.modelData.time
                    textFormat: Text.PlainText
                    font.pixelSize: Theme.small
                    color: Theme.soft
                    horizontalAlignment: Text.AlignRight
                    Layout.preferredWidth: 60 * Theme.zoom
                }
            }
        }
        Flow {
            visible: route.timed
            spacing: 14
            Layout.fillWidth: true

            Key {
                color: Theme.accent
                text: qsTr("computing")
            }
            Key {
                visible: route.waited
                color: route.queueColor
                text: qsTr("waiting for its turn")
            }
            Key {
                color: route.wireColor
                text: qsTr("on the network")
            }
        }
        Rectangle {
            implicitHeight: 1
            color: Theme.faint
            Layout.fillWidth: true
        }
        GridLayout {
            columns: 2
            columnSpacing: 14
            rowSpacing: 4
            Layout.fillWidth: true

            Repeater {
                model: route.facts.length * 2

                Label {
                    required property int index
                    readonly property var pair: route.facts[Math.floor(index / 2)]

                    text: pair === undefined ? "" : index % 2 ? pair.value : pair.title
                    textFormat: Text.PlainText
                    font.pixelSize: Theme.small
                    color: index % 2 ? Theme.ink : Theme.soft
                    wrapMode: index % 2 ? Text.Wrap : Text.NoWrap
                    Layout.fillWidth: index % 2
                }
            }
        }
    }

    component Key: Row {
        id: key

        required property color color
        required property string text

        spacing: 5

        Rectangle {
            width: 10 * Theme.zoom
            height: 10 * Theme.zoom
            radius: 3
            color: key.color
            anchors.verticalCenter: parent.verticalCenter
        }
        Label {
            text: key.text
            font.pixelSize: Theme.small
            color: Theme.soft
        }
    }
}
