// A small, quiet icon button below a message.
import "../components"
import ".."

IconButton {
    implicitWidth: 28 * Theme.zoom
    implicitHeight: 28 * Theme.zoom
    icon.width: 15 * Theme.zoom
    icon.height: 15 * Theme.zoom
    icon.color: enabled ? Theme.soft : Theme.faint
}
