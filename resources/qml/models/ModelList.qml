// What a model picker opens: a field to search or to name a model, the list, and what the model that is looked at costs.
pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."
import "../components"

Popup {
    id: popup

    required property var app
    required property var picker
    required property string current

    readonly property real room: (Overlay.overlay?.height ?? 600) - 2 * Theme.pad

    height: Math.min(600 * Theme.zoom, room)
    padding: 12
    modal: true
    focus: true
    dim: false
    background: Rectangle {
        color: Theme.surface
        radius: Theme.radius
        border.color: Theme.faint
    }
    onAboutToShow: {
        search.clear();
        picker.search = "";
        picker.watch(true);
        if (current !== "")
            picker.look(current);
    }
    onOpened: search.forceActiveFocus()
    onClosed: picker.watch(false)

    contentItem: ColumnLayout {
        spacing: Theme.gap

        TextField {
            id: search

            placeholderText: qsTr("Search, or owner/name on the hub, or a folder")
            font.pixelSize: Theme.body
            selectByMouse: true
            Accessible.name: placeholderText
            Layout.fillWidth: true
            onTextEdited: popup.picker.search = text
            Keys.onDownPressed: list.forceActiveFocus()
            onAccepted: {
                if (list.count > 0)
                    popup.picker.take(popup.picker.rows.at(Math.max(0, list.currentIndex)).model);
            }
        }
        ListView {
            id: list

            clip: true
            model: popup.picker.rows
            activeFocusOnTab: true
            keyNavigationEnabled: true
            boundsBehavior: Flickable.StopAtBounds
            currentIndex: 0
            section.property: "section"
            section.delegate: Label {
                required property string section

                width: ListView.view.width
                text: popup.picker.sectionName(section)
                font.pixelSize: Theme.small
                font.weight: Font.DemiBold
                color: Theme.soft
                leftPadding: Theme.gap
                topPadding: 10
                bottomPadding: 4
            }
            Layout.fillWidth: true
            Layout.fillHeight: true
            Layout.minimumHeight: 96 * Theme.zoom
            ScrollBar.vertical: ScrollBar {}
            Accessible.role: Accessible.List
            Accessible.name: qsTr("Models")
            Keys.onReturnPressed: if (count > 0) popup.picker.take(popup.picker.rows.at(Math.max(0, currentIndex)).model)
            Keys.onEnterPressed: if (count > 0) popup.picker.take(popup.picker.rows.at(Math.max(0, currentIndex)).model)
            Keys.onUpPressed: event => {
                if (currentIndex === 0)
                    search.forceActiveFocus();
                else
                    event.accepted = false;
            }

            delegate: ModelRow {
                width: ListView.view.width
                picker: popup.picker
                current: ListView.isCurrentItem && ListView.view.activeFocus
                onLookedAt: {
                    ListView.view.currentIndex = index;
                    popup.picker.look(model);
                }
                onFreeWanted: {
                    freeing.target = model;
                    freeing.text = qsTr("%1 leaves this disk. It can be downloaded again.").arg(detail);
                    freeing.open();
                }
            }

            Label {
                anchors.fill: parent
                visible: list.count === 0
                text: search.text === "" ? qsTr("No model is up in this swarm, and none is on this disk. Write the name of one, for example owner/name.") : qsTr("No model of this name is here. Write owner/name for one of the hub, or the whole path of a folder.")
                color: Theme.soft
                font.pixelSize: Theme.body
                wrapMode: Text.Wrap
                horizontalAlignment: Text.AlignHCenter
                verticalAlignment: Text.AlignVCenter
                padding: Theme.pad
            }
        }
        ModelCosts {
            app: popup.app
            picker: popup.picker
            visible: popup.picker.looked !== ""
            Layout.fillWidth: true
            onTokenWanted: token.open()
        }
        Flow {
            spacing: Theme.gap
            Layout.fillWidth: true

            Button {
                flat: true
                text: qsTr("Choose a folder…")
                onClicked: folder.active = true
            }
            Button {
                flat: true
                text: qsTr("Hub token…")
                onClicked: token.open()
            }
            Label {
                text: popup.picker.diskText
                textFormat: Text.PlainText
                color: Theme.soft
                font.pixelSize: Theme.small
                topPadding: 10
            }
        }
    }

    // The dialog of the system; only loaded when somebody wants it.
    Loader {
        id: folder

        active: false
        source: "ModelFolder.qml"
        onLoaded: (item as ModelFolder).open()

        Connections {
            target: folder.item
            ignoreUnknownSignals: true

            function onTaken(where: url): void {
                popup.picker.lookFolder(where);
            }
            function onDone(): void {
                folder.active = false;
            }
        }
    }
    TokenDialog {
        id: token

        app: popup.app
    }
    ConfirmDialog {
        id: freeing

        property string target

        title: qsTr("Free the disk?")
        yes: qsTr("Delete it")
        onAccepted: popup.picker.free(target)
    }
}
