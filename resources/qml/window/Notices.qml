// Short messages over the page: what failed, what was done. An error stays until it is closed.
pragma ComponentBehavior: Bound
import QtQuick
import QtQuick.Layouts
import ".."
import "../components"

ColumnLayout {
    id: notices

    function show(text: string, kind: string): void {
        for (let row = 0; row < messages.count; row++)
            if (messages.get(row).text === text)
                return;
        if (messages.count === 3)
            messages.remove(0);
        messages.append({ text: text, kind: kind });
    }

    readonly property alias count: messages.count

    spacing: Theme.gap

    ListModel {
        id: messages
    }
    Repeater {
        model: messages

        Banner {
            id: message

            required property int index
            required kind

            Layout.fillWidth: true
            onClosed: messages.remove(index)

            Timer {
                running: message.kind === "info"
                interval: 8000
                onTriggered: messages.remove(message.index)
            }
        }
    }
}
