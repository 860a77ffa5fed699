import QtQuick
import QtQuick.Controls.Basic as Basic
import ".."

Basic.ProgressBar {
    background: Rectangle {
        implicitWidth: 160
        implicitHeight: 6
        y: (parent.height - height) / 2
        height: 6
        radius: 3
        color: Theme.faint
    }
}
