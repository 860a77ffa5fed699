// Paragraphs, headings and lists that stand together.
import QtQuick
import QtQuick.Controls
import ".."

MessageText {
    id: prose

    ToolTip.visible: prose.hoveredLink !== ""
    ToolTip.delay: 300
    ToolTip.text: prose.hoveredLink === "" ? "" : prose.row.message.document.linkTarget(prose.hoveredLink)
}
