// The limits that the node obeys: the rows of its settings about sharing, but for the model, which is chosen above.
pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."
import "../components"
import "../settings"

Card {
    id: card

    required property var app

    contentItem: ColumnLayout {
        spacing: Theme.pad

        Label {
            text: qsTr("Limits")
            font.pixelSize: Theme.body
            font.weight: Font.DemiBold
            color: Theme.ink
            Accessible.role: Accessible.Heading
        }
        ApplyLimits {
            share: card.app.share
            Layout.fillWidth: true
        }
        Repeater {
            model: card.app.settings.form("sharing")

            FormRow {
                settings: card.app.settings
                visible: key !== "share.model"
                Layout.fillWidth: true
            }
        }
    }
}
