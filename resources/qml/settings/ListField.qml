// A list of texts: each with a button that takes it away, and a field to add one.
pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."
import "../components"

ColumnLayout {
    id: list

    required property string label
    required property var items
    required property bool failed

    signal edited(var items)

    function add(): void {
        const text = field.text.trim();
        if (text.length > 0)
            list.edited(list.items.concat([text]));
    }

    // What was accepted leaves the field; what was refused stays, to be mended.
    onItemsChanged: {
        if (list.items.indexOf(field.text.trim()) >= 0)
            field.clear();
    }

    spacing: Theme.gap / 2

    Repeater {
        model: list.items

        RowLayout {
            id: entry

            required property string modelData
            required property int index

            Layout.fillWidth: true
            spacing: Theme.gap

            Label {
                Layout.fillWidth: true
                text: entry.modelData
                textFormat: Text.PlainText
                font.family: "monospace"
                font.pixelSize: Theme.small
                wrapMode: Text.WrapAnywhere
            }
            IconButton {
                name: qsTr("Remove %1").arg(entry.modelData)
                icon.source: "../../icons/close.svg"
                icon.width: 14 * Theme.zoom
                icon.height: 14 * Theme.zoom
                implicitWidth: 26 * Theme.zoom
                implicitHeight: 26 * Theme.zoom
                onClicked: list.edited(list.items.filter((item, index) => index !== entry.index))
            }
        }
    }

    RowLayout {
        Layout.fillWidth: true
        spacing: Theme.gap

        TextField {
            id: field

            Layout.fillWidth: true
            maximumLength: 4096
            inputMethodHints: Qt.ImhNoPredictiveText | Qt.ImhNoAutoUppercase
            placeholderText: qsTr("Add an entry")
            Accessible.name: qsTr("Add to “%1”").arg(list.label)
            onAccepted: list.add()
        }
        Button {
            text: qsTr("Add")
            enabled: field.text.trim().length > 0
            Accessible.name: qsTr("Add to “%1”").arg(list.label)
            onClicked: list.add()
        }
    }
}
