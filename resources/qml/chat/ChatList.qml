// The chats in the sidebar, the last used first, and the search over all of them.
pragma ComponentBehavior: Bound
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."

ColumnLayout {
    id: root

    required property var app
    readonly property var chats: app.chat
    readonly property var searching: chats.searching

    function show(chat: string): void {
        root.app.pageWanted("chat");
        root.chats.open(chat);
    }

    spacing: 4

    TextField {
        id: search

        placeholderText: qsTr("Search chats")
        Accessible.name: qsTr("Search all chats")
        Layout.fillWidth: true
        leftPadding: 10
        onTextChanged: root.searching.query = text
        Keys.onEscapePressed: event => {
            event.accepted = text !== "";
            text = "";
        }
        Keys.onDownPressed: (root.searching.active ? hits : list).forceActiveFocus()
    }
    Label {
        visible: text !== ""
        text: root.searching.active ? (root.searching.problem || (root.searching.nothing ? qsTr("Nothing was found.") : ""))
            : root.chats.problem || (root.chats.none ? qsTr("No chats yet.") : "")
        textFormat: Text.PlainText
        font.pixelSize: Theme.small
        color: Theme.soft
        wrapMode: Text.Wrap
        leftPadding: 8
        rightPadding: 8
        topPadding: 6
        Layout.fillWidth: true
    }
    ListView {
        id: list

        visible: !root.searching.active
        model: root.chats.rows
        clip: true
        activeFocusOnTab: true
        boundsBehavior: Flickable.StopAtBounds
        highlightFollowsCurrentItem: true
        reuseItems: true
        currentIndex: -1
        section.property: "group"
        Layout.fillWidth: true
        Layout.fillHeight: true
        Accessible.role: Accessible.List
        Accessible.name: qsTr("Chats")
        ScrollBar.vertical: ScrollBar {}
        onActiveFocusChanged: if (activeFocus && currentIndex < 0) currentIndex = Math.max(0, root.chats.rows.find(root.chats.currentId))
        onContentYChanged: if (contentY > originY + contentHeight - 2 * height && root.chats.more) root.chats.loadMore()
        Keys.onReturnPressed: if (currentItem) (currentItem as ChatRow).choose()
        Keys.onEnterPressed: if (currentItem) (currentItem as ChatRow).choose()
        Keys.onSpacePressed: if (currentItem) (currentItem as ChatRow).choose()
        Keys.onPressed: event => {
            const row = currentItem as ChatRow;
            event.accepted = row !== null;
            if (row !== null && event.key === Qt.Key_Menu)
                row.menu();
            else if (row !== null && event.key === Qt.Key_Delete)
                root.chats.remove(row.key);
            else if (row !== null && event.key === Qt.Key_F2)
                row.rename();
            else
                event.accepted = false;
        }

        section.delegate: Label {
            required property string section

            text: section
            textFormat: Text.PlainText
            font.pixelSize: Theme.small
            color: Theme.soft
            leftPadding: 8
            topPadding: 10
            bottomPadding: 4
            width: ListView.view ? ListView.view.width : 0
            elide: Text.ElideRight
        }
        delegate: ChatRow {
            app: root.app
            chats: root.chats
            current: ListView.isCurrentItem && list.activeFocus
            onChosen: root.show(key)
        }
    }
    ListView {
        id: hits

        visible: root.searching.active
        model: root.searching.found
        clip: true
        activeFocusOnTab: true
        boundsBehavior: Flickable.StopAtBounds
        currentIndex: -1
        Layout.fillWidth: true
        Layout.fillHeight: true
        Accessible.role: Accessible.List
        Accessible.name: qsTr("Found")
        ScrollBar.vertical: ScrollBar {}
        onActiveFocusChanged: if (activeFocus && currentIndex < 0) currentIndex = 0
        onContentYChanged: if (contentY > originY + contentHeight - 2 * height) root.searching.more()
        Keys.onReturnPressed: if (currentItem) (currentItem as FoundRow).choose()
        Keys.onEnterPressed: if (currentItem) (currentItem as FoundRow).choose()

        delegate: FoundRow {
            current: ListView.isCurrentItem && hits.activeFocus
            onChosen: (chat, message) => {
                root.app.pageWanted("chat");
                if (message === "")
                    root.chats.open(chat);
                else
                    root.chats.openAt(chat, message);
            }
        }
    }
    UndoBar {
        undo: root.chats.undo
        kind: "chat"
        Layout.fillWidth: true
        Layout.topMargin: 4
    }
    Connections {
        target: root.chats.files

        function onDone(text: string): void {
            root.app.notify(text, "info");
        }
        function onFailed(text: string): void {
            root.app.notify(text, "error");
        }
    }
    Shortcut {
        sequences: root.app.settings.shortcuts.keys("search")
        onActivated: {
            search.forceActiveFocus();
            search.selectAll();
        }
    }
}
