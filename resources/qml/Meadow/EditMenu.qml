// What a right click in a text field offers.
import QtQuick
import QtQuick.Controls.impl

Menu {
    id: menu

    required property Item editor

    delegate: MenuItem {}

    UndoAction {
        editor: menu.editor
    }
    RedoAction {
        editor: menu.editor
    }
    CutAction {
        editor: menu.editor
    }
    CopyAction {
        editor: menu.editor
    }
    PasteAction {
        editor: menu.editor
    }
    DeleteAction {
        editor: menu.editor
    }
    SelectAllAction {
        editor: menu.editor
    }
}
