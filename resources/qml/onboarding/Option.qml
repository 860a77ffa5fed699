// One of the things to choose: a large button with a second line.
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."

Button {
    id: option

    required property string about
    property bool suggested: false

    padding: Theme.pad
    implicitHeight: implicitContentHeight + topPadding + bottomPadding
    Accessible.description: about

    background: Rectangle {
        radius: Theme.radius
        color: option.down ? Theme.accentSoft : option.hovered ? Theme.sidebar : Theme.raised
        border.width: option.visualFocus || option.suggested ? 2 : 1
        border.color: option.visualFocus ? Theme.ink : option.suggested ? Theme.accent : Theme.faint
    }
    contentItem: ColumnLayout {
        spacing: Theme.gap / 2

        Label {
            Layout.fillWidth: true
            text: option.text
            textFormat: Text.PlainText
            font.pixelSize: Theme.body * 1.07
            font.weight: Font.DemiBold
            wrapMode: Text.Wrap
            Accessible.ignored: true
        }
        Label {
            Layout.fillWidth: true
            text: option.about
            textFormat: Text.PlainText
            color: Theme.soft
            wrapMode: Text.Wrap
            Accessible.ignored: true
        }
    }
}
