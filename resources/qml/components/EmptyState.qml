// What a page says while it has nothing to show, and what can be done about it.
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."

ColumnLayout {
    id: empty

    required property string title
    property string text
    default property alias actions: below.data

    spacing: Theme.gap

    Label {
        text: empty.title
        textFormat: Text.PlainText
        font.pixelSize: Theme.title
        font.weight: Font.DemiBold
        wrapMode: Text.Wrap
        horizontalAlignment: Text.AlignHCenter
        Layout.fillWidth: true
        Accessible.role: Accessible.Heading
    }
    Label {
        text: empty.text
        textFormat: Text.PlainText
        visible: text !== ""
        color: Theme.soft
        wrapMode: Text.Wrap
        horizontalAlignment: Text.AlignHCenter
        Layout.fillWidth: true
    }
    RowLayout {
        id: below

        spacing: Theme.gap
        Layout.alignment: Qt.AlignHCenter
        Layout.topMargin: Theme.gap
    }
}
