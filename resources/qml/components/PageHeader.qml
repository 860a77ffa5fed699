// The title of a page, a sentence under it, and whatever stands at its end.
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."

RowLayout {
    id: header

    required property string title
    property string text
    default property alias actions: end.data

    spacing: Theme.gap

    ColumnLayout {
        spacing: 4
        Layout.fillWidth: true

        Label {
            text: header.title
            textFormat: Text.PlainText
            font.pixelSize: Theme.title
            font.weight: Font.DemiBold
            wrapMode: Text.Wrap
            Layout.fillWidth: true
            Accessible.role: Accessible.Heading
        }
        Label {
            text: header.text
            textFormat: Text.PlainText
            visible: text !== ""
            color: Theme.soft
            wrapMode: Text.Wrap
            Layout.fillWidth: true
        }
    }
    RowLayout {
        id: end

        spacing: Theme.gap
        Layout.alignment: Qt.AlignTop
    }
}
