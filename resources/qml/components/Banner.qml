// A sentence that matters now, with a shape for its kind, buttons that help, and a way to put it aside.
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."

Control {
    id: banner

    required property string text
    property string kind: "info" // "info", "warn" or "error"
    property bool closable: true
    default property alias actions: buttons.data

    signal closed

    readonly property color tint: kind === "error" ? Theme.error : kind === "warn" ? Theme.warn : Theme.accent

    padding: 10
    Accessible.role: Accessible.AlertMessage
    Accessible.name: text
    background: Rectangle {
        color: Theme.raised
        radius: Theme.radius
        border.color: banner.tint
    }
    contentItem: RowLayout {
        spacing: 10

        Rectangle {
            implicitWidth: 22 * Theme.zoom
            implicitHeight: implicitWidth
            radius: banner.kind === "info" ? width / 2 : 4
            color: banner.tint
            Layout.alignment: Qt.AlignTop

            Label {
                anchors.centerIn: parent
                text: banner.kind === "info" ? "i" : "!"
                color: Theme.dark ? "#141614" : "#FFFFFF"
                font.weight: Font.Bold
                Accessible.ignored: true
            }
        }
        Label {
            text: banner.text
            textFormat: Text.PlainText
            wrapMode: Text.Wrap
            Layout.fillWidth: true
            Layout.alignment: Qt.AlignVCenter
        }
        RowLayout {
            id: buttons

            spacing: Theme.gap
            Layout.alignment: Qt.AlignVCenter
        }
        IconButton {
            visible: banner.closable
            name: qsTr("Close this message")
            icon.source: "../../icons/close.svg"
            Layout.alignment: Qt.AlignTop
            implicitWidth: 26 * Theme.zoom
            implicitHeight: 26 * Theme.zoom
            icon.width: 14 * Theme.zoom
            icon.height: 14 * Theme.zoom
            onClicked: banner.closed()
        }
    }
}
