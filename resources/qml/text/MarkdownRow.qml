// One segment of a message, with the bars of the quotes and the indentation of the lists it stands in. What shows its
// text is there while it is in sight; else its height is measured, so that nothing moves when it comes.
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
    readonly property bool mirrored: LayoutMirroring.enabled

    property Item block: null
    property real measured: 0
    property bool sure: false

    function show(): void {
        if (segment.block === null)
            segment.block = BlockPool.take(segment.kind, segment);
    }
    function hide(): void {
        const block = segment.block;
        if (block !== null) {
            segment.measured = block.implicitHeight;
            segment.sure = true;
            segment.block = null;
            BlockPool.giveBack(segment.kind, block);
        }
    }
    function measure(): void {
        if (segment.block !== null || segment.width <= 0 || segment.message.document === null)
            return;
        if (segment.kind === "rule") {
            segment.measured = Theme.body;
            segment.sure = true;
            return;
        }
        const code = segment.kind === "code";
        const room = segment.inner - (code ? BlockPool.codeMargin : 0);
        const size = segment.message.document.measure(segment.index, room, segment.message.look);
        segment.sure = size[2] === 1;
        segment.measured = size[0] + (code ? BlockPool.codeHead : 0) + (size[1] > room ? BlockPool.barHeight : 0);
    }

    implicitHeight: gap + (block !== null ? block.implicitHeight : measured)
    height: implicitHeight

    onInnerChanged: segment.measure()
    onReadingChanged: segment.measure()
    Component.onCompleted: segment.measure()
    Component.onDestruction: segment.hide()

    Connections {
        target: segment.message
        function onLookChanged(): void {
            segment.measure();
        }
    }

    Repeater {
        model: segment.quote
        Rectangle {
            required property int index
            readonly property real along: segment.inset * Theme.body * 1.75 + index * segment.barStep
            x: segment.mirrored ? segment.width - along - width : along
            y: segment.loose ? segment.gap : 0
            width: 3
            height: segment.height - y
            color: Theme.faint
        }
    }
    Rectangle {
        visible: segment.kind === "rule"
        x: segment.mirrored ? 0 : segment.shift
        y: segment.gap + Math.round(Theme.body / 2)
        width: segment.inner
        height: 1
        color: Theme.faint
    }
}
