// Choose a model: one that is up, one used lately, one on this disk, the demo, or any other by its name or folder.
// It says what the model is and what it costs before anything is fetched.
pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."

Button {
    id: button

    required property var app
    required property string purpose // "chat" or "share"
    property string current // what is chosen now; empty: nothing
    property string emptyText: qsTr("Choose a model")
    readonly property var picker: app.models.picker(purpose)

    signal chosen(model: string)

    function open(): void {
        popup.active = true;
        popup.popup.open();
    }
    function shortName(model: string): string {
        return model === "" ? "" : picker.shortName(model);
    }

    text: current === "" ? emptyText : shortName(current)
    Accessible.name: current === "" ? emptyText : qsTr("Model: %1").arg(text)
    Accessible.description: qsTr("Opens a list to choose another one from")
    onClicked: open()

    contentItem: RowLayout {
        spacing: Theme.gap

        Label {
            text: button.text
            textFormat: Text.PlainText
            font.pixelSize: Theme.body
            color: button.enabled ? Theme.ink : Theme.soft
            elide: Text.ElideMiddle
            leftPadding: 4
            Layout.fillWidth: true
        }
        Label {
            text: "\u25be"
            color: Theme.soft
            rightPadding: 4
            Accessible.ignored: true
        }
    }

    Connections {
        target: button.picker

        function onChosen(model: string): void {
            // Several buttons may show one picker; the one whose list is open was meant.
            if (popup.popup && popup.popup.opened) {
                popup.popup.close();
                button.chosen(model);
            }
        }
    }

    // Made when it is first opened: most of the time nobody chooses a model.
    Loader {
        id: popup

        readonly property Popup popup: item as Popup

        active: false
        sourceComponent: ModelList {
            app: button.app
            picker: button.picker
            current: button.current
            y: button.height + 4
            width: Math.min(520 * Theme.zoom, (Overlay.overlay?.width ?? 520) - 2 * Theme.gap)
            margins: Theme.gap
        }
    }
}
