// The shape of a state. Shapes differ, so that nobody has to tell colours apart; the word stands beside it.
import QtQuick
import QtQuick.Shapes
import ".."

Item {
    id: icon

    required property string shape // ring, arc, leaf, pause, down, triangle or check
    property real size: 16 * Theme.zoom

    readonly property color tint: shape === "ring" ? Theme.soft : shape === "pause" ? Theme.warn : shape === "triangle" ? Theme.error : Theme.accent
    readonly property var paths: ({
            ring: "M8 2.5 A5.5 5.5 0 1 0 8 13.5 A5.5 5.5 0 1 0 8 2.5",
            arc: "M8 2.5 A5.5 5.5 0 1 1 2.5 8 M8 5.5 V8 L10 9.5",
            leaf: "M3.2 12.8 C0.8 6.4 5.4 2.6 14 2 C14 10.2 10 15 3.2 12.8 Z",
            pause: "M5.2 3 V13 M10.8 3 V13",
            down: "M8 2.2 V9.8 M4.4 6.6 L8 10.2 L11.6 6.6 M3.4 13.6 H12.6",
            triangle: "M8 2 L14.6 13.6 H1.4 Z M8 6.4 V9.2 M8 11.3 V11.5",
            check: "M2.8 8.6 L6.4 12.2 L13.2 4.4"
        })

    implicitWidth: size
    implicitHeight: size
    Accessible.ignored: true

    Shape {
        width: 16
        height: 16
        scale: icon.size / 16
        transformOrigin: Item.TopLeft
        preferredRendererType: Shape.CurveRenderer

        ShapePath {
            strokeColor: icon.tint
            strokeWidth: icon.shape === "pause" ? 2.6 : 1.7
            capStyle: ShapePath.RoundCap
            joinStyle: ShapePath.RoundJoin
            fillColor: icon.shape === "leaf" ? icon.tint : "transparent"

            PathSvg {
                path: icon.paths[icon.shape] ?? icon.paths.ring
            }
        }
        // The vein of the leaf.
        ShapePath {
            strokeColor: icon.shape === "leaf" ? Theme.raised : "transparent"
            strokeWidth: 1.2
            capStyle: ShapePath.RoundCap
            fillColor: "transparent"

            PathSvg {
                path: "M4.6 11.6 C6.4 9 8 7.4 10.6 5.6"
            }
        }
    }
}
