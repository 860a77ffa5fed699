// Something to read and to copy: a name, a value, what it is for.
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."

ColumnLayout {
    id: fact

    required property string label
    required property string value
    property string about: ""
    property var settings: null
    property bool opens: false

    spacing: Theme.gap / 2

    Label {
        Layout.fillWidth: true
        text: fact.label
        textFormat: Text.PlainText
        wrapMode: Text.Wrap
    }
    Flow {
        Layout.fillWidth: true
        spacing: Theme.gap

        TextField {
            width: Math.min(parent.width, 440 * Theme.zoom)
            text: fact.value
            readOnly: true
            font.family: "monospace"
            font.pixelSize: Theme.small
            selectByMouse: true
            Accessible.name: fact.label
            Accessible.description: fact.about
        }
        Button {
            text: qsTr("Copy")
            enabled: fact.value.length > 0
            Accessible.name: qsTr("Copy: %1").arg(fact.label)
            onClicked: fact.settings.copy(fact.value)
        }
        Button {
            visible: fact.opens
            text: qsTr("Open the folder")
            Accessible.name: qsTr("Open the folder of: %1").arg(fact.label)
            onClicked: fact.settings.openFolder(fact.value)
        }
    }
    Label {
        Layout.fillWidth: true
        visible: text.length > 0
        text: fact.about
        textFormat: Text.PlainText
        font.pixelSize: Theme.small
        color: Theme.soft
        wrapMode: Text.Wrap
    }
}
