// One message. `document` is a MessageDocument; nothing here makes HTML, and nothing is loaded.
pragma ComponentBehavior: Bound
import QtQuick
import ".."

Column {
    id: view

    property var document: null
    // What the painter in Python needs to know of the theme. When it changes, the rows are painted anew.
    readonly property var look: ({
        ink: Theme.ink, soft: Theme.soft, faint: Theme.faint, accent: Theme.accent, ground: Theme.faint,
        dark: Theme.dark, size: Theme.body
    })

    // A link is only opened after its full target was shown.
    function ask(link: string): void {
        asking.active = true;
        (asking.item as LinkDialog).ask(link);
    }

    spacing: 0

    Repeater {
        model: view.document
        delegate: MarkdownRow {
            message: view
            width: view.width
        }
    }

    MoreButton {
        visible: hidden > 0
        hidden: view.document ? view.document.hiddenCharacters : 0
        onClicked: view.document.showMore()
    }

    Loader {
        id: asking
        active: false
        sourceComponent: LinkDialog {
            document: view.document
        }
    }
}
