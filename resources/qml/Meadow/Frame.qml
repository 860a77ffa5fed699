import QtQuick
import QtQuick.Controls.Basic as Basic
import ".."

Basic.Frame {
    background: Rectangle {
        radius: Theme.radius
        color: "transparent"
        border.color: Theme.faint
    }
}
