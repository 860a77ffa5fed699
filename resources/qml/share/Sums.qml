// Figures in a row, as many as fit beside each other.
pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Controls
import ".."

Flow {
    id: sums

    required property var rows

    spacing: Theme.pad

    Repeater {
        model: sums.rows

        Label {
            required property string value
            required property string label

            text: qsTr("%1 %2").arg(value).arg(label)
            textFormat: Text.PlainText
            font.pixelSize: Theme.small
            color: Theme.ink
        }
    }
}
