// Whether a model is up: a full disc, a half one, or a ring; the shape says it too, not only the colour.
import QtQuick
import ".."

Item {
    id: mark

    required property string kind // "up", "gaps", "down"

    implicitWidth: 10 * Theme.zoom
    implicitHeight: implicitWidth
    Accessible.role: Accessible.Indicator
    Accessible.name: kind === "up" ? qsTr("up") : kind === "gaps" ? qsTr("with gaps") : qsTr("not up")

    Rectangle {
        anchors.fill: parent
        radius: width / 2
        color: mark.kind === "up" ? Theme.accent : "transparent"
        border.width: 2
        border.color: mark.kind === "up" ? Theme.accent : mark.kind === "gaps" ? Theme.warn : Theme.soft

        Rectangle {
            visible: mark.kind === "gaps"
            anchors.centerIn: parent
            width: parent.width
            height: 2
            color: Theme.warn
        }
    }
}
