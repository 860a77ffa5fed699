// The picture of a model: one column per block, one row per server; a stronger colour is faster, gaps are red and hatched.
// The same rows are a table for those who do not see it (ServerTable).
pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Controls
import ".."

FocusScope {
    id: blocksPicture

    required property var swarm
    property real most: 400 // how high the list of servers may become

    readonly property int blocks: swarm.blocks
    readonly property bool narrow: width < 620 * Theme.zoom
    readonly property real names: (narrow ? 112 : 138) * Theme.zoom
    readonly property real infoWidth: narrow ? 14 : 128 * Theme.zoom
    readonly property real space: Math.max(0, width - names - infoWidth)
    readonly property real exact: blocks > 0 ? space / blocks : 0
    // Whole pixels where there are enough of them, so that all columns are alike.
    readonly property real cell: exact >= 4 ? Math.min(72 * Theme.zoom, Math.floor(exact)) : exact
    // What is left over by that belongs to the names.
    readonly property real nameWidth: names + (exact < 72 * Theme.zoom ? space - blocks * cell : 0)
    readonly property real rowHeight: 26 * Theme.zoom
    readonly property real bar: 18 * Theme.zoom
    readonly property color dark: Qt.tint(Theme.raised, Qt.alpha(Theme.ink, 0.07))

    function shade(light: real): color {
        return Qt.tint(blocksPicture.dark, Qt.alpha(Theme.accent, light));
    }

    readonly property int everyTick: swarm.ticks.length < 2 ? 1 : Math.max(1, Math.ceil(24 * Theme.zoom / Math.max(1, cell * swarm.ticks[1])))

    implicitHeight: axis.height + strip.height + list.height
    // A plot: its blocks count from the left in every language.
    LayoutMirroring.enabled: false
    LayoutMirroring.childrenInherit: true

    Item {
        id: axis

        x: blocksPicture.nameWidth
        width: blocksPicture.blocks * blocksPicture.cell
        height: 16 * Theme.zoom

        Repeater {
            model: blocksPicture.swarm.ticks

            Label {
                required property int modelData
                required property int index

                visible: index % blocksPicture.everyTick === 0
                x: modelData * blocksPicture.cell
                text: modelData + 1 // as people count
                font.pixelSize: Theme.small * 0.9
                color: Theme.soft
                Accessible.ignored: true
            }
        }
    }

    // All servers together: where the model is strong, where it is weak, and what is missing.
    Item {
        id: strip

        anchors.top: axis.bottom
        width: parent.width
        height: blocksPicture.rowHeight + Theme.gap

        Label {
            width: blocksPicture.nameWidth - Theme.gap
            height: blocksPicture.rowHeight
            verticalAlignment: Text.AlignVCenter
            text: qsTr("All together")
            font.pixelSize: Theme.small
            color: Theme.soft
            elide: Text.ElideRight
            Accessible.ignored: true
        }
        Repeater {
            model: blocksPicture.swarm.coverage

            Rectangle {
                required property int index
                required property real value

                x: blocksPicture.nameWidth + index * blocksPicture.cell
                y: (blocksPicture.rowHeight - height) / 2
                width: Math.max(1, blocksPicture.cell - (blocksPicture.cell >= 4 ? 1 : 0))
                height: blocksPicture.bar
                color: blocksPicture.shade(value)
            }
        }
    }

    ListView {
        id: list

        anchors.top: strip.bottom
        width: parent.width
        // Whole rows: half a name at the edge is no name.
        height: Math.min(contentHeight, Math.floor(blocksPicture.most / blocksPicture.rowHeight) * blocksPicture.rowHeight)
        clip: true
        focus: true
        activeFocusOnTab: true
        keyNavigationEnabled: true
        boundsBehavior: Flickable.StopAtBounds
        reuseItems: true
        model: blocksPicture.swarm.servers
        currentIndex: 0
        ScrollBar.vertical: ScrollBar {
            policy: list.contentHeight > list.height ? ScrollBar.AlwaysOn : ScrollBar.AlwaysOff
        }
        Accessible.role: Accessible.List
        Accessible.name: qsTr("Servers of %1").arg(blocksPicture.swarm.name) + ". " + blocksPicture.swarm.summary
        Keys.onPressed: event => {
            if (event.key === Qt.Key_Home)
                list.currentIndex = 0;
            else if (event.key === Qt.Key_End)
                list.currentIndex = list.count - 1;
            else if (event.key === Qt.Key_PageDown)
                list.currentIndex = Math.min(list.count - 1, list.currentIndex + 10);
            else if (event.key === Qt.Key_PageUp)
                list.currentIndex = Math.max(0, list.currentIndex - 10);
            else
                return;
            event.accepted = true;
        }

        // Who leaves fades out, and the others move together.
        add: Transition {
            NumberAnimation {
                property: "opacity"
                from: 0
                to: 1
                duration: 250
            }
        }
        remove: Transition {
            NumberAnimation {
                property: "opacity"
                to: 0
                duration: 400
            }
        }
        displaced: Transition {
            NumberAnimation {
                property: "y"
                duration: 200
                easing.type: Easing.OutCubic
            }
            // An arrival that is interrupted must not stay half faded.
            NumberAnimation {
                property: "opacity"
                to: 1
                duration: 100
            }
        }

        delegate: BlockRow {
            picture: blocksPicture
            width: ListView.view.width
            ListView.onReused: opacity = 1 // it may have faded out as another
            focused: ListView.isCurrentItem && ListView.view.activeFocus
            onClicked: {
                ListView.view.currentIndex = index;
                ListView.view.forceActiveFocus();
            }
        }
    }

    // Over all rows: the lines between the columns, and what nobody serves.
    Item {
        x: blocksPicture.nameWidth
        y: list.y
        width: blocksPicture.blocks * blocksPicture.cell
        height: list.height

        Repeater {
            model: blocksPicture.cell >= 4 ? Math.max(0, blocksPicture.blocks - 1) : 0

            Rectangle {
                required property int index

                x: (index + 1) * blocksPicture.cell - 1
                width: 1
                height: list.height
                color: Theme.raised
            }
        }
    }
    Repeater {
        model: blocksPicture.swarm.gaps

        Rectangle {
            id: gap

            required property int start
            required property int end
            required property string text

            x: blocksPicture.nameWidth + start * blocksPicture.cell
            y: strip.y + (blocksPicture.rowHeight - blocksPicture.bar) / 2
            width: Math.max(3, (end - start) * blocksPicture.cell - (blocksPicture.cell >= 4 ? 1 : 0))
            height: list.y + list.height - y
            color: Qt.alpha(Theme.error, 0.16)
            border.color: Theme.error
            radius: 2
            Accessible.role: Accessible.StaticText
            Accessible.name: text

            Image {
                anchors.fill: parent
                anchors.margins: 1
                source: "../../icons/hatch.svg"
                sourceSize: Qt.size(8, 8)
                fillMode: Image.Tile
                opacity: 0.75
            }
            HoverHandler {
                id: over
            }
            ToolTip.visible: over.hovered
            ToolTip.text: text
        }
    }
}
