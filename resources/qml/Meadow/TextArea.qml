pragma ComponentBehavior: Bound
import QtQuick
import QtQuick.Controls.Basic as Basic
import QtQuick.Templates as T
import ".."

Basic.TextArea {
    id: control

    // Tab leaves the box, as everywhere else; nobody shall be caught in it.
    Keys.onTabPressed: nextItemInFocusChain(true).forceActiveFocus(Qt.TabFocusReason)
    Keys.onBacktabPressed: nextItemInFocusChain(false).forceActiveFocus(Qt.BacktabFocusReason)
    leftPadding: 12
    rightPadding: 12
    topPadding: 9
    bottomPadding: 9
    T.ContextMenu.menu: EditMenu {
        editor: control
    }
    background: Rectangle {
        implicitWidth: 160 * Theme.zoom
        implicitHeight: 34 * Theme.zoom
        radius: Theme.radius
        color: Theme.field
        border.width: control.activeFocus ? 2 : 1
        border.color: control.activeFocus ? Theme.accent : Theme.line
    }
}
