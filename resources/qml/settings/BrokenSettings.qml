// The node does not start because of its settings file: what is wrong, and three ways on.
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."

ColumnLayout {
    id: broken

    required property var app

    readonly property var recovery: app.settings.recovery

    spacing: Theme.pad

    Label {
        Layout.fillWidth: true
        text: qsTr("The settings file cannot be used")
        textFormat: Text.PlainText
        font.pixelSize: Theme.title
        font.weight: Font.DemiBold
        wrapMode: Text.Wrap
        Accessible.role: Accessible.Heading
    }
    Label {
        Layout.fillWidth: true
        text: broken.recovery.message
        textFormat: Text.PlainText
        wrapMode: Text.Wrap
    }
    Label {
        Layout.fillWidth: true
        text: qsTr("Until then nothing can be answered or shared. Your chats are safe; they are kept elsewhere. Setting the file aside only renames it.")
        textFormat: Text.PlainText
        color: Theme.soft
        wrapMode: Text.Wrap
    }
    Flow {
        Layout.fillWidth: true
        spacing: Theme.gap

        Button {
            text: qsTr("Open the folder")
            onClicked: broken.app.settings.openFolder(broken.recovery.file)
        }
        Button {
            text: qsTr("Try again")
            highlighted: true
            onClicked: broken.app.link.retry()
        }
        Button {
            text: qsTr("Set it aside and start with the defaults")
            onClicked: broken.recovery.setAside()
        }
    }
}
