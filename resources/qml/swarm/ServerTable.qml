// The picture as a table: the same servers in the same order, in words.
pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."

ColumnLayout {
    id: table

    required property var swarm
    property real most: 400
    readonly property real names: width < 620 * Theme.zoom ? 4.5 : 3 // what the names get of the width

    spacing: 2

    component Cell: Label {
        property real share: 1

        textFormat: Text.PlainText
        font.pixelSize: Theme.small * 1.05
        elide: Text.ElideRight
        Layout.fillWidth: true
        Layout.preferredWidth: share
        Layout.horizontalStretchFactor: share
        Accessible.ignored: true
    }

    RowLayout {
        spacing: Theme.gap
        Layout.leftMargin: 6
        Layout.rightMargin: 14

        Cell {
            share: table.names
            text: qsTr("Server")
            color: Theme.soft
        }
        Cell {
            share: 2
            text: qsTr("Blocks")
            color: Theme.soft
        }
        Cell {
            share: 2
            text: qsTr("Speed")
            color: Theme.soft
        }
        Cell {
            share: 2
            text: qsTr("State")
            color: Theme.soft
        }
    }
    ListView {
        id: list

        clip: true
        activeFocusOnTab: true
        keyNavigationEnabled: true
        boundsBehavior: Flickable.StopAtBounds
        model: table.swarm.servers
        currentIndex: 0
        Layout.fillWidth: true
        Layout.preferredHeight: Math.min(contentHeight, table.most)
        ScrollBar.vertical: ScrollBar {}
        Accessible.role: Accessible.Table
        Accessible.name: qsTr("Servers of %1").arg(table.swarm.name)

        delegate: ItemDelegate {
            id: row

            required property int index
            required property string name
            required property string blocks
            required property string speed
            required property bool mine
            required property string note
            required property bool online
            required property string spoken
            required property string peer

            width: ListView.view.width
            height: 28 * Theme.zoom
            leftPadding: 6
            rightPadding: 14
            text: spoken
            ToolTip.visible: hovered && peer !== ""
            ToolTip.delay: 500
            ToolTip.text: peer
            onClicked: ListView.view.currentIndex = index
            background: Rectangle {
                radius: 4
                color: row.hovered ? Qt.alpha(Theme.accent, 0.1) : row.index % 2 ? "transparent" : Qt.alpha(Theme.ink, 0.03)
                border.width: row.ListView.isCurrentItem && row.ListView.view.activeFocus ? 2 : 0
                border.color: Theme.accent
            }
            contentItem: RowLayout {
                spacing: Theme.gap

                Cell {
                    share: table.names
                    text: row.mine ? qsTr("● You, %1").arg(row.name) : row.name
                    font.weight: row.mine ? Font.Bold : Font.Normal
                    color: row.mine ? Theme.accent : Theme.ink
                }
                Cell {
                    share: 2
                    text: row.blocks
                    color: Theme.ink
                }
                Cell {
                    share: 2
                    text: row.speed
                    color: Theme.ink
                }
                Cell {
                    share: 2
                    text: row.online ? qsTr("online") : row.note
                    color: Theme.soft
                }
            }
        }
    }
}
