// One message: a question in its bubble, or an answer with what is known of it below. Items are used again while
// scrolling, so nothing here may keep what belongs to one message.
pragma ComponentBehavior: Bound
import QtQuick
import ".."

Item {
    id: cell

    required property int index
    required property var message
    required property var app
    required property var chat
    required property real column
    required property bool current
    required property bool last
    property var held: null // the message whose text is in blocks because of this item
    property bool editing

    signal touched

    function hold(): void {
        if (cell.held === cell.message)
            return;
        release();
        cell.held = cell.message;
        if (cell.held)
            cell.held.shown();
    }
    function release(): void {
        if (cell.held)
            cell.held.hidden();
        cell.held = null;
        cell.editing = false;
    }
    function menu(): void {
        cell.popup(content, content.width / 2, Math.min(content.height, 60));
    }
    // The menu is made when it is first wanted: it costs more than the rest of the item.
    function popup(from: Item, x: real, y: real): void {
        actions.active = true;
        (actions.item as MessageMenu).popup(from, x, y);
    }
    function edit(): void {
        if (cell.chat.canWriteAnew)
            cell.editing = true;
    }

    width: ListView.view ? ListView.view.width : 0
    implicitHeight: content.height + (message && message.question ? 2 : 18)
    height: implicitHeight
    Accessible.role: Accessible.ListItem
    Accessible.name: (message ? message.question ? qsTr("You") : qsTr("Answer") : "") + (message && message.branches > 1 ? ", " + qsTr("version %1").arg(message.branchText) : "")
    Accessible.selected: current

    Component.onCompleted: hold()
    Component.onDestruction: release()
    ListView.onPooled: release()
    ListView.onReused: hold()
    onMessageChanged: if (held) hold()

    HoverHandler {
        id: hover
    }
    TapHandler {
        acceptedButtons: Qt.RightButton
        onTapped: (point, button) => {
            cell.touched();
            cell.popup(cell, point.position.x, point.position.y);
        }
    }
    Rectangle {
        visible: cell.current
        anchors.fill: content
        anchors.margins: -6
        radius: Theme.radius
        color: "transparent"
        border.width: 2
        border.color: Theme.accent
    }
    Column {
        id: content

        readonly property bool active: hover.hovered || cell.current || cell.last || cell.editing

        width: Math.max(100, cell.column)
        anchors.horizontalCenter: parent.horizontalCenter
        spacing: 6

        Loader {
            width: parent.width
            active: cell.editing
            visible: active
            sourceComponent: EditBox {
                question: cell.message.question
                before: cell.message.wholeText()
                onDone: text => {
                    cell.editing = false;
                    cell.chat.edit(cell.message, text);
                }
                onGiven: cell.editing = false
            }
        }
        Loader {
            width: parent.width
            active: !cell.editing && cell.message
            visible: active
            sourceComponent: cell.message && cell.message.question ? question : answer
        }
        MessageFoot {
            width: parent.width
            visible: !cell.editing
            app: cell.app
            message: cell.message
            chat: cell.chat
            active: content.active
            onEdited: cell.edit()
            onMenuWanted: from => cell.popup(from, 0, from.height)
        }
    }
    Component {
        id: question

        QuestionBubble {
            message: cell.message
        }
    }
    Component {
        id: answer

        AnswerText {
            message: cell.message
        }
    }
    Loader {
        id: actions

        active: false
        sourceComponent: MessageMenu {
            chat: cell.chat
            message: cell.message
            onEdited: cell.edit()
        }
    }
}
