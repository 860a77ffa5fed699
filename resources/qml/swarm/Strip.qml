// A model as one thin row of blocks: how strongly each is served, and where nobody does.
pragma ComponentBehavior: Bound

import QtQuick
import ".."

Item {
    id: strip

    required property var values // 0 (nobody) to 1

    readonly property real cell: values.length > 0 ? width / values.length : 0

    LayoutMirroring.enabled: false
    LayoutMirroring.childrenInherit: true
    Accessible.ignored: true

    Repeater {
        model: strip.values

        Rectangle {
            required property int index
            required property real modelData

            x: Math.round(index * strip.cell)
            // Gaps are lower too, so that they are seen without colour.
            y: modelData > 0 ? 0 : strip.height - height
            width: Math.max(1, Math.round((index + 1) * strip.cell) - x - (strip.cell >= 4 ? 1 : 0))
            height: modelData > 0 ? strip.height : strip.height * 0.4
            color: modelData > 0 ? Qt.tint(Theme.raised, Qt.alpha(Theme.accent, modelData)) : Theme.error
        }
    }
}
