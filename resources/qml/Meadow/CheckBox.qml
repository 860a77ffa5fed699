import QtQuick
import QtQuick.Controls.Basic as Basic
import QtQuick.Controls.impl
import ".."

Basic.CheckBox {
    id: control

    padding: 4
    opacity: enabled ? 1 : 0.5
    indicator: Rectangle {
        implicitWidth: 20 * Theme.zoom
        implicitHeight: 20 * Theme.zoom
        x: control.text ? (control.mirrored ? control.width - width - control.rightPadding : control.leftPadding) : control.leftPadding + (control.availableWidth - width) / 2
        y: control.topPadding + (control.availableHeight - height) / 2
        radius: 5
        color: control.checkState === Qt.Unchecked ? Theme.field : Theme.accent
        border.width: control.checkState === Qt.Unchecked ? 1 : 0
        border.color: Theme.soft

        ColorImage {
            anchors.centerIn: parent
            width: parent.width - 4
            height: width
            sourceSize.width: width
            sourceSize.height: height
            source: "../../icons/check.svg"
            color: Theme.accentInk
            visible: control.checkState === Qt.Checked
        }
        Rectangle {
            anchors.centerIn: parent
            width: parent.width - 10
            height: 2
            color: Theme.accentInk
            visible: control.checkState === Qt.PartiallyChecked
        }
        FocusFrame {
            of: control
        }
    }
}
