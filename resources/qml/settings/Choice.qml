// A name and one of a few values.
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."

ColumnLayout {
    id: choice

    required property string label
    required property var options
    required property var value
    property string otherwise: ""
    property string about: ""

    signal chosen(var value)

    spacing: Theme.gap / 2

    GridLayout {
        Layout.fillWidth: true
        columns: choice.width > 520 * Theme.zoom ? 2 : 1
        columnSpacing: Theme.pad
        rowSpacing: Theme.gap

        Label {
            Layout.fillWidth: true
            text: choice.label
            textFormat: Text.PlainText
            wrapMode: Text.Wrap
        }
        ComboBox {
            id: box

            Layout.fillWidth: parent.columns === 1
            Layout.preferredWidth: parent.columns === 1 ? -1 : 280 * Theme.zoom
            model: choice.options
            textRole: "text"
            valueRole: "value"
            currentIndex: choice.options.findIndex(option => option.value === choice.value)
            displayText: currentIndex < 0 ? choice.otherwise : currentText
            Accessible.name: choice.label
            Accessible.description: choice.about
            onActivated: index => {
                choice.chosen(choice.options[index].value);
                box.currentIndex = Qt.binding(() => choice.options.findIndex(option => option.value === choice.value));
            }
        }
    }
    Label {
        Layout.fillWidth: true
        visible: text.length > 0
        text: choice.about
        textFormat: Text.PlainText
        font.pixelSize: Theme.small
        color: Theme.soft
        wrapMode: Text.Wrap
    }
}
