// Paragraphs, headings and lists that stand together. An Item around the text: a Loader that asked a TextEdit for its
// natural size would have it laid out twice more.
import QtQuick
import QtQuick.Controls

Item {
    id: prose

    required property var row
    readonly property alias written: words
    readonly property bool chosen: words.selectedText !== ""

    x: row.mirrored ? 0 : row.shift
    y: row.gap
    width: row.inner
    implicitHeight: words.height

    MessageText {
        id: words

        row: prose.row
        width: prose.row.inner
        ToolTip.visible: words.hoveredLink !== ""
        ToolTip.delay: 300
        ToolTip.text: words.hoveredLink === "" ? "" : prose.row.message.document?.linkTarget(words.hoveredLink) ?? ""
    }
}
