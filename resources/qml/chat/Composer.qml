// The message box: Enter sends, Shift+Enter breaks the line, it grows to a limit. Below it, who can read along.
pragma ComponentBehavior: Bound
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."
import "../components"

Control {
    id: composer

    property var chats: null
    readonly property var chat: chats !== null ? chats.current : null
    readonly property bool writing: chat !== null && chat.writing

    function focusText(): void {
        area.forceActiveFocus();
    }
    function send(): void {
        if (chat !== null)
            chats.availability.send();
    }
    function take(): void {
        // What was written before the chat was there is its draft now.
        if (area.text !== "" && chat.draft === "" && !area.known)
            chat.draft = area.text;
        area.known = true;
        if (area.text !== chat.draft) {
            area.text = chat.draft;
            area.cursorPosition = area.length;
        }
    }

    topPadding: 6
    bottomPadding: 10
    leftPadding: Theme.pad
    rightPadding: Theme.pad
    onChatsChanged: notes.setSource("ComposerNotes.qml", { chats: composer.chats })
    onChatChanged: if (chat !== null) take()

    Connections {
        target: composer.chat

        function onDraftChanged(): void {
            composer.take();
        }
    }
    contentItem: ColumnLayout {
        spacing: 6

        Loader {
            id: notes

            visible: (item as ComposerNotes)?.needed ?? false
            Layout.fillWidth: true
            Layout.maximumWidth: 800 * Theme.zoom
            Layout.alignment: Qt.AlignHCenter
        }
        RowLayout {
            spacing: Theme.gap
            Layout.fillWidth: true
            Layout.maximumWidth: 800 * Theme.zoom
            Layout.alignment: Qt.AlignHCenter

            ScrollView {
                id: scroll

                focus: true // the box has the keys from the first frame on
                Layout.fillWidth: true
                Layout.preferredHeight: Math.min(area.implicitHeight, 180 * Theme.zoom)
                ScrollBar.horizontal.policy: ScrollBar.AlwaysOff
                ScrollBar.vertical.policy: area.implicitHeight > 180 * Theme.zoom ? ScrollBar.AsNeeded : ScrollBar.AlwaysOff
                background: Rectangle {
                    radius: Theme.radius
                    color: Theme.field
                    border.width: area.activeFocus ? 2 : 1
                    border.color: area.activeFocus ? Theme.accent : Theme.faint
                }

                TextArea {
                    id: area

                    property bool known // a chat has this text as its draft

                    focus: true
                    wrapMode: TextEdit.Wrap
                    textFormat: TextEdit.PlainText
                    font.pixelSize: Theme.body
                    padding: 10
                    leftPadding: 12
                    background: null
                    placeholderText: composer.chat !== null && composer.chat.modelName !== "" ? qsTr("Message %1").arg(composer.chat.modelName) : qsTr("Write a message")
                    Accessible.name: qsTr("Message")
                    Accessible.description: qsTr("Enter sends, Shift and Enter begin a new line")
                    onTextChanged: {
                        if (composer.chat !== null && known)
                            composer.chat.draft = text;
                    }
                    // The box takes this key from the page, also when it has nothing to undo.
                    Keys.onPressed: event => {
                        event.accepted = event.matches(StandardKey.Undo) && !canUndo && composer.chats !== null && composer.chats.undo.text !== "";
                        if (event.accepted)
                            composer.chats.undo.take();
                    }
                    Keys.onReturnPressed: event => area.enter(event)
                    Keys.onEnterPressed: event => area.enter(event)

                    function enter(event: var): void {
                        if (event.modifiers & (Qt.ShiftModifier | Qt.AltModifier) || area.inputMethodComposing) {
                            event.accepted = false;
                            return;
                        }
                        event.accepted = true;
                        composer.send();
                    }
                }
            }
            IconButton {
                id: button

                readonly property bool stops: composer.writing

                name: stops ? (composer.chat.stopping ? qsTr("Stopping") : qsTr("Stop the answer")) : qsTr("Send")
                shortcut: stops ? qsTr("Esc") : qsTr("Enter")
                icon.source: stops ? "../../icons/stop.svg" : "../../icons/send.svg"
                icon.color: enabled ? Theme.accentInk : Theme.soft
                enabled: stops ? !composer.chat.stopping : composer.chat !== null && composer.chats.availability.canAsk
                implicitWidth: 40 * Theme.zoom
                implicitHeight: 40 * Theme.zoom
                Layout.alignment: Qt.AlignBottom
                background: Rectangle {
                    radius: width / 2
                    color: !button.enabled ? Theme.control : button.down ? Qt.darker(Theme.accent, 1.15) : Theme.accent
                    border.width: button.visualFocus ? 3 : button.enabled ? 0 : 1
                    border.color: button.visualFocus ? Theme.ink : Theme.faint
                }
                onClicked: stops ? composer.chat.stop() : composer.send()
            }
        }
        Label {
            // The sentence that must be read before the first message, and stays where it can be read after it.
            visible: text !== ""
            text: composer.chats === null || composer.chat.model === "" ? "" : composer.chats.availability.privacy
            textFormat: Text.PlainText
            font.pixelSize: Theme.small
            color: composer.chat !== null && composer.chat.fresh && !composer.chats.availability.private ? Theme.ink : Theme.soft
            wrapMode: Text.Wrap
            horizontalAlignment: Text.AlignHCenter
            Layout.fillWidth: true
            Layout.maximumWidth: 800 * Theme.zoom
            Layout.alignment: Qt.AlignHCenter
        }
    }
}
