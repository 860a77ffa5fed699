// The first minute, in at most three screens: what Meadow is and what to do first, an address, who can read what.
pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."

Page {
    id: page

    required property var app

    readonly property var first: app.onboarding

    padding: 0
    focus: true
    background: Rectangle {
        color: Theme.surface
    }
    Keys.onEscapePressed: page.first.step === "choose" ? page.first.skip() : page.first.back()

    ScrollView {
        id: scroll

        anchors.fill: parent
        contentWidth: availableWidth
        clip: true

        Item {
            width: scroll.availableWidth
            implicitHeight: Math.max(scroll.availableHeight, screen.implicitHeight + 4 * Theme.pad)

            Loader {
                id: screen

                anchors.centerIn: parent
                width: Math.min(parent.width - 4 * Theme.pad, 560 * Theme.zoom)
                source: page.first.step === "join" ? "JoinScreen.qml" : page.first.step === "readers" ? "ReadersScreen.qml" : "ChooseScreen.qml"
                onLoaded: (item as Screen).first = page.first
            }
        }
    }
}
