// One chat in the list; a mark shows that it is being answered.
pragma ComponentBehavior: Bound
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."

ItemDelegate {
    id: row

    required property int index
    required property string key
    required property string title
    required property bool writing
    required property var app
    required property var chats
    required property bool current
    readonly property bool open: chats.currentId === key

    signal chosen

    function choose(): void {
        chosen();
    }
    function menu(): void {
        late.active = true;
        (late.item as ChatMenu).popup(row, row.width / 2, row.height);
    }
    function rename(): void {
        late.active = true;
        (late.item as ChatMenu).dialog("RenameDialog.qml", { chats: row.chats, chatId: row.key, before: row.title });
    }

    width: ListView.view ? ListView.view.width : 0
    height: 34 * Theme.zoom
    leftPadding: 8
    rightPadding: 8
    text: title
    focusPolicy: Qt.NoFocus
    Accessible.name: writing ? qsTr("%1, is being answered").arg(title) : title
    Accessible.selected: open
    onClicked: choose()
    ListView.onPooled: late.active = false
    background: Rectangle {
        radius: 8
        color: row.open ? Theme.accentSoft : row.hovered || row.down ? Theme.faint : "transparent"
        border.width: row.current ? 2 : 0
        border.color: Theme.accent
    }
    contentItem: RowLayout {
        spacing: 6

        Label {
            text: row.title
            textFormat: Text.PlainText
            font.pixelSize: Theme.body
            font.weight: row.open ? Font.DemiBold : Font.Normal
            elide: Text.ElideRight
            Layout.fillWidth: true
        }
        WritingMark {
            visible: row.writing
        }
    }
    TapHandler {
        acceptedButtons: Qt.RightButton
        onTapped: row.menu()
    }
    Loader {
        id: late

        active: false
        sourceComponent: ChatMenu {
            app: row.app
            chats: row.chats
            chatId: row.key
            chatTitle: row.title
        }
    }
}
