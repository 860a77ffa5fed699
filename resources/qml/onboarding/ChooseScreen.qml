import QtQuick
import QtQuick.Layouts

Step {
    id: screen

    title: qsTr("Welcome to Meadow")
    text: qsTr("Meadow runs language models that are too large for one computer: many people's computers each hold a part, and yours holds the two ends. There is no account, and nothing is shared or uploaded before you say so.")

    Option {
        Layout.fillWidth: true
        focus: true
        suggested: true
        text: qsTr("Chat with the demo on this computer")
        about: qsTr("A very small model, to see how it works. It needs no network.")
        onClicked: screen.first.chooseDemo()
    }
    Option {
        Layout.fillWidth: true
        text: qsTr("Join a swarm")
        about: qsTr("Somebody gave you the address of a swarm: chat with its models.")
        onClicked: screen.first.chooseJoin()
    }
    Option {
        Layout.fillWidth: true
        text: qsTr("Look around first")
        about: qsTr("You can do all of this later, and share this computer when you like.")
        onClicked: screen.first.skip()
    }
}
