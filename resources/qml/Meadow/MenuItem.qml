import QtQuick
import QtQuick.Controls.Basic as Basic
import ".."

Basic.MenuItem {
    id: control

    icon.width: 18 * Theme.zoom
    icon.height: 18 * Theme.zoom
    icon.color: Theme.ink
    opacity: enabled ? 1 : 0.5
    background: Rectangle {
        implicitWidth: 190 * Theme.zoom
        implicitHeight: 34 * Theme.zoom
        radius: 6
        color: control.down ? Theme.faint : control.highlighted ? Theme.accentSoft : "transparent"
    }
}
