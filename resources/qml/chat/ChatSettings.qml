// What the model is told before the chat, and how daring its answers are.
pragma ComponentBehavior: Bound
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."
import "../components"

Popup {
    id: panel

    required property var chat
    readonly property var sampling: chat.sampling

    parent: Overlay.overlay
    anchors.centerIn: parent
    modal: true
    focus: true
    padding: Theme.pad
    width: Math.min(520 * Theme.zoom, (parent ? parent.width : 480) - 2 * Theme.pad)
    height: Math.min(body.implicitHeight + 2 * padding, (parent ? parent.height : 600) - 2 * Theme.pad)
    onAboutToShow: prompt.text = chat.systemPrompt
    onAboutToHide: chat.setSystemPrompt(prompt.text)
    background: Rectangle {
        color: Theme.surface
        radius: Theme.radius
        border.color: Theme.faint
    }
    contentItem: ScrollView {
        id: scroll

        contentWidth: availableWidth
        clip: true
        ScrollBar.horizontal.policy: ScrollBar.AlwaysOff

        ColumnLayout {
            id: body

            width: scroll.availableWidth
            spacing: 10

            RowLayout {
                Layout.fillWidth: true

                Label {
                    text: qsTr("Instructions and style")
                    font.pixelSize: Theme.body * 1.15
                    font.weight: Font.DemiBold
                    wrapMode: Text.Wrap
                    Layout.fillWidth: true
                    Accessible.role: Accessible.Heading
                }
                IconButton {
                    name: qsTr("Close")
                    icon.source: "../../icons/close.svg"
                    onClicked: panel.close()
                }
            }
            Label {
                text: qsTr("What the model is told before the chat (system prompt)")
                font.pixelSize: Theme.small
                color: Theme.soft
                wrapMode: Text.Wrap
                Layout.fillWidth: true
            }
            ScrollView {
                Layout.fillWidth: true
                Layout.preferredHeight: 110 * Theme.zoom
                ScrollBar.horizontal.policy: ScrollBar.AlwaysOff
                background: Rectangle {
                    radius: 6
                    color: Theme.field
                    border.width: prompt.activeFocus ? 2 : 1
                    border.color: prompt.activeFocus ? Theme.accent : Theme.faint
                }

                TextArea {
                    id: prompt

                    wrapMode: TextEdit.Wrap
                    textFormat: TextEdit.PlainText
                    background: null
                    padding: 8
                    placeholderText: qsTr("For example: You are a patient teacher. Answer in two paragraphs.")
                    Accessible.name: qsTr("System prompt")
                    KeyNavigation.priority: KeyNavigation.BeforeItem
                    KeyNavigation.tab: presets
                }
            }
            Label {
                text: qsTr("Style of the answers")
                font.pixelSize: Theme.small
                color: Theme.soft
                Layout.fillWidth: true
            }
            Flow {
                id: presets

                spacing: Theme.gap
                activeFocusOnTab: false
                Layout.fillWidth: true

                Repeater {
                    model: [
                        { preset: "precise", text: qsTr("Precise") },
                        { preset: "balanced", text: qsTr("Balanced") },
                        { preset: "creative", text: qsTr("Creative") },
                        { preset: "custom", text: qsTr("Custom") }
                    ]

                    RadioButton {
                        required property var modelData

                        text: modelData.text
                        checked: panel.sampling.preset === modelData.preset
                        onClicked: panel.sampling.choose(modelData.preset)
                    }
                }
            }
            Label {
                text: panel.sampling.preset === "precise" ? qsTr("Stays close to the likeliest words: for facts and code.")
                    : panel.sampling.preset === "balanced" ? qsTr("What the makers of the model advise.")
                    : panel.sampling.preset === "creative" ? qsTr("Takes surprising words more often: for stories and ideas.")
                    : qsTr("Leave a field empty to take what the makers of the model advise.")
                font.pixelSize: Theme.small
                color: Theme.soft
                wrapMode: Text.Wrap
                Layout.fillWidth: true
            }
            Label {
                visible: text !== ""
                text: panel.sampling.trouble
                textFormat: Text.PlainText
                color: Theme.error
                font.pixelSize: Theme.small
                wrapMode: Text.Wrap
                Layout.fillWidth: true
            }
            Repeater {
                model: panel.sampling.preset === "custom" ? panel.sampling.fields.length : 0

                SamplingField {
                    required property int index

                    sampling: panel.sampling
                    row: panel.sampling.fields[index]
                    Layout.fillWidth: true
                }
            }
        }
    }
}
