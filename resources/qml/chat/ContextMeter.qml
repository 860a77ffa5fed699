// How much of what the model can remember this chat takes up.
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."

RowLayout {
    id: meter

    required property var chat
    property bool short
    readonly property real fraction: chat.contextSize > 0 ? Math.min(1, chat.contextUsed / chat.contextSize) : 0
    readonly property bool full: fraction > 0.9

    visible: chat.contextText !== ""
    spacing: 6

    HoverHandler {
        id: hover
    }
    ToolTip.text: full ? qsTr("The context is nearly full. Begin a new chat, or shorten this one.") : qsTr("Context: %1").arg(chat.contextText)
    ToolTip.visible: hover.hovered
    ToolTip.delay: 400

    Label {
        visible: !meter.short
        text: (meter.full ? "⚠ " : "") + qsTr("Context %1").arg(meter.chat.contextText)
        textFormat: Text.PlainText
        font.pixelSize: Theme.small
        color: meter.full ? Theme.warn : Theme.soft
    }
    ProgressBar {
        visible: meter.chat.contextSize > 0
        value: meter.fraction
        implicitWidth: 52 * Theme.zoom
        implicitHeight: 6 * Theme.zoom
        palette.highlight: meter.full ? Theme.warn : Theme.accent
        Accessible.name: qsTr("Context: %1").arg(meter.chat.contextText)
    }
}
