// "2 of 3": which version of a message this is, and the way to the others.
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."

RowLayout {
    id: branch

    required property var message

    signal moved(step: int)

    spacing: 0

    FootButton {
        name: qsTr("Previous version")
        icon.source: branch.LayoutMirroring.enabled ? "../../icons/next.svg" : "../../icons/previous.svg"
        enabled: branch.message ? branch.message.branch > 1 : false
        onClicked: branch.moved(-1)
    }
    Label {
        text: branch.message ? branch.message.branchText : ""
        font.pixelSize: Theme.small
        color: Theme.soft
    }
    FootButton {
        name: qsTr("Next version")
        icon.source: branch.LayoutMirroring.enabled ? "../../icons/previous.svg" : "../../icons/next.svg"
        enabled: branch.message ? branch.message.branch < branch.message.branches : false
        onClicked: branch.moved(1)
    }
}
