// The swarm: where this node stands in it, its models, and the picture of one of them.
pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."
import "../components"
import "../share"

Page {
    id: page

    required property var app

    readonly property var swarm: app.swarm
    property bool asTable: false

    padding: 0
    background: Rectangle {
        color: Theme.surface
    }
    onVisibleChanged: if (swarm)
        swarm.watch(visible)
    Component.onCompleted: swarm.watch(visible)
    Component.onDestruction: swarm.watch(false)

    ScrollView {
        id: scroll

        anchors.fill: parent
        contentWidth: availableWidth

        ColumnLayout {
            id: column

            readonly property real margin: page.width < 600 * Theme.zoom ? Theme.pad : 28
            // What is left of the window for the rows of servers; a swarm of many scrolls inside.
            readonly property real most: Math.max(220 * Theme.zoom, page.height - 330 * Theme.zoom)

            x: margin + Math.max(0, (scroll.availableWidth - 2 * margin - width) / 2)
            y: margin
            width: Math.min(scroll.availableWidth - 2 * margin, 1240 * Math.max(1, Theme.zoom))
            spacing: Theme.pad

            SwarmHeader {
                app: page.app
                Layout.fillWidth: true
            }
            EmptyState {
                visible: page.swarm.models.count === 0
                title: qsTr("No model is up here yet")
                text: qsTr("As soon as somebody shares one, its blocks and servers are drawn here. It may be you.")
                Layout.fillWidth: true
                Layout.topMargin: 40

                Button {
                    text: qsTr("Share this computer")
                    onClicked: page.app.pageWanted("share")
                }
            }
            ModelTabs {
                swarm: page.swarm
                visible: page.swarm.models.count > 1
                Layout.fillWidth: true
            }
            Card {
                visible: page.swarm.models.count > 0
                Layout.fillWidth: true

                contentItem: ColumnLayout {
                    spacing: Theme.gap

                    RowLayout {
                        spacing: Theme.gap

                        ColumnLayout {
                            spacing: 2
                            Layout.fillWidth: true

                            Label {
                                text: page.swarm.name
                                textFormat: Text.PlainText
                                font.pixelSize: Theme.body * 1.2
                                font.weight: Font.DemiBold
                                color: Theme.ink
                                wrapMode: Text.WrapAtWordBoundaryOrAnywhere // the one place that always has all of it
                                maximumLineCount: 3
                                elide: Text.ElideRight
                                Layout.fillWidth: true
                                Accessible.role: Accessible.Heading
                            }
                            RowLayout {
                                spacing: 6

                                ShareIcon {
                                    shape: page.swarm.healthy ? "check" : "triangle"
                                    size: 14 * Theme.zoom
                                    Layout.alignment: Qt.AlignTop
                                }
                                Label {
                                    text: page.swarm.summary
                                    textFormat: Text.PlainText
                                    font.pixelSize: Theme.small
                                    color: page.swarm.healthy ? Theme.soft : Theme.error
                                    wrapMode: Text.Wrap
                                    Layout.fillWidth: true
                                }
                            }
                        }
                        Button {
                            flat: true
                            text: page.asTable ? qsTr("As a picture") : qsTr("As a table")
                            Layout.alignment: Qt.AlignTop
                            onClicked: page.asTable = !page.asTable
                        }
                    }
                    Label {
                        visible: !page.asTable
                        text: qsTr("One column per block, one row per server. The stronger the colour, the faster.")
                        font.pixelSize: Theme.small
                        color: Theme.soft
                        wrapMode: Text.Wrap
                        Layout.fillWidth: true
                    }
                    Loader {
                        active: !page.asTable
                        visible: active
                        Layout.fillWidth: true
                        Layout.topMargin: Theme.gap

                        sourceComponent: BlockPicture {
                            swarm: page.swarm
                            most: column.most
                        }
                    }
                    Loader {
                        active: page.asTable
                        visible: active
                        Layout.fillWidth: true
                        Layout.topMargin: Theme.gap

                        sourceComponent: ServerTable {
                            swarm: page.swarm
                            most: column.most
                        }
                    }
                }
            }
            Item {
                implicitHeight: column.margin
            }
        }
    }
}
