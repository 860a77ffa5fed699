// The first minute, in at most three screens: what Meadow is and what to do first, an address, who can read what.
pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Controls
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

    Flickable {
        id: view

        anchors.fill: parent
        contentWidth: width
        contentHeight: Math.max(height, screen.implicitHeight + 4 * Theme.pad)
        boundsBehavior: Flickable.StopAtBounds
        clip: true
        ScrollBar.vertical: ScrollBar {}

        Loader {
            id: screen

            x: (view.contentWidth - width) / 2
            y: (view.contentHeight - implicitHeight) / 2
            width: Math.min(view.width - 4 * Theme.pad, 560 * Theme.zoom)
            focus: true
            source: page.first.step === "join" ? "JoinScreen.qml" : page.first.step === "readers" ? "ReadersScreen.qml" : "ChooseScreen.qml"
            onLoaded: {
                (item as Step).first = page.first;
                screen.forceActiveFocus(Qt.TabFocusReason); // to what of it has the focus, and it shows that
            }
        }
    }
}
