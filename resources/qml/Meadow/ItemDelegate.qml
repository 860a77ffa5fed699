import QtQuick
import QtQuick.Controls.Basic as Basic
import ".."

Basic.ItemDelegate {
    id: control

    focusPolicy: Qt.StrongFocus
    padding: 8
    horizontalPadding: 12
    icon.width: 18 * Theme.zoom
    icon.height: 18 * Theme.zoom
    icon.color: Theme.ink
    palette.highlightedText: Theme.ink
    opacity: enabled ? 1 : 0.5
    background: Rectangle {
        implicitWidth: 100
        implicitHeight: 34 * Theme.zoom
        radius: 7
        color: control.highlighted ? Theme.accentSoft : control.down || control.hovered ? Theme.faint : "transparent"
        border.width: control.visualFocus ? 2 : 0
        border.color: Theme.accent
    }
}
