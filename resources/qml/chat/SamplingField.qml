// One sampling setting: its name, a field, what it does, and what is wrong with what was written.
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."

ColumnLayout {
    id: field

    required property var sampling
    required property var row

    spacing: 2

    RowLayout {
        spacing: Theme.gap

        Label {
            text: field.row.label
            Layout.fillWidth: true
            wrapMode: Text.Wrap
        }
        TextField {
            text: field.row.text
            placeholderText: qsTr("as advised")
            horizontalAlignment: TextInput.AlignRight
            Accessible.name: field.row.label
            Accessible.description: field.row.error || field.row.hint
            Layout.preferredWidth: 140 * Theme.zoom
            onEditingFinished: if (text !== field.row.text) field.sampling.write(field.row.name, text)
        }
    }
    Label {
        text: field.row.error !== "" ? "✕ " + field.row.error : field.row.hint
        textFormat: Text.PlainText
        color: field.row.error !== "" ? Theme.error : Theme.soft
        font.pixelSize: Theme.small
        wrapMode: Text.Wrap
        Layout.fillWidth: true
    }
}
