// Says where a link leads before it is opened. All of it is plain text.
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."

Dialog {
    id: dialog

    property var document: null
    property string link: ""

    function ask(link: string): void {
        dialog.link = link
        dialog.open()
    }

    parent: Overlay.overlay
    anchors.centerIn: parent
    width: parent ? Math.min(parent.width - 2 * Theme.pad, 520) : 520
    modal: true
    title: qsTr("Open this link?")

    contentItem: ColumnLayout {
        spacing: Theme.gap
        Label {
            Layout.fillWidth: true
            text: dialog.document ? dialog.document.linkHost(dialog.link) : ""
            textFormat: Text.PlainText
            wrapMode: Text.WrapAnywhere
            font.pixelSize: Theme.body
            font.weight: Font.DemiBold
        }
        TextArea {
            Layout.fillWidth: true
            Layout.maximumHeight: 160
            readOnly: true
            selectByMouse: true
            textFormat: TextEdit.PlainText
            wrapMode: TextEdit.WrapAnywhere
            font.pixelSize: Theme.small
            text: dialog.document ? dialog.document.linkTarget(dialog.link) : ""
            Accessible.name: qsTr("Full address")
        }
        Label {
            Layout.fillWidth: true
            text: qsTr("The link comes from the text of a model or of somebody else. It opens outside of Meadow.")
            textFormat: Text.PlainText
            wrapMode: Text.Wrap
            color: Theme.soft
            font.pixelSize: Theme.small
        }
    }

    footer: DialogButtonBox {
        Button {
            text: qsTr("Open")
            DialogButtonBox.buttonRole: DialogButtonBox.AcceptRole
        }
        Button {
            text: qsTr("Cancel")
            DialogButtonBox.buttonRole: DialogButtonBox.RejectRole
        }
    }
    onAccepted: dialog.document.openLink(dialog.link)
}
