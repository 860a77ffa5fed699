// The messages. It stays at the end while an answer is written, unless the person has scrolled up.
pragma ComponentBehavior: Bound
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."
import "../components"

Item {
    id: root

    required property var app
    required property var chat
    required property real column

    function near(): bool {
        return list.contentHeight <= list.height || list.contentY + list.height >= list.originY + list.contentHeight - 24;
    }
    // The person has moved the view. Looked at when its layout is done: in between, heights and places do not fit.
    function looked(): void {
        Qt.callLater(root.look);
    }
    function look(): void {
        list.forceLayout();
        list.sticky = near() && !list.leaving;
        if (!near())
            list.leaving = false;
        if (list.contentY - list.originY < 2 * list.height && root.chat.moreAbove)
            root.chat.loadOlder();
    }
    function toEnd(): void {
        list.sticky = true;
        list.leaving = false;
        list.positionViewAtEnd();
    }
    function toBeginning(): void {
        list.sticky = false;
        list.positionViewAtBeginning();
        looked();
    }
    function page(step: int): void {
        const top = list.originY;
        const bottom = Math.max(top, list.originY + list.contentHeight - list.height);
        if (step < 0)
            list.sticky = list.contentHeight <= list.height; // before the view moves, as with the wheel
        list.contentY = Math.min(bottom, Math.max(top, list.contentY + step * (list.height - 40)));
        looked();
    }
    function step(by: int): void {
        const start = list.currentIndex < 0 ? list.count - (by < 0 ? 0 : 1) : list.currentIndex;
        list.currentIndex = Math.max(0, Math.min(list.count - 1, start + by));
        list.positionViewAtIndex(list.currentIndex, ListView.Contain);
        frame();
        looked();
    }
    // The current message itself has the keys, and not a button that had them in the list last.
    function frame(): void {
        (list.currentItem ?? list).forceActiveFocus();
    }

    onChatChanged: toEnd()

    ListView {
        id: list

        property bool sticky: true
        property bool leaving // the wheel was turned up, and the view may not have moved yet

        anchors.fill: parent
        model: root.chat.messages
        reuseItems: true
        clip: true
        cacheBuffer: 200
        spacing: 0
        topMargin: Theme.pad
        bottomMargin: Theme.pad
        boundsBehavior: Flickable.StopAtBounds
        pixelAligned: true
        activeFocusOnTab: count > 0 || activeFocus
        highlightFollowsCurrentItem: false
        keyNavigationEnabled: false
        currentIndex: -1
        Accessible.role: Accessible.List
        Accessible.name: qsTr("Messages")
        ScrollBar.vertical: ScrollBar {
            id: bar
        }

        delegate: MessageItem {
            id: entry

            app: root.app
            chat: root.chat
            column: root.column
            current: ListView.isCurrentItem && [list, entry].includes(list.Window.activeFocusItem)
            last: index === list.count - 1
            onTouched: list.currentIndex = index
        }

        onContentHeightChanged: if (sticky) Qt.callLater(list.keepEnd)
        onHeightChanged: if (sticky) Qt.callLater(list.keepEnd)
        onCountChanged: if (sticky) Qt.callLater(list.keepEnd)
        onMovementEnded: root.looked()
        onContentYChanged: if (moving || bar.pressed) root.looked()
        // Only when the list itself was come to, with a key: a current item takes the focus from what was clicked in it.
        onActiveFocusChanged: if (currentIndex < 0 && list.Window.activeFocusItem === list) currentIndex = count - 1

        function keepEnd(): void {
            if (list.sticky)
                list.positionViewAtEnd();
        }

        WheelHandler {
            blocking: false
            // Before the view has moved: an answer that grows meanwhile must not pull it back.
            onWheel: event => {
                list.leaving = (event.angleDelta.y > 0 || event.pixelDelta.y > 0) && list.contentHeight > list.height;
                if (list.leaving)
                    list.sticky = false;
                root.looked();
            }
        }

        Keys.onUpPressed: root.step(-1)
        Keys.onDownPressed: root.step(1)
        Keys.onPressed: event => {
            const item = list.currentItem as MessageItem;
            event.accepted = true;
            if (event.key === Qt.Key_PageUp)
                root.page(-1);
            else if (event.key === Qt.Key_PageDown)
                root.page(1);
            else if (event.key === Qt.Key_Home)
                root.toBeginning();
            else if (event.key === Qt.Key_End)
                root.toEnd();
            else if (item !== null && (event.key === Qt.Key_Menu || event.key === Qt.Key_Return || event.key === Qt.Key_Enter || event.key === Qt.Key_Space))
                item.menu();
            else if (item !== null && event.matches(StandardKey.Copy))
                root.chat.copy(item.message);
            else if (item !== null && item.current && event.key === Qt.Key_Delete) // never what has no frame
                root.chat.remove(item.message);
            else if (item !== null && event.key === Qt.Key_F2)
                item.edit();
            else
                event.accepted = false;
        }

        Connections {
            target: root.chat

            function onSent(): void {
                root.toEnd();
            }
            function onEditWanted(row: int): void {
                list.sticky = false;
                list.currentIndex = row;
                list.positionViewAtIndex(row, ListView.Contain);
                (list.currentItem as MessageItem)?.edit();
            }
            function onFound(row: int): void {
                list.sticky = false;
                list.currentIndex = row;
                list.positionViewAtIndex(row, ListView.Center);
                root.frame();
            }
        }
    }
    Button {
        visible: !list.sticky && !root.near()
        anchors.horizontalCenter: parent.horizontalCenter
        anchors.bottom: parent.bottom
        anchors.bottomMargin: Theme.gap
        text: qsTr("To the newest")
        icon.source: "../../icons/down.svg"
        icon.width: 16 * Theme.zoom
        icon.height: 16 * Theme.zoom
        icon.color: Theme.ink
        onClicked: root.toEnd()
    }
}
