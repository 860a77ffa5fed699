// The keys that work everywhere. Which keys these are says the table in meadow_app/settings/shortcuts.py.
import QtQuick

Item {
    id: root

    required property var app
    required property var shell
    readonly property var table: app.settings.shortcuts

    Shortcut { sequences: root.table.keys("new-chat"); onActivated: root.app.newChat() }
    Shortcut { sequences: root.table.keys("page-chat"); onActivated: root.shell.go("chat") }
    Shortcut { sequences: root.table.keys("page-share"); onActivated: root.shell.go("share") }
    Shortcut { sequences: root.table.keys("page-swarm"); onActivated: root.shell.go("swarm") }
    Shortcut { sequences: root.table.keys("page-settings"); onActivated: root.shell.go("settings") }
    Shortcut { sequences: root.table.keys("keyboard-map"); onActivated: root.app.showKeyboardMap() }
    Shortcut { sequences: root.table.keys("zoom-in"); onActivated: root.app.preferences.zoomBy(1) }
    Shortcut { sequences: root.table.keys("zoom-out"); onActivated: root.app.preferences.zoomBy(-1) }
    Shortcut { sequences: root.table.keys("zoom-reset"); onActivated: root.app.preferences.zoomBy(0) }
    Shortcut { sequences: root.table.keys("quit"); onActivated: root.app.quit() }
}
