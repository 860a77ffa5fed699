pragma ComponentBehavior: Bound
import QtQuick
import QtQuick.Controls.Basic as Basic
import QtQuick.Controls.impl
import ".."

Basic.ComboBox {
    id: control

    opacity: enabled ? 1 : 0.5
    indicator: ColorImage {
        x: control.mirrored ? 10 : control.width - width - 10
        y: (control.height - height) / 2
        width: 14 * Theme.zoom
        height: width
        sourceSize.width: width
        sourceSize.height: height
        source: "../../icons/down.svg"
        color: Theme.soft
    }
    background: Rectangle {
        implicitWidth: 140 * Theme.zoom
        implicitHeight: 34 * Theme.zoom
        radius: 7
        visible: !control.flat || control.down
        color: control.down ? Theme.faint : control.hovered ? Theme.accentSoft : Theme.control
        border.width: 1
        border.color: Theme.line

        FocusFrame {
            of: control
        }
    }
    delegate: ItemDelegate {
        focusPolicy: Qt.NoFocus
        required property var model
        required property int index

        width: ListView.view.width
        text: model[control.textRole]
        font.weight: control.currentIndex === index ? Font.DemiBold : Font.Normal
        highlighted: control.highlightedIndex === index
    }
    palette.mid: "transparent" // the inner frame that Basic draws around the entries
    popup.padding: 4
    // Basic forgets the padding, and cuts that much off the last entry.
    popup.height: Math.min(popup.contentItem.implicitHeight + popup.topPadding + popup.bottomPadding, (Window.window?.height ?? 600) - popup.topMargin - popup.bottomMargin)
    popup.background: Rectangle {
        radius: 8
        color: Theme.surface
        border.color: Theme.line
    }
}
