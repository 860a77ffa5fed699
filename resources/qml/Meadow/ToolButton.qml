import QtQuick
import QtQuick.Controls.Basic as Basic
import ".."

Basic.ToolButton {
    id: control

    padding: 6
    icon.width: 18 * Theme.zoom
    icon.height: 18 * Theme.zoom
    icon.color: Theme.ink
    opacity: enabled ? 1 : 0.5
    background: Rectangle {
        implicitWidth: 32 * Theme.zoom
        implicitHeight: 32 * Theme.zoom
        radius: 7
        color: control.down ? Theme.faint : control.hovered || control.checked ? Theme.accentSoft : "transparent"

        FocusFrame {
            of: control
        }
    }
}
