// What has the keys, for those who use them: a ring around it, a little apart, in each scheme.
import QtQuick
import ".."

Rectangle {
    required property var of
    property bool shown: of.visualFocus

    visible: shown
    anchors.fill: parent
    anchors.margins: -3
    color: "transparent"
    radius: (parent as Rectangle)?.radius + 3
    border.width: 2
    border.color: Theme.accent
}
