// One quiet line: "6.2 tok/s over 4 peers · first token 0.8 s". It opens the way that a token took.
import QtQuick
import QtQuick.Controls
import ".."

ToolButton {
    id: line

    required property var message
    required property bool open
    readonly property bool routed: message ? message.hasRoute : false

    text: message ? [message.speedText, message.firstTokenText, message.movedText].filter(part => part !== "").join(" · ") : ""
    enabled: routed
    implicitWidth: Math.ceil(implicitContentWidth + leftPadding + rightPadding) // a layout would cut the fraction, and so the text
    leftPadding: 0
    rightPadding: 8
    topPadding: 4
    bottomPadding: 4
    Accessible.name: text
    Accessible.description: routed ? qsTr("Shows who computed this answer") : ""
    Accessible.expanded: open
    Accessible.expandable: routed
    background: Rectangle {
        color: "transparent"
        radius: 4
        border.width: line.visualFocus ? 2 : 0
        border.color: Theme.accent
    }
    contentItem: Label {
        text: line.text + (line.routed ? (line.open ? "  ▴" : "  ▾") : "")
        textFormat: Text.PlainText
        font.pixelSize: Theme.small
        font.underline: line.hovered && line.routed
        color: Theme.soft
        wrapMode: Text.Wrap
    }
}
