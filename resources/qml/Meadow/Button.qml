import QtQuick
import QtQuick.Controls.Basic as Basic
import ".."

Basic.Button {
    id: control

    horizontalPadding: 14
    icon.width: 18 * Theme.zoom
    icon.height: 18 * Theme.zoom
    opacity: enabled ? 1 : 0.5
    // Some desktops want Space alone for this. Whoever sees the frame of the focus presses Enter.
    Keys.onReturnPressed: event => control.enter(event)
    Keys.onEnterPressed: event => control.enter(event)

    function enter(event: var): void {
        if (!event.isAutoRepeat)
            control.click();
    }

    background: Rectangle {
        implicitWidth: 64 * Theme.zoom
        implicitHeight: 34 * Theme.zoom
        radius: 7
        color: control.highlighted || control.checked ? (control.down ? Qt.darker(Theme.accent, 1.15) : control.hovered ? Qt.lighter(Theme.accent, 1.08) : Theme.accent)
            : control.flat ? (control.down ? Theme.faint : control.hovered ? Theme.accentSoft : "transparent")
            : control.down ? Theme.faint : control.hovered ? Theme.accentSoft : Theme.control
        border.width: control.flat || control.highlighted || control.checked ? 0 : 1
        border.color: Theme.line

        FocusFrame {
            of: control
        }
    }
}
