import QtQuick
import QtQuick.Controls.Basic as Basic
import ".."

Basic.TabButton {
    id: control

    palette.brightText: Theme.accent
    font.weight: checked ? Font.DemiBold : Font.Normal
    background: Rectangle {
        implicitHeight: 34 * Theme.zoom
        radius: 7
        color: control.down || (control.hovered && !control.checked) ? Theme.accentSoft : "transparent"
        border.width: control.visualFocus ? 2 : 0
        border.color: Theme.accent

        Rectangle {
            visible: control.checked
            width: parent.width - 16
            height: 3
            radius: 1.5
            anchors.bottom: parent.bottom
            anchors.horizontalCenter: parent.horizontalCenter
            color: Theme.accent
        }
    }
}
