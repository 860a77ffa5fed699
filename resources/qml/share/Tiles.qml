// A few figures that are really known, each as large as it deserves.
pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."
import "../components"

GridLayout {
    id: tiles

    required property var figures

    readonly property int across: Math.max(1, Math.floor((width + columnSpacing) / (148 * Theme.zoom + columnSpacing)))

    // As even as they go: five in a place for four are three and two.
    columns: Math.max(1, Math.ceil(figures.count / Math.ceil(figures.count / across)))
    columnSpacing: 12
    rowSpacing: 12
    uniformCellWidths: true
    visible: figures.count > 0

    Repeater {
        model: tiles.figures

        Card {
            id: tile

            required property string value
            required property string label
            required property int index

            padding: 12
            Layout.fillWidth: true
            Layout.fillHeight: true
            // The last one fills its row.
            Layout.columnSpan: index === tiles.figures.count - 1 ? tiles.columns - index % tiles.columns : 1
            Accessible.role: Accessible.StaticText
            Accessible.name: tile.value + " " + tile.label

            contentItem: ColumnLayout {
                spacing: 2

                Label {
                    text: tile.value
                    textFormat: Text.PlainText
                    font.pixelSize: Theme.body * 1.3
                    font.weight: Font.DemiBold
                    fontSizeMode: Text.HorizontalFit
                    minimumPixelSize: Theme.small
                    color: Theme.ink
                    horizontalAlignment: Text.AlignHCenter
                    Layout.fillWidth: true
                    Accessible.ignored: true
                }
                Label {
                    text: tile.label
                    textFormat: Text.PlainText
                    font.pixelSize: Theme.small
                    color: Theme.soft
                    horizontalAlignment: Text.AlignHCenter
                    wrapMode: Text.Wrap
                    Layout.fillWidth: true
                    Accessible.ignored: true
                }
            }
        }
    }
}
