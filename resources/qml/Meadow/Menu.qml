import QtQuick
import QtQuick.Controls.Basic as Basic
import ".."

Basic.Menu {
    padding: 4
    background: Rectangle {
        implicitWidth: 200 * Theme.zoom
        implicitHeight: 34
        radius: 8
        color: Theme.surface
        border.color: Theme.line
    }
}
