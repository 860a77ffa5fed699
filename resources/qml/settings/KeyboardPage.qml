// Every key, from the table that also makes them work.
pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."

ColumnLayout {
    id: page

    required property var app
    required property string name

    spacing: 0

    Repeater {
        id: keys

        model: page.app.settings.shortcuts

        ColumnLayout {
            id: entry

            required property int index
            required property string label
            required property string section
            required property var keyTexts

            readonly property bool first: index === 0 || page.app.settings.shortcuts.sectionAt(index - 1) !== section

            Layout.fillWidth: true
            spacing: Theme.gap / 2

            Label {
                visible: entry.first
                Layout.topMargin: entry.index === 0 ? 0 : Theme.pad
                text: entry.section
                textFormat: Text.PlainText
                font.weight: Font.DemiBold
                Accessible.role: Accessible.Heading
            }
            RowLayout {
                Layout.fillWidth: true
                Layout.minimumHeight: 30 * Theme.zoom
                spacing: Theme.pad

                Label {
                    Layout.fillWidth: true
                    text: entry.label
                    textFormat: Text.PlainText
                    wrapMode: Text.Wrap
                }
                Repeater {
                    model: entry.keyTexts

                    Label {
                        required property string modelData

                        text: modelData
                        textFormat: Text.PlainText
                        font.pixelSize: Theme.small
                        leftPadding: Theme.gap
                        rightPadding: Theme.gap
                        topPadding: 2
                        bottomPadding: 2
                        background: Rectangle {
                            color: Theme.raised
                            border.color: Theme.faint
                            radius: Theme.radius / 2
                        }
                    }
                }
            }
            Rectangle {
                Layout.fillWidth: true
                implicitHeight: 1
                color: Theme.faint
            }
        }
    }
}
