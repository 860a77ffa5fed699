import QtQuick
import QtQuick.Controls.Basic as Basic
import ".."

Basic.Switch {
    id: control

    padding: 4
    opacity: enabled ? 1 : 0.5
    indicator: Rectangle {
        implicitWidth: 40 * Theme.zoom
        implicitHeight: 22 * Theme.zoom
        x: control.text ? (control.mirrored ? control.width - width - control.rightPadding : control.leftPadding) : control.leftPadding + (control.availableWidth - width) / 2
        y: control.topPadding + (control.availableHeight - height) / 2
        radius: height / 2
        color: control.checked ? Theme.accent : "transparent"
        border.width: control.checked ? 0 : 2
        border.color: Theme.soft

        Rectangle {
            readonly property real room: control.checked ? 3 : 5

            x: room + control.visualPosition * (parent.width - width - 2 * room)
            y: (parent.height - height) / 2
            width: parent.height - 2 * room
            height: width
            radius: width / 2
            color: control.checked ? Theme.accentInk : Theme.soft
        }
        FocusFrame {
            of: control
        }
    }
}
