// Colours, distances and font sizes: the only place that knows them. Main.qml sets the scheme and the zoom.
pragma Singleton
import QtQuick

QtObject {
    // "light" or "dark" is the person's wish; anything else follows the system, live.
    property string scheme: "system"
    property real zoom: 1

    readonly property bool dark: scheme === "dark"
        || (scheme !== "light" && Application.styleHints.colorScheme === Qt.ColorScheme.Dark)

    readonly property color accent: dark ? "#7FC08A" : "#2E7D43"
    readonly property color accentSoft: dark ? "#26352A" : "#E9F4EB" // behind what is chosen, and behind a question
    readonly property color accentInk: dark ? "#0F2013" : "#FFFFFF"
    readonly property color ink: dark ? "#E8ECE8" : "#1C211D"
    readonly property color soft: dark ? "#A0AAA2" : "#5C665F"
    readonly property color faint: dark ? "#353A36" : "#DDE2DB"
    readonly property color line: dark ? "#484E49" : "#C6CEC4" // around what can be used
    readonly property color surface: dark ? "#1B1C1B" : "#FFFFFF"
    readonly property color raised: dark ? "#242624" : "#F5F7F4"
    readonly property color sidebar: dark ? "#202120" : "#F3F5F2"
    readonly property color field: dark ? "#161716" : "#FFFFFF" // where people write
    readonly property color control: dark ? "#2E312E" : "#FAFBF9" // buttons
    readonly property color warn: dark ? "#E0AE55" : "#8A5A00"
    readonly property color error: dark ? "#F2938C" : "#B3261E"

    readonly property real gap: 8
    readonly property real pad: 16
    readonly property real radius: 10
    readonly property real small: 12 * zoom
    readonly property real body: 14 * zoom
    readonly property real title: 20 * zoom
}
