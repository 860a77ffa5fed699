// What can be done with one message: by the right button, the Menu key, or the button with the dots.
import QtQuick
import QtQuick.Controls

Menu {
    id: root

    required property var chat
    required property var message
    readonly property bool there: message ? true : false

    signal edited

    MenuItem {
        text: qsTr("Copy")
        onTriggered: root.chat.copy(root.message)
    }
    MenuItem {
        text: root.there && root.message.question ? qsTr("Edit and ask again…") : qsTr("Edit…")
        enabled: root.chat.canWriteAnew
        onTriggered: root.edited()
    }
    MenuItem {
        text: root.there && root.message.question ? qsTr("Answer again") : qsTr("Regenerate")
        enabled: root.chat.canWriteAnew
        onTriggered: root.chat.regenerate(root.message)
    }
    MenuSeparator {}
    MenuItem {
        text: qsTr("Previous version")
        enabled: root.there && root.message.branch > 1 && root.chat.canWriteAnew
        onTriggered: root.chat.choose(root.message, -1)
    }
    MenuItem {
        text: qsTr("Next version")
        enabled: root.there && root.message.branch < root.message.branches && root.chat.canWriteAnew
        onTriggered: root.chat.choose(root.message, 1)
    }
    MenuSeparator {}
    MenuItem {
        text: qsTr("Delete, with what follows")
        onTriggered: root.chat.remove(root.message)
    }
}
