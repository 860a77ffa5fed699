// One model in the list: what it is called, whether it is up, and what of it is on this disk.
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."
import "../components"

ItemDelegate {
    id: row

    required property int index
    required property string model
    required property string name
    required property string detail
    required property bool usable
    required property bool healthy
    required property bool canFree

    required property var picker
    required property bool current

    readonly property bool looked: picker.looked === model

    signal lookedAt
    signal freeWanted

    height: implicitHeight
    horizontalPadding: Theme.gap
    verticalPadding: Theme.gap
    text: name
    onClicked: lookedAt()
    Accessible.description: detail
    background: Rectangle {
        radius: 6
        color: row.looked || row.down ? Theme.accentSoft : row.hovered ? Theme.raised : "transparent"
        border.width: row.current ? 2 : 0
        border.color: Theme.accent
    }
    contentItem: RowLayout {
        spacing: Theme.gap

        ColumnLayout {
            spacing: 1
            Layout.fillWidth: true

            Label {
                text: row.name
                textFormat: Text.PlainText
                font.pixelSize: Theme.body
                font.weight: row.looked ? Font.DemiBold : Font.Normal
                color: row.usable ? Theme.ink : Theme.soft
                elide: Text.ElideMiddle
                Layout.fillWidth: true
            }
            Label {
                visible: text !== ""
                text: row.detail
                textFormat: Text.PlainText
                font.pixelSize: Theme.small
                color: Theme.soft
                elide: Text.ElideRight
                Layout.fillWidth: true
            }
        }
        Label {
            visible: row.healthy
            text: "✓"
            color: Theme.accent
            font.pixelSize: Theme.body
            Accessible.ignored: true
        }
        IconButton {
            visible: row.canFree
            name: qsTr("Delete %1 from this disk").arg(row.name)
            icon.source: "../../icons/delete.svg"
            icon.color: Theme.soft
            implicitWidth: 28 * Theme.zoom
            implicitHeight: implicitWidth
            icon.width: 16 * Theme.zoom
            icon.height: 16 * Theme.zoom
            onClicked: row.freeWanted()
        }
    }
}
