pragma ComponentBehavior: Bound
import QtQuick
import QtQuick.Controls.Basic as Basic
import QtQuick.Templates as T
import ".."

Basic.TextField {
    id: control

    opacity: enabled ? 1 : 0.5
    T.ContextMenu.menu: EditMenu {
        editor: control
    }
    background: Rectangle {
        implicitWidth: 160 * Theme.zoom
        implicitHeight: 34 * Theme.zoom
        radius: 7
        color: Theme.field
        border.width: control.activeFocus ? 2 : 1
        border.color: control.activeFocus ? Theme.accent : Theme.line
    }
}
