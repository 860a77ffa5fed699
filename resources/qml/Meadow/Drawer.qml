import QtQuick
import QtQuick.Controls.Basic as Basic
import ".."

Basic.Drawer {
    background: Rectangle {
        color: Theme.sidebar
    }
    Basic.Overlay.modal: Rectangle {
        color: Qt.rgba(0, 0, 0, 0.35)
    }
}
