// One segment of a message, with the bars of the quotes and the indentation of the lists it stands in.
pragma ComponentBehavior: Bound
import QtQuick
import ".."

Item {
    id: segment

    required property var message
    required property int index
    required property string kind
    required property int quote
    required property int inset
    required property bool loose
    required property string label
    required property string reading
    required property int columns

    readonly property real gap: index === 0 ? 0 : loose ? Theme.body * 0.7 : Theme.body * 0.2
    readonly property real barStep: Theme.body
    readonly property real shift: inset * Theme.body * 1.75 + quote * barStep

    readonly property real inner: Math.max(40, width - shift)

    implicitHeight: gap + content.height
    height: implicitHeight

    Repeater {
        model: segment.quote
        Rectangle {
            required property int index
            readonly property real along: segment.inset * Theme.body * 1.75 + index * segment.barStep
            x: segment.LayoutMirroring.enabled ? segment.width - along - width : along
            y: segment.loose ? segment.gap : 0
            width: 3
            height: segment.height - y
            color: Theme.faint
        }
    }

    Loader {
        id: content
        x: segment.LayoutMirroring.enabled ? 0 : segment.shift
        y: segment.gap
        width: segment.inner
        sourceComponent: segment.kind === "prose" ? prose : segment.kind === "code" ? code : segment.kind === "table" ? table : rule
    }

    Component {
        id: prose
        ProseBlock { row: segment }
    }
    Component {
        id: code
        CodeBlock { row: segment }
    }
    Component {
        id: table
        TableBlock { row: segment }
    }
    Component {
        id: rule
        Item {
            implicitHeight: Theme.body
            Rectangle {
                anchors.verticalCenter: parent.verticalCenter
                width: parent.width
                height: 1
                color: Theme.faint
            }
        }
    }
}
