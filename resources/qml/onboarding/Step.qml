// What the three screens have in common: a title, some text, and what can be done.
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."

ColumnLayout {
    id: screen

    property var first: null
    property string title
    property string text

    spacing: Theme.pad

    Label {
        Layout.fillWidth: true
        text: screen.title
        textFormat: Text.PlainText
        font.pixelSize: Theme.title * 1.3
        font.weight: Font.DemiBold
        wrapMode: Text.Wrap
        Accessible.role: Accessible.Heading
    }
    Label {
        Layout.fillWidth: true
        text: screen.text
        textFormat: Text.PlainText
        font.pixelSize: Theme.body * 1.07
        lineHeight: 1.3
        wrapMode: Text.Wrap
    }
}
