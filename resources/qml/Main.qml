// The window: navigation at its side (a drawer where it is narrow), one page, and messages over it. What stands here
// is what the first frame needs; the rest is named by its file and comes after it.
pragma ComponentBehavior: Bound
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import "window"

ApplicationWindow {
    id: window

    required property var app
    property string page: "chat"
    property bool welcome: !app.preferences.recall("onboarding") // the first minute, once
    property bool ready // the first frame has been shown; app sets it
    readonly property bool narrow: width < 760 * Math.max(1, Theme.zoom)

    signal menuWanted

    // "share", or "settings/keyboard" for a page within a page.
    function go(where: string): void {
        const [outer, inner] = where.split("/");
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
    onClosing: close => {
        close.accepted = window.app.closeWindow();
    }

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
    Connections {
        target: window.app

        function onPageWanted(page: string): void {
            if (page.startsWith("settings"))
                window.welcome = false; // what is asked there goes before a welcome, which comes back another time
            window.go(page);
        }
    }
    Loader {
        id: welcome

        anchors.fill: parent
        focus: window.welcome
        active: window.welcome
        onActiveChanged: {
            if (active)
                setSource("onboarding/Onboarding.qml", { app: window.app });
        }
        Component.onCompleted: activeChanged()

        Connections {
            target: window.welcome ? window.app.onboarding : null

            function onFinished(choice: string): void {
                window.welcome = false;
                if (choice === "demo")
                    window.app.chat.availability.startDemo();
                window.go("chat");
            }
        }
    }
    RowLayout {
        visible: !window.welcome
        enabled: visible // what is covered takes no key, by whatever way the focus came there
        anchors.fill: parent
        spacing: 0

        Rectangle {
            visible: !window.narrow
            color: Theme.sidebar
            Layout.fillHeight: true
            Layout.preferredWidth: 264 * Theme.zoom

            Part {
                anchors.fill: parent
                app: window.app
                shell: window
                file: "window/Sidebar.qml"
                wanted: window.ready && !window.narrow
            }
        }
        ColumnLayout {
            spacing: 0
            Layout.fillWidth: true
            Layout.fillHeight: true

            Part {
                app: window.app
                shell: window
                file: "window/TopBar.qml"
                wanted: window.ready && window.narrow
                visible: window.narrow
                Layout.fillWidth: true
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
                    focus: !window.welcome
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
    Part {
        anchors.fill: parent
        app: window.app
        shell: window
        file: "window/Above.qml"
        wanted: window.ready
        atOnce: true // messages must not get lost
    }
}
