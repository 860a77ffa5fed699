// What this computer gave: today, in all, and over time, as a plot and the same as a table.
pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."
import "../components"

Card {
    id: card

    required property var app

    readonly property var gave: app.share.contributions
    property bool asTable: false

    contentItem: ColumnLayout {
        spacing: Theme.pad

        RowLayout {
            spacing: Theme.gap

            Label {
                text: qsTr("What it gave")
                font.pixelSize: Theme.body
                font.weight: Font.DemiBold
                color: Theme.ink
                elide: Text.ElideRight
                Layout.fillWidth: true
                Accessible.role: Accessible.Heading
            }
            ButtonGroup {
                id: span
            }
            RadioButton {
                text: qsTr("24 hours")
                checked: card.gave.kind === "hours"
                ButtonGroup.group: span
                onClicked: card.gave.kind = "hours"
            }
            RadioButton {
                text: qsTr("30 days")
                checked: card.gave.kind === "days"
                ButtonGroup.group: span
                onClicked: card.gave.kind = "days"
            }
        }
        ContributionPlot {
            gave: card.gave
            visible: !card.asTable
            Layout.fillWidth: true
            Layout.preferredHeight: 130 * Theme.zoom
        }
        ListView {
            id: table

            visible: card.asTable
            model: card.asTable ? card.gave.bars : null
            clip: true
            boundsBehavior: Flickable.StopAtBounds
            activeFocusOnTab: true
            keyNavigationEnabled: true
            Layout.fillWidth: true
            Layout.preferredHeight: 130 * Theme.zoom
            ScrollBar.vertical: ScrollBar {}
            Accessible.role: Accessible.Table
            Accessible.name: qsTr("Tokens over time")

            delegate: ItemDelegate {
                id: line

                required property string label
                required property string number
                required property int index

                width: ListView.view.width
                height: 26 * Theme.zoom
                highlighted: ListView.isCurrentItem && ListView.view.activeFocus
                text: qsTr("%1: %2 tokens").arg(label).arg(number)
                onClicked: ListView.view.currentIndex = index

                contentItem: RowLayout {
                    Label {
                        text: line.label
                        textFormat: Text.PlainText
                        font.pixelSize: Theme.small
                        color: line.highlighted ? line.palette.highlightedText : Theme.ink
                        Layout.fillWidth: true
                        Accessible.ignored: true
                    }
                    Label {
                        text: line.number
                        textFormat: Text.PlainText
                        font.pixelSize: Theme.small
                        color: line.highlighted ? line.palette.highlightedText : Theme.ink
                        rightPadding: Theme.pad
                        Accessible.ignored: true
                    }
                }
            }
        }
        RowLayout {
            spacing: Theme.gap

            Label {
                text: card.gave.words
                textFormat: Text.PlainText
                font.pixelSize: Theme.small
                color: Theme.soft
                wrapMode: Text.Wrap
                Layout.fillWidth: true
            }
            Button {
                flat: true
                text: card.asTable ? qsTr("As a plot") : qsTr("As a table")
                onClicked: card.asTable = !card.asTable
            }
        }
        GridLayout {
            columns: 2
            columnSpacing: Theme.pad
            rowSpacing: 4
            visible: card.gave.known

            Label {
                text: qsTr("Today")
                font.pixelSize: Theme.small
                color: Theme.soft
                Layout.alignment: Qt.AlignTop
            }
            Sums {
                rows: card.gave.today
                Layout.fillWidth: true
            }
            Label {
                text: qsTr("In all")
                font.pixelSize: Theme.small
                color: Theme.soft
                Layout.alignment: Qt.AlignTop
            }
            Sums {
                rows: card.gave.total
                Layout.fillWidth: true
            }
        }
    }
}
