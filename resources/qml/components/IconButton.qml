// A button that shows only an icon: its name is for screen readers, for tests, and in the tooltip.
import QtQuick
import QtQuick.Controls
import ".."

ToolButton {
    id: button

    required property string name
    property string shortcut // as text, for the tooltip

    display: AbstractButton.IconOnly
    icon.width: 18 * Theme.zoom
    icon.height: 18 * Theme.zoom
    icon.color: enabled ? Theme.ink : Theme.soft
    implicitWidth: 34 * Theme.zoom
    implicitHeight: 34 * Theme.zoom
    focusPolicy: Qt.StrongFocus
    Accessible.name: name
    ToolTip.text: shortcut ? name + "  " + shortcut : name
    ToolTip.visible: (hovered || visualFocus) && name !== ""
    ToolTip.delay: 500
    background: Rectangle {
        radius: 6
        color: button.down ? Theme.faint : button.hovered || button.checked ? Theme.accentSoft : "transparent"
        border.width: button.visualFocus ? 2 : 0
        border.color: Theme.accent
    }
}
