import QtQuick
import QtQuick.Controls.Basic as Basic
import ".."

Basic.TextArea {
    id: control

    leftPadding: 12
    rightPadding: 12
    topPadding: 9
    bottomPadding: 9
    background: Rectangle {
        implicitWidth: 160 * Theme.zoom
        implicitHeight: 34 * Theme.zoom
        radius: Theme.radius
        color: Theme.field
        border.width: control.activeFocus ? 2 : 1
        border.color: control.activeFocus ? Theme.accent : Theme.line
    }
}
