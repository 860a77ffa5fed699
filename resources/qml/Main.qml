// The window: navigation at its side (a drawer where it is narrow), one page, and messages over it.
pragma ComponentBehavior: Bound
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import "window"
import "components"

ApplicationWindow {
    id: window

    required property var app
    property string page: "chat"
    property bool ready // the first frame has been shown; app sets it
    readonly property bool narrow: width < 760 * Math.max(1, Theme.zoom)

    // "share", or "settings/keyboard" for a page within a page.
    function go(where: string): void {
        const [outer, inner] = where.split("/");
        drawer.close();
        page = outer;
        if (outer === "settings" && inner)
            settings.show(inner);
    }

    title: "Meadow"
    width: 1180
    height: 780
    minimumWidth: 480
    minimumHeight: 560
    color: Theme.surface
    font.pixelSize: Theme.body
    LayoutMirroring.enabled: Application.layoutDirection === Qt.RightToLeft
    LayoutMirroring.childrenInherit: true
    palette {
        window: Theme.surface
        windowText: Theme.ink
        base: Theme.field
        alternateBase: Theme.raised
        text: Theme.ink
        button: Theme.control
        buttonText: Theme.ink
        brightText: Theme.accentInk
        highlight: Theme.accent
        highlightedText: Theme.accentInk
        accent: Theme.accent
        placeholderText: Theme.soft
        link: Theme.accent
        toolTipBase: Theme.raised
        toolTipText: Theme.ink
        light: Theme.accentSoft
        midlight: Theme.faint
        mid: Theme.line
        dark: Theme.accent // what Basic fills switches, sliders and bars with
        shadow: Theme.faint
    }
    onClosing: close => { close.accepted = window.app.closeWindow() }

    Binding {
        target: Theme
        property: "scheme"
        value: window.app.preferences.scheme
    }
    Binding {
        target: Theme
        property: "zoom"
        value: window.app.preferences.zoom
    }
    Loader {
        active: window.ready
        sourceComponent: Shortcuts {
            app: window.app
            onGo: page => window.go(page)
        }
    }
    RowLayout {
        anchors.fill: parent
        spacing: 0

        Loader {
            active: !window.narrow
            visible: active
            sourceComponent: sidebar
            Layout.fillHeight: true
            Layout.preferredWidth: active ? 264 * Theme.zoom : 0
        }
        ColumnLayout {
            spacing: 0
            Layout.fillWidth: true
            Layout.fillHeight: true

            ToolBar {
                visible: window.narrow
                padding: 6
                Layout.fillWidth: true
                background: Rectangle { color: Theme.sidebar }

                RowLayout {
                    anchors.fill: parent

                    IconButton {
                        name: qsTr("Menu")
                        icon.source: "../icons/menu.svg"
                        onClicked: drawer.open()
                    }
                    Item {
                        Layout.fillWidth: true
                    }
                    IconButton {
                        name: qsTr("New chat")
                        shortcut: window.ready ? window.app.settings.shortcuts.text("new-chat") : ""
                        icon.source: "../icons/new-chat.svg"
                        onClicked: window.app.newChat()
                    }
                }
            }
            StackLayout {
                currentIndex: ["chat", "share", "swarm", "settings"].indexOf(window.page)
                Layout.fillWidth: true
                Layout.fillHeight: true

                Part {
                    app: window.app
                    file: "chat/ChatPage.qml"
                    wanted: true
                    atOnce: true
                }
                Part {
                    app: window.app
                    file: "share/SharePage.qml"
                    wanted: window.page === "share"
                }
                Part {
                    app: window.app
                    file: "swarm/SwarmPage.qml"
                    wanted: window.page === "swarm"
                }
                Part {
                    id: settings

                    app: window.app
                    file: "settings/SettingsPage.qml"
                    wanted: window.page === "settings"
                }
            }
        }
    }
    Drawer {
        id: drawer

        width: Math.min(300 * Theme.zoom, window.width * 0.85)
        height: window.height
        edge: Application.layoutDirection === Qt.RightToLeft ? Qt.RightEdge : Qt.LeftEdge
        interactive: window.narrow
        padding: 0

        Loader {
            anchors.fill: parent
            active: window.narrow && window.ready
            sourceComponent: sidebar
        }
    }
    Component {
        id: sidebar

        Sidebar {
            app: window.app
            page: window.page
            ready: window.ready
            onChosen: page => window.go(page)
            onNewChat: window.app.newChat()
        }
    }
    Part {
        app: window.app
        file: "window/Questions.qml"
        wanted: window.ready
    }
    Notices {
        id: notices

        parent: Overlay.overlay
        z: 10
        width: Math.min(560 * Theme.zoom, parent.width - 2 * Theme.pad)
        anchors.horizontalCenter: parent.horizontalCenter
        y: Theme.pad
    }
    Connections {
        target: window.app

        function onNotice(text: string, kind: string): void {
            notices.show(text, kind);
        }
        function onPageWanted(page: string): void {
            window.go(page);
        }
    }
}
