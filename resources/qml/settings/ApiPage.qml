// How other programs use this node: address, token, and the few settings of it.
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."

ColumnLayout {
    id: page

    required property var app
    required property string name

    spacing: Theme.pad

    Label {
        Layout.fillWidth: true
        text: qsTr("Programs made for OpenAI's API can use the models of the swarm through this address. Only programs on this machine can reach it.")
        textFormat: Text.PlainText
        wrapMode: Text.Wrap
    }
    Fact {
        Layout.fillWidth: true
        settings: page.app.settings
        label: qsTr("Base URL")
        value: page.app.settings.baseUrl
        about: value.length > 0 ? qsTr("Many programs call it OPENAI_BASE_URL.") : qsTr("The node does not run.")
    }
    Fact {
        Layout.fillWidth: true
        settings: page.app.settings
        opens: true
        label: qsTr("File with the token")
        value: page.app.settings.tokenFile
        about: qsTr("Its content is what programs call the API key. Whoever has it may use your node: treat it like a password. For a new one, quit Meadow, delete the file, and start Meadow.")
    }
    FormPage {
        Layout.fillWidth: true
        Layout.topMargin: Theme.gap
        app: page.app
        name: page.name
    }
}
