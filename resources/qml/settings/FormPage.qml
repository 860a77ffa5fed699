// A page that is nothing but rows of the node's registry.
pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Layouts
import ".."
import "../share"

ColumnLayout {
    id: page

    required property var app
    required property string name

    spacing: Theme.pad

    Loader {
        active: page.name === "sharing"
        visible: active
        Layout.fillWidth: true
        sourceComponent: ApplyLimits {
            share: page.app.share
        }
    }
    Repeater {
        model: page.app.settings.form(page.name)

        FormRow {
            settings: page.app.settings
            Layout.fillWidth: true
            Layout.bottomMargin: Theme.gap
        }
    }
}
