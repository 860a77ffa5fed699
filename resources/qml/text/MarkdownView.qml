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

    property Flickable scroller: null // the Flickable around it; without one, all of it counts as in sight
    property string seen // what the last look was made with

    // A link is only opened after its full target was shown.
    function ask(link: string): void {
        asking.active = true;
        (asking.item as LinkDialog).ask(link);
    }

    // Rows that come into sight get what shows their text, those that are far from it give it back.
    function lookAround(): void {
        if (!view.visible || view.width <= 0)
            return;
        const top = view.scroller === null ? 0 : view.scroller.mapFromItem(view, 0, 0).y;
        const room = view.scroller === null ? Infinity : view.scroller.height;
        const seeing = [top, room, view.height, rows.count, view.width].join();
        if (seeing === view.seen)
            return;
        view.seen = seeing;
        let y = top;
        let grown = 0; // by rows above what is looked at
        for (let number = 0; number < rows.count; ++number) {
            const row = rows.itemAt(number) as MarkdownRow;
            if (row === null)
                continue;
            const before = row.height;
            const bottom = y + before;
            if (bottom > -near && y < room + near)
                row.show();
            else if (row.block !== null && (bottom < -far || y > room + far) && !view.held(row.block))
                row.hide();
            if (y < 0)
                grown += row.height - before;
            y = bottom;
        }
        view.keep(grown);
        if (view.unsure())
            later.start();
    }
    // Heights that were only estimated, once there is time. Above what is in sight, they would push it.
    function measure(): void {
        const top = view.scroller === null ? 0 : view.scroller.mapFromItem(view, 0, 0).y;
        let y = top;
        let grown = 0;
        for (let number = 0; number < rows.count; ++number) {
            const row = rows.itemAt(number) as MarkdownRow;
            if (row === null)
                continue;
            const before = row.height;
            if (row.block === null && !row.sure)
                row.measure();
            if (y < 0 && y + before <= 0)
                grown += row.height - before;
            y += before;
        }
        view.keep(y > 0 ? grown : 0);
        if (view.unsure())
            later.start();
    }
    // What is looked at stays where it is.
    function keep(grown: real): void {
        if (grown !== 0 && view.scroller !== null) {
            view.forceLayout();
            view.scroller.contentY += grown;
        }
    }
    function unsure(): bool {
        for (let number = 0; number < rows.count; ++number) {
            const row = rows.itemAt(number) as MarkdownRow;
            if (row !== null && row.block === null && !row.sure)
                return true;
        }
        return false;
    }
    // A person is in the middle of something there.
    function held(block: var): bool {
        return block.chosen || block.written.activeFocus || block.activeFocus;
    }
    function find(): void {
        let item = view.parent;
        while (item !== null && !(item instanceof Flickable))
            item = item.parent;
        view.scroller = item as Flickable;
    }

    readonly property real near: 120
    readonly property real far: 600

    spacing: 0
    onDocumentChanged: view.seen = ""
    onParentChanged: view.find()
    Component.onCompleted: view.find()

    Connections {
        target: view.Window.window
        function onAfterAnimating(): void {
            view.lookAround();
        }
    }
    Timer {
        id: later
        interval: 30
        onTriggered: view.measure()
    }
    Repeater {
        id: rows
        model: view.document
        delegate: MarkdownRow {
            message: view
            width: view.width
        }
        onItemAdded: {
            view.seen = "";
            Qt.callLater(view.lookAround);
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
