// Tokens over time as bars: the last one, which is still growing, in full colour. The words below say the same.
pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Controls
import ".."

Item {
    id: plot

    required property var gave

    readonly property var bars: gave.bars
    readonly property real step: bars.count > 0 ? width / bars.count : width
    readonly property int labelled: Math.max(1, Math.ceil(64 * Theme.zoom / Math.max(1, step)))

    Accessible.role: Accessible.Graphic
    Accessible.name: gave.words

    // The height of the highest bar, and the ground.
    Rectangle {
        y: ground.y - ground.high
        width: plot.width
        height: 1
        color: Theme.faint
        visible: plot.gave.most !== ""
    }
    Label {
        anchors.right: parent.right
        y: ground.y - ground.high - height - 1
        text: plot.gave.most
        textFormat: Text.PlainText
        font.pixelSize: Theme.small
        color: Theme.soft
        Accessible.ignored: true
    }
    Rectangle {
        id: ground

        readonly property real high: y - 18 * Theme.zoom

        y: plot.height - 20 * Theme.zoom
        width: plot.width
        height: 1
        color: Theme.faint
    }

    Row {
        height: plot.height

        Repeater {
            model: plot.bars

            Item {
                id: bar

                required property int index
                required property string label
                required property string number
                required property real height01
                required property bool last

                width: plot.step
                height: plot.height

                Rectangle {
                    anchors.horizontalCenter: parent.horizontalCenter
                    width: Math.max(2, Math.min(32, plot.step - 4))
                    height: Math.max(bar.height01 > 0 ? 2 : 0, bar.height01 * ground.high)
                    y: ground.y - height
                    radius: Math.min(3, width / 4)
                    color: bar.last ? Theme.accent : Qt.tint(Theme.raised, Qt.alpha(Theme.accent, hover.hovered ? 0.75 : 0.4))
                }
                Label {
                    visible: (plot.bars.count - 1 - bar.index) % plot.labelled === 0 && (bar.index > 0 || plot.labelled < 2)
                    // Within the plot, also under its last bar.
                    x: Math.max(-bar.x, Math.min((bar.width - width) / 2, plot.width - bar.x - width))
                    y: ground.y + 4
                    text: bar.label
                    textFormat: Text.PlainText
                    font.pixelSize: Theme.small * 0.92
                    color: Theme.soft
                    Accessible.ignored: true
                }
                HoverHandler {
                    id: hover
                }
                ToolTip.visible: hover.hovered
                ToolTip.text: qsTr("%1: %2 tokens").arg(label).arg(number)
            }
        }
    }
}
