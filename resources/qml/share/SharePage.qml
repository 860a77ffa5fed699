// Sharing this computer: what is so, what it would do, what it gave, and the limits.
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."
import "../components"

Page {
    id: page

    required property var app

    readonly property var share: app.share

    function chooseModel(): void {
        plan.chooseModel();
    }

    padding: 0
    background: Rectangle {
        color: Theme.surface
    }
    onVisibleChanged: if (share)
        share.watch(visible)
    Component.onCompleted: {
        app.settings.load();
        share.watch(visible);
    }
    Component.onDestruction: share.watch(false)

    Connections {
        target: page.share

        function onModelWanted(): void {
            page.chooseModel();
        }
    }
    Connections {
        target: page.app.settings

        function onChanged(): void {
            page.share.settingsChanged();
        }
    }

    ScrollView {
        id: scroll

        anchors.fill: parent
        contentWidth: availableWidth

        ColumnLayout {
            readonly property real margin: page.width < 600 * Theme.zoom ? Theme.pad : 28

            x: margin + Math.max(0, (scroll.availableWidth - 2 * margin - width) / 2)
            y: margin
            width: Math.min(scroll.availableWidth - 2 * margin, 820 * Math.max(1, Theme.zoom))
            spacing: Theme.pad

            PageHeader {
                title: qsTr("Share this computer")
                Layout.fillWidth: true
            }
            ProblemList {
                app: page.app
                Layout.fillWidth: true
                onAsked: (place, model) => {
                    if (place === "limits")
                        scroll.ScrollBar.vertical.position = Math.max(0, limits.y / scroll.contentHeight);
                    else if (place === "settings")
                        page.app.pageWanted("settings");
                    else
                        plan.chooseModel();
                }
            }
            StateCard {
                app: page.app
                Layout.fillWidth: true
            }
            PlanCard {
                id: plan

                app: page.app
                visible: page.share.state === "off"
                Layout.fillWidth: true
            }
            Tiles {
                figures: page.share.tiles
                Layout.fillWidth: true
            }
            HostedCard {
                app: page.app
                Layout.fillWidth: true
            }
            ContributionCard {
                app: page.app
                Layout.fillWidth: true
            }
            LimitsCard {
                id: limits

                app: page.app
                Layout.fillWidth: true
            }
            Item {
                implicitHeight: parent.margin
            }
        }
    }
}
