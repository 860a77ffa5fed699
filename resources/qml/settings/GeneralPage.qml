// What the app itself keeps: language, colours, text size, notifications, and what closing the window does.
pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."

ColumnLayout {
    id: page

    required property var app
    required property string name

    readonly property var preferences: app.settings.preferences

    spacing: Theme.pad * 1.5

    Choice {
        Layout.fillWidth: true
        label: qsTr("Language")
        options: page.app.settings.languages
        value: page.preferences.language
        onChosen: value => page.preferences.language = value
    }
    Choice {
        Layout.fillWidth: true
        label: qsTr("Colours")
        options: [
            {
                "value": "system",
                "text": qsTr("As the system")
            },
            {
                "value": "light",
                "text": qsTr("Light")
            },
            {
                "value": "dark",
                "text": qsTr("Dark")
            }
        ]
        value: page.preferences.scheme
        onChosen: value => page.preferences.scheme = value
    }
    Choice {
        Layout.fillWidth: true
        label: qsTr("Size of text")
        options: [0.8, 0.9, 1, 1.1, 1.25, 1.5, 1.75, 2].map(zoom => ({
                    "value": zoom,
                    "text": qsTr("%1 %").arg(Math.round(zoom * 100))
                }))
        value: page.preferences.zoom
        otherwise: qsTr("%1 %").arg(Math.round(page.preferences.zoom * 100))
        about: qsTr("Also with %1 and %2.").arg(page.app.settings.shortcuts.text("zoom-in")).arg(page.app.settings.shortcuts.text("zoom-out"))
        onChosen: value => page.preferences.zoom = value
    }
    Choice {
        Layout.fillWidth: true
        label: qsTr("When the window is closed")
        options: [
            {
                "value": "background",
                "text": qsTr("Stay in the tray")
            },
            {
                "value": "quit",
                "text": qsTr("Quit Meadow")
            }
        ]
        value: page.preferences.closing
        about: page.preferences.closing === "quit" ? qsTr("Sharing stops too.") : qsTr("Sharing goes on, and the icon in the tray brings the window back. Where there is no tray, the window stays in the taskbar, made small.")
        onChosen: value => page.preferences.closing = value
    }
    ColumnLayout {
        Layout.fillWidth: true
        spacing: Theme.gap / 2

        CheckBox {
            id: notifications

            Layout.fillWidth: true
            text: qsTr("Notifications")
            checked: page.preferences.notifications
            Accessible.description: hint.text
            onToggled: page.preferences.notifications = checked
        }
        Label {
            id: hint

            Layout.fillWidth: true
            text: qsTr("While the window is hidden: a finished answer, why sharing paused, a problem.")
            textFormat: Text.PlainText
            font.pixelSize: Theme.small
            color: Theme.soft
            wrapMode: Text.Wrap
        }
    }
}
