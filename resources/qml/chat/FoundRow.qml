// One hit of a search: the chat, and around the found words what was said. Everything is plain text.
pragma ComponentBehavior: Bound
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."

ItemDelegate {
    id: row

    required property string chat
    required property string message
    required property string title
    required property var pieces
    required property string spoken
    required property bool isTitle
    required property bool current

    signal chosen(chat: string, message: string)

    function choose(): void {
        chosen(chat, message);
    }

    width: ListView.view ? ListView.view.width : 0
    padding: 8
    focusPolicy: Qt.NoFocus
    text: spoken
    Accessible.name: spoken
    onClicked: choose()
    background: Rectangle {
        radius: 8
        color: row.hovered || row.down ? Theme.faint : "transparent"
        border.width: row.current ? 2 : 0
        border.color: Theme.accent
    }
    contentItem: ColumnLayout {
        spacing: 2

        Label {
            visible: !row.isTitle
            text: row.title
            textFormat: Text.PlainText
            font.pixelSize: Theme.small
            color: Theme.soft
            elide: Text.ElideRight
            Layout.fillWidth: true
        }
        Item {
            clip: true
            implicitHeight: line.implicitHeight
            Layout.fillWidth: true

            Row {
                id: line

                Repeater {
                    model: row.pieces

                    Label {
                        required property var modelData

                        text: modelData.text
                        textFormat: Text.PlainText
                        font.pixelSize: row.isTitle ? Theme.body : Theme.small
                        font.weight: modelData.hit ? Font.Bold : Font.Normal
                        color: modelData.hit ? Theme.accent : Theme.ink
                    }
                }
            }
        }
    }
}
