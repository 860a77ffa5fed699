// How far sharing is on its way, with rate and time left.
import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."

ColumnLayout {
    id: progress

    required property var app

    spacing: 4

    ProgressBar {
        Layout.fillWidth: true
        indeterminate: progress.app.share.fraction < 0
        value: Math.max(0, progress.app.share.fraction)
        Accessible.name: progress.app.share.text
        Accessible.description: progress.app.share.progressText
    }
    Label {
        Layout.fillWidth: true
        visible: text !== ""
        text: progress.app.share.progressText
        textFormat: Text.PlainText
        color: Theme.soft
        font.pixelSize: Theme.small
        font.features: ({
                "tnum": 1
            })
        wrapMode: Text.Wrap
    }
}
