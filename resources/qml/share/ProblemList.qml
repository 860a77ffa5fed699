// What went wrong and still matters, each with the one button that helps. Any page may show it.
pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."
import "../components"

ColumnLayout {
    id: list

    required property var app

    readonly property var problems: app.share.problems
    property int most: 4

    // A place of the window that helps: "limits", "models", "disk", "settings" or "token".
    signal asked(place: string, model: string)

    spacing: Theme.gap
    visible: problems.count > 0

    Connections {
        target: list.problems

        function onAsked(place: string, model: string): void {
            list.asked(place, model);
        }
    }

    Repeater {
        model: list.problems.rows

        Banner {
            id: banner

            required property string key
            required property string message
            required property string advice
            required property string action
            required property string label
            required property string other
            required property string times
            required property int index

            visible: index < list.most
            kind: action === "" ? "warn" : "error"
            text: [message, times === "" ? "" : "(" + times + ")", advice].filter(part => part !== "").join(" ")
            Layout.fillWidth: true
            onClosed: list.problems.dismiss(key)

            Button {
                visible: banner.other !== ""
                text: banner.other
                enabled: list.problems.busy !== banner.key
                Accessible.description: banner.message
                onClicked: list.problems.actOtherwise(banner.key)
            }
            Button {
                visible: banner.action !== ""
                text: banner.label
                enabled: list.problems.busy !== banner.key
                Accessible.description: banner.message
                onClicked: list.problems.act(banner.key)
            }
        }
    }
    Label {
        visible: list.problems.count > list.most
        text: qsTr("and %n more", "", list.problems.count - list.most)
        font.pixelSize: Theme.small
        color: Theme.soft
    }

    Dialog {
        id: report

        readonly property string text: list.problems.report

        parent: Overlay.overlay
        anchors.centerIn: parent
        width: Math.min(640 * Theme.zoom, (parent ? parent.width : 480) - 2 * Theme.pad)
        height: Math.min(520 * Theme.zoom, (parent ? parent.height : 480) - 2 * Theme.pad)
        modal: true
        title: qsTr("What the checks found")
        visible: text !== ""
        onClosed: list.problems.closeReport()

        contentItem: ScrollView {
            TextArea {
                readOnly: true
                text: report.text
                textFormat: TextEdit.PlainText
                wrapMode: TextEdit.Wrap
                font.family: "monospace"
                font.pixelSize: Theme.small
                Accessible.name: report.title
            }
        }
        footer: DialogButtonBox {
            Button {
                text: qsTr("Copy")
                onClicked: list.problems.copyReport()
            }
            Button {
                text: qsTr("Close")
                DialogButtonBox.buttonRole: DialogButtonBox.RejectRole
            }
        }
    }
}
