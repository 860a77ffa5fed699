// Where things are and how large they are.
pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."

ColumnLayout {
    id: page

    required property var app
    required property string name

    function size(bytes: real): string {
        if (bytes < 0)
            return qsTr("counting…");
        if (bytes < 1e6)
            return qsTr("%L1 kB").arg(Math.ceil(bytes / 1e3));
        return bytes < 1e9 ? qsTr("%L1 MB").arg(Math.round(bytes / 1e6)) : qsTr("%L1 GB").arg(Math.round(bytes / 1e8) / 10);
    }

    spacing: Theme.pad
    Component.onCompleted: app.settings.countSizes()

    Repeater {
        model: page.app.settings.places

        Fact {
            required property var modelData

            Layout.fillWidth: true
            Layout.bottomMargin: Theme.gap
            settings: page.app.settings
            opens: true
            label: qsTr("%1: %2").arg(modelData.name).arg(page.size(modelData.bytes))
            value: modelData.path
            about: modelData.about
        }
    }
    Button {
        text: qsTr("Count again")
        onClicked: page.app.settings.countSizes()
    }
}
