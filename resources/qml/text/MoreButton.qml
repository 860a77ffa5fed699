// Below a very long message: only a page of it is shown at first.
import QtQuick
import QtQuick.Controls
import ".."

Button {
    required property int hidden

    flat: true
    font.pixelSize: Theme.small
    text: qsTr("Show more (%L1 characters left)").arg(hidden)
}
