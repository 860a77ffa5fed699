// Below a message: how it ended if it did not simply end, its speed and route, its versions, and what can be done.
pragma ComponentBehavior: Bound
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."
import "../components"

ColumnLayout {
    id: foot

    required property var app
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

    // What few messages have is made only for those: a history is scrolled through these.
    Loader {
        readonly property string text: foot.there ? foot.message.outcome || foot.message.notice : ""

        active: text !== ""
        visible: active
        Layout.fillWidth: true
        sourceComponent: Outcome {
            text: foot.there ? foot.message.outcome || foot.message.notice : ""
            kind: foot.there ? (foot.message.outcome !== "" ? foot.message.outcomeKind : "warn") : ""
            canRegenerate: foot.there && foot.message.outcome !== "" && foot.active && foot.chat.canWriteAnew
            code: foot.there ? foot.message.errorCode : ""
            demoMissing: foot.app.chat.availability.demoMissing
            demoBusy: foot.app.chat.availability.demoBusy
            onRegenerated: foot.chat.regenerate(foot.message)
            onDemoWanted: foot.app.chat.availability.startDemo()
            onEdited: foot.chat.editQuestion(foot.message)
            onNewChatWanted: foot.app.chat.newChat()
        }
    }
    RowLayout {
        spacing: 2
        layoutDirection: foot.question ? (Application.layoutDirection === Qt.RightToLeft ? Qt.LeftToRight : Qt.RightToLeft) : Application.layoutDirection
        Layout.fillWidth: true

        Loader {
            id: route

            active: foot.there && !foot.question
            visible: active && (item as RouteLine).text !== ""
            Layout.fillWidth: true
            Layout.minimumWidth: 0
            Layout.maximumWidth: Math.ceil(implicitWidth) + 1 // a part of a pixel less would cut the line
            sourceComponent: RouteLine {
                message: foot.message
                open: foot.open
                onClicked: foot.open = !foot.open
            }
        }
        Loader {
            active: foot.there && foot.message.branches > 1
            visible: active
            sourceComponent: BranchSwitch {
                message: foot.message
                enabled: foot.chat.canWriteAnew
                onMoved: step => foot.chat.choose(foot.message, step)
            }
        }
        Loader {
            // Made when they are first wanted; kept in place when they are not shown, so that nothing jumps under the
            // pointer.
            readonly property bool wanted: foot.active && !foot.writing

            onWantedChanged: active = active || wanted
            Component.onCompleted: active = wanted
            active: false
            opacity: wanted ? 1 : 0
            enabled: opacity > 0
            Layout.preferredWidth: 3 * 28 * Theme.zoom
            Layout.preferredHeight: 28 * Theme.zoom
            sourceComponent: Row {
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
