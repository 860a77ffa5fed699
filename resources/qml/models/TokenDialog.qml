// The token for the hub. It goes to the node, which keeps it in a file of its own; it never comes back to a screen.
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."

Dialog {
    id: dialog

    required property var app

    readonly property var models: app.models

    parent: Overlay.overlay
    anchors.centerIn: parent
    width: Math.min(460 * Theme.zoom, (parent ? parent.width : 480) - 2 * Theme.pad)
    padding: Theme.pad
    modal: true
    focus: true
    header: null
    onOpened: field.forceActiveFocus()
    onClosed: field.clear()
    background: Rectangle {
        color: Theme.surface
        radius: Theme.radius
        border.color: Theme.faint
    }

    Connections {
        target: dialog.models

        function onTokenKept(): void {
            dialog.close();
        }
    }

    contentItem: ColumnLayout {
        spacing: Theme.gap

        Label {
            text: qsTr("Token for the hub")
            font.pixelSize: Theme.body * 1.15
            font.weight: Font.DemiBold
            color: Theme.ink
            wrapMode: Text.Wrap
            Layout.fillWidth: true
            Accessible.role: Accessible.Heading
        }
        Label {
            text: qsTr("Some models are only for people whom their owners let in. Make a token that may read in the settings of your account at the hub, and paste it here. It is kept in a file that only you can read, and is sent to the hub alone.")
            font.pixelSize: Theme.small
            color: Theme.soft
            wrapMode: Text.Wrap
            Layout.fillWidth: true
        }
        TextField {
            id: field

            placeholderText: dialog.models.tokenSet ? qsTr("A token is kept; paste another one") : qsTr("Paste the token")
            echoMode: TextInput.Password
            inputMethodHints: Qt.ImhSensitiveData | Qt.ImhNoPredictiveText | Qt.ImhNoAutoUppercase
            font.pixelSize: Theme.body
            maximumLength: 1000
            Accessible.name: qsTr("Token for the hub")
            Layout.fillWidth: true
            onAccepted: keep.clicked()
        }
        Label {
            visible: text !== ""
            text: dialog.models.tokenError === "" ? "" : "⚠ " + dialog.models.tokenError
            textFormat: Text.PlainText
            font.pixelSize: Theme.small
            color: Theme.error
            wrapMode: Text.Wrap
            Layout.fillWidth: true
            Accessible.role: Accessible.AlertMessage
            Accessible.name: dialog.models.tokenError
        }
        RowLayout {
            spacing: Theme.gap
            Layout.topMargin: Theme.gap

            Button {
                visible: dialog.models.tokenSet
                text: qsTr("Forget the token")
                enabled: !dialog.models.tokenBusy
                onClicked: dialog.models.forgetToken()
            }
            Item {
                Layout.fillWidth: true
            }
            Button {
                text: qsTr("Cancel")
                onClicked: dialog.reject()
            }
            Button {
                highlighted: true
                id: keep

                text: qsTr("Keep it")
                enabled: field.text.trim() !== "" && !dialog.models.tokenBusy
                onClicked: if (enabled) dialog.models.setToken(field.text)
            }
        }
    }
}
