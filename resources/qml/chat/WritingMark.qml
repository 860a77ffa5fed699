// Three dots of which one is full, then the next: something is being written.
pragma ComponentBehavior: Bound
import QtQuick
import ".."

Row {
    id: mark

    property int at

    spacing: 3

    Timer {
        running: mark.visible
        repeat: true
        interval: 400
        onTriggered: mark.at = (mark.at + 1) % 3
    }
    Repeater {
        model: 3

        Rectangle {
            required property int index

            width: 5 * Theme.zoom
            height: width
            radius: width / 2
            color: index === mark.at ? Theme.accent : "transparent"
            border.color: Theme.accent
        }
    }
}
