// Text that Python paints: selectable, read-only, and never parsed, because it is plain to Qt and its `text` is not set.
import QtQuick
import ".."

TextEdit {
    id: edit

    required property var row
    readonly property var look: edit.row.message.look

    property var painter: null // the message this is painted by; by the end, the view may show another one

    function paint(): void {
        const painter = edit.row.message.document;
        if (edit.painter !== painter)
            edit.leave();
        edit.painter = painter;
        painter?.attach(edit.row.index, edit.textDocument, edit.row.message.look);
    }
    function leave(): void {
        edit.painter?.detach(edit.textDocument);
        edit.painter = null;
    }

    readOnly: true
    selectByMouse: true
    selectByKeyboard: true
    textFormat: TextEdit.PlainText
    horizontalAlignment: TextEdit.AlignLeft
    wrapMode: TextEdit.Wrap
    color: Theme.ink
    selectionColor: Theme.accent
    selectedTextColor: Theme.accentInk
    font.pixelSize: Theme.body
    Accessible.role: Accessible.StaticText
    Accessible.name: edit.row.reading
    Accessible.readOnly: true

    onLookChanged: {
        if (edit.painter !== null)
            edit.paint();
    }
    onRowChanged: {
        edit.leave();
        edit.deselect();
        edit.paint();
    }
    Component.onCompleted: edit.paint()
    Component.onDestruction: edit.leave()
    onLinkActivated: link => edit.row.message.ask(link)

    HoverHandler {
        cursorShape: edit.hoveredLink !== "" ? Qt.PointingHandCursor : Qt.IBeamCursor
    }
}
