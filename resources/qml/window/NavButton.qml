// One line of the navigation: an icon, a word, and a mark where the person is.
import QtQuick
import QtQuick.Controls
import ".."

ItemDelegate {
    id: button

    property string shortcut

    highlighted: false
    checkable: false
    focusPolicy: Qt.StrongFocus
    implicitHeight: 36 * Theme.zoom
    leftPadding: 12
    rightPadding: 12
    spacing: 10
    icon.width: 18 * Theme.zoom
    icon.height: 18 * Theme.zoom
    icon.color: checked ? Theme.accent : Theme.ink
    palette.text: checked ? Theme.accent : Theme.ink
    font.weight: checked ? Font.DemiBold : Font.Normal
    Accessible.role: Accessible.PageTab
    Accessible.name: text
    Accessible.selected: checked
    ToolTip.text: shortcut
    ToolTip.visible: hovered && shortcut !== ""
    ToolTip.delay: 700
    background: Rectangle {
        radius: 8
        color: button.checked ? Theme.accentSoft : button.hovered || button.down ? Theme.faint : "transparent"
        border.width: button.visualFocus ? 2 : 0
        border.color: Theme.accent

        Rectangle { // shape, not only colour
            visible: button.checked
            width: 3
            height: parent.height - 16
            radius: 1.5
            color: Theme.accent
            x: button.mirrored ? parent.width - width : 0
            anchors.verticalCenter: parent.verticalCenter
        }
    }
}
