// A frame around what belongs together.
import QtQuick
import QtQuick.Controls
import ".."

Frame {
    padding: Theme.pad
    background: Rectangle {
        color: Theme.raised
        radius: Theme.radius
        border.color: Theme.faint
    }
}
