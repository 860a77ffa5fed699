// Which model is asked, how much of it is up, how full its context is, and what can be done with the whole chat.
pragma ComponentBehavior: Bound
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."
import "../components"
import "../models"

Pane {
    id: header

    required property var app
    required property var chats
    readonly property var chat: chats.current
    readonly property var availability: chats.availability
    readonly property bool tight: width < 620 * Theme.zoom

    topPadding: 10
    bottomPadding: 10
    leftPadding: Theme.pad
    rightPadding: 10
    background: Rectangle {
        color: Theme.surface

        Rectangle {
            width: parent.width
            height: 1
            anchors.bottom: parent.bottom
            color: Theme.faint
        }
    }
    contentItem: RowLayout {
        spacing: 10

        ModelPicker {
            app: header.app
            purpose: "chat"
            current: header.chat.model
            Layout.preferredWidth: Math.max(200 * Theme.zoom, Math.min(340 * Theme.zoom, implicitWidth))
            Layout.maximumWidth: Layout.preferredWidth
            Layout.fillWidth: header.tight // elsewhere the name is shown whole, and what is beside it gives way
            Layout.minimumWidth: 110
            onChosen: model => header.chat.chooseModel(model)
        }
        UpMark {
            kind: header.availability.upKind
            visible: header.chat.model !== ""
        }
        Label {
            visible: !header.tight && header.chat.model !== ""
            text: header.availability.upText
            textFormat: Text.PlainText
            font.pixelSize: Theme.small
            color: Theme.soft
            elide: Text.ElideRight
            Layout.fillWidth: true
        }
        Item {
            visible: header.tight || header.chat.model === ""
            Layout.fillWidth: true
        }
        ContextMeter {
            visible: header.chat.contextText !== "" && (full || header.width > 420 * Theme.zoom)
            chat: header.chat
            short: header.width < 780 * Theme.zoom
        }
        IconButton {
            name: qsTr("Who could read this chat")
            icon.source: "../../icons/people.svg"
            onClicked: readers.show()
        }
        IconButton {
            name: qsTr("Instructions and style")
            icon.source: "../../icons/tune.svg"
            onClicked: settings.show()
        }
        IconButton {
            id: more

            name: qsTr("More")
            icon.source: "../../icons/more.svg"
            onClicked: menu.popup(more, 0, more.height)

            ChatMenu {
                id: menu

                app: header.app
                chats: header.chats
                chatId: header.chat.chatId
                chatTitle: header.chat.title
            }
        }
    }
    LatePopup {
        id: readers

        sourceComponent: ReadersPanel {
            chats: header.chats
        }
    }
    LatePopup {
        id: settings

        sourceComponent: ChatSettings {
            chat: header.chat
        }
    }
}
