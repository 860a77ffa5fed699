// Limits count when sharing begins. While something is shared, this takes the new ones over.
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."

ColumnLayout {
    id: root

    required property var share

    spacing: Theme.gap

    Label {
        text: root.share.canApply ? qsTr("A change counts the next time that sharing begins, or now: whoever is using this computer then has a minute to finish.") : qsTr("A change counts the next time that sharing begins.")
        font.pixelSize: Theme.small
        color: Theme.soft
        wrapMode: Text.Wrap
        Layout.fillWidth: true
    }
    Button {
        visible: root.share.canApply
        text: qsTr("Apply now")
        Accessible.description: qsTr("Begins to share again, with these limits")
        onClicked: root.share.applyNow()
    }
}
