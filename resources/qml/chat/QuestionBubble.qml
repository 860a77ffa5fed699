// What the person asked, as it was written.
import QtQuick
import QtQuick.Controls
import ".."

Item {
    id: root

    required property var message

    implicitHeight: bubble.height

    Rectangle {
        id: bubble

        width: Math.min(parent.width, Math.max(words.implicitWidth, more.visible ? more.implicitWidth : 0) + 28)
        height: column.implicitHeight + 20
        x: root.LayoutMirroring.enabled ? 0 : parent.width - width
        radius: 14
        color: Theme.accentSoft

        Column {
            id: column

            x: 14
            y: 10
            width: parent.width - 28
            spacing: 6

            TextEdit {
                id: words

                width: parent.width
                text: root.message ? root.message.plain : ""
                textFormat: TextEdit.PlainText
                readOnly: true
                selectByMouse: true
                wrapMode: TextEdit.Wrap
                color: Theme.ink
                selectionColor: Theme.accent
                selectedTextColor: Theme.accentInk
                font.pixelSize: Theme.body
                Accessible.role: Accessible.StaticText
                Accessible.name: words.text
            }
            Button {
                id: more

                visible: root.message ? root.message.folded : false
                flat: true
                text: qsTr("Show more")
                font.pixelSize: Theme.small
                onClicked: root.message.unfold()
            }
        }
    }
}
