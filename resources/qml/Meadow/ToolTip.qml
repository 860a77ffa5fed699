import QtQuick
import QtQuick.Controls.Basic as Basic
import ".."

Basic.ToolTip {
    id: control

    font.pixelSize: Theme.small
    // Basic guesses whether a text is rich; names of strangers must never be.
    contentItem: Text {
        text: control.text
        textFormat: Text.PlainText
        font: control.font
        wrapMode: Text.Wrap
        color: control.palette.toolTipText
    }
    background: Rectangle {
        radius: 6
        color: Theme.raised
        border.color: Theme.line
    }
}
