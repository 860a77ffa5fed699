// What lies above the pages: keys, messages, questions, and the drawer of narrow windows.
import QtQuick
import QtQuick.Controls
import ".."

Item {
    id: above

    required property var app
    required property var shell

    Shortcuts {
        app: above.app
        shell: above.shell
    }
    Questions {
        app: above.app
    }
    // One ground for all messages: half a line of the page between two of them reads as a third.
    Rectangle {
        parent: Overlay.overlay
        z: 9
        visible: notices.count > 0
        x: notices.x - Theme.gap
        y: notices.y - Theme.gap
        width: notices.width + 2 * Theme.gap
        height: notices.height + 2 * Theme.gap
        radius: Theme.radius
        color: Theme.surface
        border.color: Theme.faint
    }
    Notices {
        id: notices

        parent: Overlay.overlay
        z: 10
        width: Math.min(560 * Theme.zoom, above.width - 2 * Theme.pad)
        x: (above.width - width) / 2
        y: Theme.pad
    }
    Drawer {
        id: drawer

        width: Math.min(300 * Theme.zoom, above.width * 0.85)
        height: above.height
        edge: Application.layoutDirection === Qt.RightToLeft ? Qt.RightEdge : Qt.LeftEdge
        interactive: above.shell.narrow
        padding: 0
        onOpened: contents.focusFirst()

        Part {
            id: contents

            function focusFirst(): void {
                (item as Sidebar)?.focusHere();
            }

            anchors.fill: parent
            app: above.app
            shell: above.shell
            file: "window/Sidebar.qml"
            wanted: drawer.visible
            onLoaded: focusFirst()
        }
    }
    Connections {
        target: above.shell

        function onMenuWanted(): void {
            drawer.open();
        }
        function onPageChanged(): void {
            drawer.close();
        }
        function onNarrowChanged(): void {
            drawer.close();
        }
    }
    Connections {
        target: above.app

        function onNotice(text: string, kind: string): void {
            notices.show(text, kind);
        }
    }
}
