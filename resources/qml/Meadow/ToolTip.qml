import QtQuick
import QtQuick.Controls.Basic as Basic
import ".."

Basic.ToolTip {
    font.pixelSize: Theme.small
    background: Rectangle {
        radius: 6
        color: Theme.raised
        border.color: Theme.line
    }
}
