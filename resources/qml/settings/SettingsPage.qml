// The settings: pages on the left, or above where the window is narrow, and one page beside them.
pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."

Page {
    id: page

    required property var app
    property int current: 0

    readonly property var pages: app.settings.pages
    readonly property bool narrow: width < 700 * Theme.zoom

    // By name, for whoever opens a page from elsewhere.
    function show(name: string): void {
        page.current = Math.max(0, page.pages.findIndex(entry => entry.page === name));
    }

    padding: 0
    background: Rectangle {
        color: Theme.surface
    }
    Component.onCompleted: app.settings.load()

    GridLayout {
        anchors.fill: parent
        columns: page.narrow ? 1 : 2
        columnSpacing: 0
        rowSpacing: 0

        ListView {
            id: list

            property bool byMouse // then the frame of the focus would only be in the way

            visible: !page.narrow
            Layout.fillHeight: true
            Layout.preferredWidth: 190 * Theme.zoom
            Layout.topMargin: Theme.pad * 1.5
            Layout.leftMargin: Theme.gap
            spacing: 2
            activeFocusOnTab: true
            keyNavigationEnabled: true
            boundsBehavior: Flickable.StopAtBounds
            currentIndex: page.current
            onCurrentIndexChanged: page.current = currentIndex
            onActiveFocusChanged: {
                if (!activeFocus)
                    byMouse = false;
            }
            Keys.onPressed: event => {
                byMouse = false;
                event.accepted = false;
            }
            model: page.pages
            Accessible.role: Accessible.List
            Accessible.name: qsTr("Pages of the settings")
            ScrollBar.vertical: ScrollBar {}

            delegate: ItemDelegate {
                id: entry

                required property var modelData
                required property int index
                readonly property bool chosen: ListView.isCurrentItem

                width: ListView.view.width
                height: Math.max(34 * Theme.zoom, implicitContentHeight + 2 * Theme.gap)
                text: modelData.title
                font.weight: chosen ? Font.DemiBold : Font.Normal
                palette.text: chosen ? Theme.accent : Theme.ink
                leftPadding: 12
                rightPadding: 12
                focusPolicy: Qt.NoFocus
                Accessible.role: Accessible.ListItem
                Accessible.name: text
                Accessible.selected: chosen
                onClicked: {
                    list.byMouse = true;
                    page.current = index; // not the list's own: it follows, also when somebody else leads
                    list.forceActiveFocus(Qt.MouseFocusReason);
                }
                background: Rectangle {
                    radius: 8
                    color: entry.chosen ? Theme.accentSoft : entry.hovered ? Theme.raised : "transparent"
                    border.width: entry.chosen && list.activeFocus && !list.byMouse ? 2 : 0
                    border.color: Theme.accent
                }
            }
        }
        ComboBox {
            visible: page.narrow
            Layout.fillWidth: true
            Layout.margins: Theme.pad * 1.5
            Layout.bottomMargin: Theme.pad
            model: page.pages
            textRole: "title"
            currentIndex: page.current
            Accessible.name: qsTr("Pages of the settings")
            onActivated: index => page.current = index
        }
        ScrollView {
            id: scroll

            Layout.fillWidth: true
            Layout.fillHeight: true
            contentWidth: availableWidth
            clip: true

            ColumnLayout {
                width: Math.min(scroll.availableWidth, 760 * Theme.zoom)
                spacing: Theme.pad

                Loader {
                    Layout.fillWidth: true
                    Layout.leftMargin: Theme.pad * 1.5
                    Layout.rightMargin: Theme.pad * 1.5
                    Layout.topMargin: Theme.pad * 1.5
                    active: page.app.settings.recovery.needed
                    visible: active
                    sourceComponent: BrokenSettings {
                        app: page.app
                    }
                }
                Label {
                    Layout.fillWidth: true
                    Layout.leftMargin: Theme.pad * 1.5
                    Layout.rightMargin: Theme.pad * 1.5
                    Layout.topMargin: Theme.pad * 1.5
                    visible: !page.narrow
                    text: page.pages[page.current].title
                    textFormat: Text.PlainText
                    font.pixelSize: Theme.title
                    font.weight: Font.DemiBold
                    wrapMode: Text.Wrap
                    Accessible.role: Accessible.Heading
                }
                Notice {
                    Layout.fillWidth: true
                    Layout.leftMargin: Theme.pad * 1.5
                    Layout.rightMargin: Theme.pad * 1.5
                    visible: page.app.settings.remarks.length > 0 && !page.app.settings.recovery.needed
                    serious: true
                    text: qsTr("About the settings file: %1").arg(page.app.settings.remarks.join(" "))

                    Button {
                        text: qsTr("Open the folder")
                        onClicked: page.app.settings.openFolder(page.app.settings.file)
                    }
                    Button {
                        text: qsTr("Read it again")
                        onClicked: page.app.settings.load()
                    }
                }
                Notice {
                    Layout.fillWidth: true
                    Layout.leftMargin: Theme.pad * 1.5
                    Layout.rightMargin: Theme.pad * 1.5
                    visible: page.app.settings.restartNeeded && !page.app.settings.recovery.needed
                    text: qsTr("A change counts from the next start of the node. Restarting it stops answers that are being written and sharing; what was shared is offered again.")

                    Button {
                        text: qsTr("Restart the node")
                        onClicked: page.app.settings.restartNode()
                    }
                }
                Notice {
                    Layout.fillWidth: true
                    Layout.leftMargin: Theme.pad * 1.5
                    Layout.rightMargin: Theme.pad * 1.5
                    visible: text !== ""
                    text: page.app.settings.otherVersion

                    Button {
                        visible: page.app.settings.canRestart
                        text: qsTr("Restart the node")
                        onClicked: page.app.settings.restartNode()
                    }
                }
                Notice {
                    Layout.fillWidth: true
                    Layout.leftMargin: Theme.pad * 1.5
                    Layout.rightMargin: Theme.pad * 1.5
                    visible: page.app.settings.error.length > 0 && !page.app.settings.recovery.needed
                    serious: true
                    text: page.app.settings.error

                    Button {
                        text: qsTr("Try again")
                        onClicked: page.app.settings.load()
                    }
                }
                Loader {
                    id: content

                    readonly property var entry: page.pages[page.current]
                    readonly property string file: entry.file
                    readonly property string name: entry.page

                    function draw(): void {
                        content.setSource(file, {
                            "app": page.app,
                            "name": name
                        });
                        (scroll.contentItem as Flickable).contentY = 0;
                    }

                    Layout.fillWidth: true
                    Layout.margins: Theme.pad * 1.5
                    Layout.topMargin: 0
                    onNameChanged: draw()
                    Component.onCompleted: draw()
                }
            }
        }
    }
}
