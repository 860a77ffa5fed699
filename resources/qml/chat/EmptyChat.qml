// A chat without a message: three things to ask.
pragma ComponentBehavior: Bound
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."
import "../components"

Item {
    id: empty

    required property var chats
    readonly property var chat: chats.current
    // The bundled model speaks English alone, and of little but Meadow: these it answers well, so nobody translates them.
    readonly property var ofMeadow: ["How does Meadow work?", "Who can read what I write?", "What happens when a server leaves?"]
    readonly property var general: [
        qsTr("Why is the sky dark at night if there are stars in every direction?"),
        qsTr("Write a polite reminder that the rent was due last week."),
        qsTr("Explain a hash table with a small example in Python.")
    ]

    readonly property bool answered: chats.availability.canAnswer
    readonly property bool looking: chats.availability.looking

    signal suggested

    EmptyState {
        anchors.centerIn: parent
        width: Math.min(parent.width - 2 * Theme.pad, 560 * Theme.zoom)
        title: empty.answered ? qsTr("What would you like to know?") : empty.looking ? qsTr("Looking for models that are up") : qsTr("This model is not up now")
        text: empty.answered ? qsTr("You are asking %1.").arg(empty.chat.modelName) : empty.looking ? qsTr("You can write already. It is sent as soon as somebody can answer.") : qsTr("Choose another model above, or wait until somebody serves all of it.")

        GridLayout {
            columns: empty.width > 620 * Theme.zoom ? 3 : 1
            columnSpacing: Theme.gap
            rowSpacing: Theme.gap

            Repeater {
                model: !empty.answered ? [] : empty.chats.availability.demo ? empty.ofMeadow : empty.general

                Button {
                    id: suggestion

                    required property string modelData

                    text: modelData
                    Layout.fillWidth: true
                    Layout.preferredWidth: 170 * Theme.zoom
                    Layout.fillHeight: true
                    padding: 12
                    contentItem: Label {
                        text: suggestion.text
                        wrapMode: Text.Wrap
                        font.pixelSize: Theme.small
                        verticalAlignment: Text.AlignVCenter
                    }
                    onClicked: {
                        empty.chat.suggest(modelData);
                        empty.suggested();
                    }
                }
            }
        }
    }
}
