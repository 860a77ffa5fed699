// Text that Python paints: selectable, read-only, and never parsed, because it is plain to Qt and its `text` is not set.
import QtQuick
import QtQuick.Controls
import ".."

TextEdit {
    id: edit

    required property Item row
    readonly property var look: edit.row.message.look

    function paint(): void {
        if (edit.row.message.document)
            edit.row.message.document.attach(edit.row.index, edit.textDocument, edit.look)
    }

    readOnly: true
    selectByMouse: true
    selectByKeyboard: true
    textFormat: TextEdit.PlainText
    horizontalAlignment: TextEdit.AlignLeft
    wrapMode: TextEdit.Wrap
    color: Theme.ink
    selectionColor: Theme.accent
    selectedTextColor: Theme.onAccent
    font.pixelSize: Theme.body
    Accessible.role: Accessible.StaticText
    Accessible.name: edit.row.reading
    Accessible.readOnly: true

    onLookChanged: edit.paint()
    Component.onCompleted: edit.paint()
    Component.onDestruction: {
        if (edit.row && edit.row.message && edit.row.message.document)
            edit.row.message.document.detach(edit.textDocument)
    }
    onLinkActivated: link => edit.row.message.ask(link)

    HoverHandler {
        cursorShape: edit.hoveredLink !== "" ? Qt.PointingHandCursor : Qt.IBeamCursor
    }
}
