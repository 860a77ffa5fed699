// The one button of a page or dialog that most people want. Fusion marks highlighted buttons with a thin line only, and
// under the software renderer not even that is sure, so the palette says it.
import QtQuick.Controls
import ".."

Button {
    highlighted: true
    leftPadding: 14
    rightPadding: 14
    palette.button: enabled ? Theme.accent : Theme.control
    palette.buttonText: enabled ? Theme.accentInk : Theme.soft
}
