// Below a message: how it ended if it did not simply end, its speed and route, its versions, and what can be done.
pragma ComponentBehavior: Bound
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."
import "../components"

ColumnLayout {
    id: foot

    required property var message
    required property var chat
    property bool active // the pointer or the keyboard is here, or it is the last message
    property bool open // the route is shown
    readonly property bool there: message ? true : false
    readonly property bool question: there && message.question
    readonly property bool writing: there && message.writing

    signal edited
    signal menuWanted(from: Item)

    spacing: 4
    onMessageChanged: open = false

    Outcome {
        visible: text !== ""
        text: foot.there ? foot.message.outcome || foot.message.notice : ""
        kind: foot.there ? (foot.message.outcome !== "" ? foot.message.outcomeKind : "warn") : ""
        canRegenerate: foot.there && foot.message.outcome !== "" && foot.active && foot.chat.canWriteAnew
        Layout.fillWidth: true
        onRegenerated: foot.chat.regenerate(foot.message)
    }
    RowLayout {
        spacing: 2
        layoutDirection: foot.question ? (Application.layoutDirection === Qt.RightToLeft ? Qt.LeftToRight : Qt.RightToLeft) : Application.layoutDirection
        Layout.fillWidth: true

        RouteLine {
            visible: !foot.question && text !== ""
            message: foot.message
            open: foot.open
            Layout.fillWidth: true
            Layout.minimumWidth: 0
            Layout.maximumWidth: implicitWidth
            onClicked: foot.open = !foot.open
        }
        BranchSwitch {
            visible: foot.there && foot.message.branches > 1
            message: foot.message
            enabled: foot.chat.canWriteAnew
            onMoved: step => foot.chat.choose(foot.message, step)
        }
        Row {
            // Kept in place when it is not shown, so that nothing jumps under the pointer.
            opacity: foot.active && !foot.writing ? 1 : 0
            enabled: opacity > 0
            spacing: 0

            FootButton {
                name: qsTr("Copy")
                icon.source: "../../icons/copy.svg"
                onClicked: foot.chat.copy(foot.message)
            }
            FootButton {
                name: foot.question ? qsTr("Edit and ask again") : qsTr("Regenerate")
                icon.source: foot.question ? "../../icons/edit.svg" : "../../icons/again.svg"
                enabled: foot.chat.canWriteAnew
                onClicked: foot.question ? foot.edited() : foot.chat.regenerate(foot.message)
            }
            FootButton {
                id: dots

                name: qsTr("More for this message")
                icon.source: "../../icons/more.svg"
                onClicked: foot.menuWanted(dots)
            }
        }
        Item {
            Layout.fillWidth: true
        }
    }
    Loader {
        active: foot.open && foot.there
        visible: active
        Layout.fillWidth: true
        sourceComponent: RouteView {
            message: foot.message
        }
    }
}
