// One setting of the node: its name, what sets it, what it does, and what the node said against a value.
pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."
import "../components"

ColumnLayout {
    id: row

    required property var settings
    required property string key
    required property string label
    required property string about
    required property string widget
    required property var value
    required property string text
    required property string unit
    required property string range
    required property var options
    required property real minimum
    required property real maximum
    required property bool changed
    required property string defaultText
    required property string error
    required property bool pending
    required property bool restart

    readonly property bool wide: width > 520 * Theme.zoom

    function change(typed: var): void {
        row.settings.change(row.key, typed);
    }

    spacing: Theme.gap / 2

    GridLayout {
        Layout.fillWidth: true
        columns: row.wide ? 2 : 1
        columnSpacing: Theme.pad
        rowSpacing: Theme.gap

        RowLayout {
            Layout.fillWidth: true
            spacing: Theme.gap

            Label {
                Layout.fillWidth: true
                text: row.label
                textFormat: Text.PlainText
                font.weight: row.changed ? Font.DemiBold : Font.Normal
                wrapMode: Text.Wrap
            }
            IconButton {
                visible: row.changed || row.error.length > 0
                name: row.defaultText.length > 0 ? qsTr("Reset “%1” to the default: %2").arg(row.label).arg(row.defaultText) : qsTr("Reset “%1” to the default").arg(row.label)
                icon.source: "../../icons/reset.svg"
                icon.width: 15 * Theme.zoom
                icon.height: 15 * Theme.zoom
                implicitWidth: 26 * Theme.zoom
                implicitHeight: 26 * Theme.zoom
                onClicked: row.settings.reset(row.key)
            }
        }

        Loader {
            Layout.fillWidth: !row.wide || row.widget === "list"
            Layout.preferredWidth: row.wide ? 280 * Theme.zoom : -1
            Layout.alignment: row.wide ? Qt.AlignRight | Qt.AlignTop : Qt.AlignLeft
            Layout.columnSpan: 1
            sourceComponent: {
                switch (row.widget) {
                case "switch":
                    return switchField;
                case "choice":
                    return choiceField;
                case "percent":
                    return percentField;
                case "list":
                    return null;
                case "model":
                    return modelField;
                default:
                    return textField;
                }
            }
            visible: row.widget !== "list"
        }
    }

    Loader {
        Layout.fillWidth: true
        active: row.widget === "list"
        visible: active
        sourceComponent: ListField {
            label: row.label
            items: row.value ?? []
            failed: row.error.length > 0
            onEdited: items => row.change(items)
        }
    }

    Label {
        Layout.fillWidth: true
        visible: row.error.length > 0
        text: "⚠ " + row.error
        textFormat: Text.PlainText
        color: Theme.error
        font.pixelSize: Theme.small
        wrapMode: Text.Wrap
        Accessible.role: Accessible.AlertMessage
        Accessible.name: row.error
    }

    Label {
        Layout.fillWidth: true
        text: {
            const parts = [row.about];
            if (row.range.length > 0 && row.widget !== "percent")
                parts.push(qsTr("Allowed: %1.").arg(row.range));
            if (row.restart)
                parts.push(row.pending ? qsTr("Changed; counts from the next start of the node.") : qsTr("A change counts from the next start of the node."));
            return parts.join(" ");
        }
        textFormat: Text.PlainText
        color: Theme.soft
        font.pixelSize: Theme.small
        wrapMode: Text.Wrap
    }

    Component {
        id: switchField

        Item {
            implicitHeight: toggle.implicitHeight
            implicitWidth: toggle.implicitWidth

            Switch {
                id: toggle

                anchors.right: row.wide ? parent.right : undefined
                checked: row.value === true
                Accessible.name: row.label
                Accessible.description: row.about
                onToggled: {
                    row.change(checked);
                    checked = Qt.binding(() => row.value === true);
                }
            }
        }
    }

    Component {
        id: choiceField

        ComboBox {
            model: row.options
            textRole: "text"
            valueRole: "value"
            currentIndex: Math.max(0, indexOfValue(row.value ?? ""))
            Accessible.name: row.label
            Accessible.description: row.about
            onActivated: row.change(currentValue)
        }
    }

    Component {
        id: percentField

        RowLayout {
            spacing: Theme.gap

            Slider {
                id: slider

                Layout.fillWidth: true
                from: Math.round(row.minimum * 100)
                to: Math.round(row.maximum * 100)
                stepSize: 5
                snapMode: Slider.SnapAlways
                value: Math.round((row.value ?? 0) * 100)
                Accessible.name: row.label
                Accessible.description: row.about
                onMoved: settle.restart()

                // Not while it moves: each change is a request.
                Timer {
                    id: settle

                    interval: 300
                    onTriggered: {
                        row.change(String(Math.round(slider.value)));
                        slider.value = Qt.binding(() => Math.round((row.value ?? 0) * 100));
                    }
                }
            }
            Label {
                text: qsTr("%1 %").arg(Math.round(slider.value))
                horizontalAlignment: Text.AlignRight
                Layout.minimumWidth: 44 * Theme.zoom
            }
        }
    }

    Component {
        id: textField

        RowLayout {
            spacing: Theme.gap

            ValueField {
                Layout.fillWidth: true
                setting: row
                digits: row.widget !== "text"
            }
            Label {
                visible: row.unit.length > 0
                text: row.unit
                textFormat: Text.PlainText
                color: Theme.soft
            }
        }
    }

    Component {
        id: modelField

        RowLayout {
            spacing: Theme.gap

            ValueField {
                Layout.fillWidth: true
                setting: row
            }
            Button {
                text: qsTr("Folder…")
                Accessible.name: qsTr("Choose a folder for “%1”").arg(row.label)
                onClicked: folder.active = true

                Loader {
                    id: folder

                    active: false
                    source: "ChooseFolder.qml"
                    onLoaded: (item as ChooseFolder).open()

                    Connections {
                        target: folder.item
                        ignoreUnknownSignals: true

                        function onChosen(path: string): void {
                            row.change(path);
                        }
                        function onClosed(): void {
                            folder.active = false;
                        }
                    }
                }
            }
        }
    }
}
