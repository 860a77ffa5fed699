// Paragraphs, headings and lists that stand together. An Item around the text: a Loader that asked a TextEdit for its
// natural size would have it laid out twice more.
import QtQuick
import QtQuick.Controls

Item {
    id: prose

    required property var row

    implicitHeight: text.height

    MessageText {
        id: text

        row: prose.row
        width: prose.row.inner
        ToolTip.visible: text.hoveredLink !== ""
        ToolTip.delay: 300
        ToolTip.text: text.hoveredLink === "" ? "" : prose.row.message.document.linkTarget(text.hoveredLink)
    }
}
