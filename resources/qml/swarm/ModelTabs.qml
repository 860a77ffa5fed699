// The models of the swarm, each with a small picture of its blocks; the chosen one is drawn large below.
pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."
import "../share"

ListView {
    id: tabs

    required property var swarm

    orientation: ListView.Horizontal
    spacing: 10
    implicitHeight: 84 * Theme.zoom + (contentWidth > width ? 12 : 0)
    clip: true
    activeFocusOnTab: true
    keyNavigationEnabled: true
    boundsBehavior: Flickable.StopAtBounds
    model: swarm.models
    currentIndex: 0
    onCurrentIndexChanged: {
        const chosen = swarm.models.at(currentIndex);
        if (activeFocus && chosen.key)
            swarm.choose(chosen.key);
    }
    ScrollBar.horizontal: ScrollBar {
        policy: tabs.contentWidth > tabs.width ? ScrollBar.AlwaysOn : ScrollBar.AlwaysOff
    }
    Accessible.role: Accessible.PageTabList
    Accessible.name: qsTr("Models of the swarm")

    delegate: ItemDelegate {
        id: tab

        required property int index
        required property string key
        required property string name
        required property string summary
        required property bool healthy
        required property bool mine
        required property bool demo
        required property var strip

        readonly property bool chosen: tabs.swarm.chosen === key

        width: Math.min(272 * Theme.zoom, tabs.width - 40 * Theme.zoom)
        height: 84 * Theme.zoom
        horizontalPadding: 10
        verticalPadding: 10
        text: name
        Accessible.role: Accessible.PageTab
        Accessible.description: summary
        onClicked: {
            tabs.currentIndex = index;
            tabs.swarm.choose(key);
        }
        ToolTip.visible: hovered
        ToolTip.delay: 700
        ToolTip.text: name + "\n" + summary
        background: Rectangle {
            radius: Theme.radius
            color: tab.chosen ? Theme.accentSoft : tab.hovered ? Theme.raised : Theme.surface
            border.width: tab.ListView.isCurrentItem && tabs.activeFocus ? 2 : 1
            border.color: tab.chosen || (tab.ListView.isCurrentItem && tabs.activeFocus) ? Theme.accent : Theme.faint
        }
        contentItem: ColumnLayout {
            spacing: 4

            RowLayout {
                spacing: 6

                ShareIcon {
                    shape: tab.healthy ? "check" : "triangle"
                    size: 14 * Theme.zoom
                }
                Label {
                    text: tab.name
                    textFormat: Text.PlainText
                    font.pixelSize: Theme.small * 1.08
                    font.weight: tab.chosen ? Font.DemiBold : Font.Normal
                    color: Theme.ink
                    elide: Text.ElideMiddle
                    Layout.fillWidth: true
                }
                Label {
                    visible: tab.mine
                    text: qsTr("● You")
                    font.pixelSize: Theme.small * 0.92
                    font.weight: Font.Bold
                    color: Theme.accent
                }
            }
            Strip {
                values: tab.strip
                Layout.fillWidth: true
                Layout.preferredHeight: 10 * Theme.zoom
            }
            Label {
                text: tab.summary
                textFormat: Text.PlainText
                font.pixelSize: Theme.small * 0.92
                color: Theme.soft
                elide: Text.ElideRight
                Layout.fillWidth: true
            }
        }
    }
}
