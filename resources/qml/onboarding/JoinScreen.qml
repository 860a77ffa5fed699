import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."

Step {
    id: screen

    title: qsTr("Join a swarm")
    text: qsTr("Paste the address of one of its peers. Whoever runs the swarm can tell you; it begins with a slash.")

    TextField {
        id: address

        Layout.fillWidth: true
        focus: true
        maximumLength: 400
        placeholderText: "/ip4/192.0.2.7/tcp/31337/p2p/12D3Koo…"
        inputMethodHints: Qt.ImhNoPredictiveText | Qt.ImhNoAutoUppercase
        Accessible.name: qsTr("Address of a peer")
        Accessible.description: problem.visible ? problem.text : ""
        onAccepted: screen.first.join(text)
    }
    Label {
        id: problem

        Layout.fillWidth: true
        visible: text.length > 0
        text: screen.first !== null && screen.first.error.length > 0 ? "⚠ " + screen.first.error : ""
        textFormat: Text.PlainText
        color: Theme.error
        wrapMode: Text.Wrap
        Accessible.role: Accessible.AlertMessage
    }
    Flow {
        Layout.fillWidth: true
        spacing: Theme.gap

        Button {
            text: qsTr("Join")
            highlighted: true
            enabled: address.text.trim().length > 0 && screen.first !== null && !screen.first.busy
            onClicked: screen.first.join(address.text)
        }
        Button {
            text: qsTr("Back")
            onClicked: screen.first.back()
        }
    }
}
