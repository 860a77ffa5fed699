// Another title for a chat.
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."
import "../components"

Dialog {
    id: dialog

    required property var chats
    required property string chatId
    required property string before

    parent: Overlay.overlay
    anchors.centerIn: parent
    modal: true
    focus: true
    padding: Theme.pad
    width: Math.min(420 * Theme.zoom, (parent ? parent.width : 480) - 2 * Theme.pad)
    header: null
    background: Rectangle {
        color: Theme.surface
        radius: Theme.radius
        border.color: Theme.faint
    }
    Component.onCompleted: open()
    onOpened: {
        field.text = before;
        field.selectAll();
        field.forceActiveFocus();
    }
    onAccepted: chats.rename(chatId, field.text)
    onClosed: dialog.destroy()
    contentItem: ColumnLayout {
        spacing: Theme.gap

        Label {
            text: qsTr("Rename chat")
            font.weight: Font.DemiBold
            Accessible.role: Accessible.Heading
        }
        TextField {
            id: field

            maximumLength: 300
            Accessible.name: qsTr("Title of the chat")
            Layout.fillWidth: true
            onAccepted: dialog.accept()
        }
        RowLayout {
            spacing: Theme.gap
            Layout.alignment: Qt.AlignRight

            Button {
                text: qsTr("Cancel")
                onClicked: dialog.reject()
            }
            Button {
                highlighted: true
                text: qsTr("Rename")
                enabled: field.text.trim() !== ""
                onClicked: dialog.accept()
            }
        }
    }
}
