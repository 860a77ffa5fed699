// The items that show segments of text. To make one costs many times what it costs to show another text in it, so those
// that went out of sight wait here for what comes into sight.
pragma Singleton
pragma ComponentBehavior: Bound
import QtQuick

Item {
    id: pool

    readonly property int most: 24 // of each kind
    property var free: ({ prose: [], code: [], table: [] })

    // What the items show while they wait.
    readonly property QtObject nothing: QtObject {
        readonly property QtObject message: QtObject {
            readonly property QtObject document: null
            readonly property var look: ({})
            function ask(link: string): void {}
        }
        readonly property int index: -1
        readonly property string label: ""
        readonly property string reading: ""
        readonly property int columns: 0
        readonly property real inner: 100
        readonly property real shift: 0
        readonly property real gap: 0
        readonly property bool mirrored: false
    }
    // What a block of code, or a table, has around its text.
    readonly property real codeHead: sample.headHeight
    readonly property real codeMargin: sample.margin
    readonly property real barHeight: sample.barHeight

    function take(kind: string, row: var): Item {
        const waiting = pool.free[kind];
        if (waiting === undefined)
            return null;
        const block = waiting.pop() ?? pool.make(kind);
        block.parent = row;
        block.row = row;
        return block;
    }
    function make(kind: string): Item {
        const component = kind === "prose" ? prose : kind === "code" ? code : table;
        return component.createObject(pool, { row: pool.nothing }) as Item;
    }
    function giveBack(kind: string, block: var): void {
        if (pool.free[kind].length >= pool.most) {
            block.destroy();
            return;
        }
        block.row = pool.nothing;
        block.parent = pool;
        pool.free[kind].push(block);
    }

    visible: false

    CodeBlock {
        id: sample
        row: pool.nothing
    }
    Component {
        id: prose
        ProseBlock {}
    }
    Component {
        id: code
        CodeBlock {}
    }
    Component {
        id: table
        TableBlock {}
    }
}
