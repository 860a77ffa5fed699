import QtQuick
import QtQuick.Controls.Basic as Basic
import ".."

Basic.Popup {
    background: Rectangle {
        radius: Theme.radius
        color: Theme.surface
        border.color: Theme.line
    }
    Basic.Overlay.modal: Rectangle {
        color: Qt.rgba(0, 0, 0, 0.35)
    }
}
