// Give the machine back: for an hour, until tomorrow, or until the person says so.
import QtQuick
import QtQuick.Controls

Button {
    id: button

    required property var app

    text: qsTr("Pause")
    enabled: app.share.canPause
    Accessible.description: qsTr("Opens a menu: for how long")
    onClicked: menu.opened ? menu.close() : menu.popup(button, 0, button.height + 2)

    Menu {
        id: menu

        closePolicy: Popup.CloseOnEscape | Popup.CloseOnPressOutsideParent

        MenuItem {
            text: qsTr("For 1 hour")
            onTriggered: button.app.share.pauseHour()
        }
        MenuItem {
            text: qsTr("Until tomorrow morning")
            onTriggered: button.app.share.pauseUntilTomorrow()
        }
        MenuItem {
            text: qsTr("Until I resume")
            onTriggered: button.app.share.pause()
        }
    }
}
