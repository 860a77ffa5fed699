import QtQuick
import QtQuick.Controls.Basic as Basic
import ".."

Basic.RadioButton {
    id: control

    padding: 4
    opacity: enabled ? 1 : 0.5
    indicator: Rectangle {
        implicitWidth: 20 * Theme.zoom
        implicitHeight: 20 * Theme.zoom
        x: control.text ? (control.mirrored ? control.width - width - control.rightPadding : control.leftPadding) : control.leftPadding + (control.availableWidth - width) / 2
        y: control.topPadding + (control.availableHeight - height) / 2
        radius: width / 2
        color: Theme.field
        border.width: control.checked ? 6 * Theme.zoom : 1
        border.color: control.checked ? Theme.accent : Theme.soft

        FocusFrame {
            of: control
        }
    }
}
