// A question before something that cannot be taken back. The safe answer has the focus; Esc is that answer too.
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."

Dialog {
    id: dialog

    property string text
    property string yes: qsTr("Yes")
    property string no: qsTr("Cancel")
    readonly property Item safe: noButton

    parent: Overlay.overlay // whoever asks may have no size
    modal: true
    focus: true
    anchors.centerIn: Overlay.overlay
    width: Math.min(440 * Math.max(1, Theme.zoom), (parent ? parent.width : 480) - 2 * Theme.pad)
    padding: Theme.pad
    onOpened: noButton.forceActiveFocus()
    header: null
    background: Rectangle {
        color: Theme.surface
        radius: Theme.radius
        border.color: Theme.faint
    }
    contentItem: ColumnLayout {
        spacing: Theme.gap

        Label {
            text: dialog.title
            textFormat: Text.PlainText
            font.pixelSize: Theme.body * 1.15
            font.weight: Font.DemiBold
            wrapMode: Text.Wrap
            Layout.fillWidth: true
            Accessible.role: Accessible.Heading
        }
        Label {
            text: dialog.text
            textFormat: Text.PlainText
            visible: text !== ""
            wrapMode: Text.Wrap
            Layout.fillWidth: true
        }
        RowLayout {
            spacing: Theme.gap
            Layout.alignment: Qt.AlignRight
            Layout.topMargin: Theme.gap

            Button {
                id: noButton

                text: dialog.no
                visible: text !== ""
                onClicked: dialog.reject()
            }
            Button {
                text: dialog.yes
                highlighted: true
                onClicked: dialog.accept()
            }
        }
    }
}
