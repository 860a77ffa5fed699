// Another version of a message is written here. The old one stays, as a branch.
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."
import "../components"

ColumnLayout {
    id: box

    required property bool question
    required property string before

    signal done(text: string)
    signal given

    spacing: Theme.gap
    Component.onCompleted: {
        area.text = before;
        area.cursorPosition = area.length;
        area.forceActiveFocus();
    }

    ScrollView {
        Layout.fillWidth: true
        Layout.preferredHeight: Math.min(Math.max(area.implicitHeight, 60 * Theme.zoom), 260 * Theme.zoom)
        ScrollBar.horizontal.policy: ScrollBar.AlwaysOff
        background: Rectangle {
            radius: Theme.radius
            color: Theme.field
            border.width: area.activeFocus ? 2 : 1
            border.color: area.activeFocus ? Theme.accent : Theme.faint
        }

        TextArea {
            id: area

            wrapMode: TextEdit.Wrap
            textFormat: TextEdit.PlainText
            font.pixelSize: Theme.body
            padding: 10
            background: null
            Accessible.name: box.question ? qsTr("The question anew") : qsTr("The answer anew")
            Keys.onEscapePressed: box.given()
            Keys.onReturnPressed: event => {
                event.accepted = (event.modifiers & Qt.ControlModifier) !== 0;
                if (event.accepted)
                    box.done(text);
            }
        }
    }
    RowLayout {
        spacing: Theme.gap

        Label {
            text: box.question ? qsTr("The old version stays as a branch.") : qsTr("The old answer stays as a branch.")
            font.pixelSize: Theme.small
            color: Theme.soft
            elide: Text.ElideRight
            Layout.fillWidth: true
        }
        Button {
            text: qsTr("Cancel")
            onClicked: box.given()
        }
        Button {
                highlighted: true
            text: box.question ? qsTr("Ask again") : qsTr("Keep")
            enabled: area.text.trim() !== "" && area.text !== box.before
            onClicked: box.done(area.text)
        }
    }
}
