// A part of the window that has a file of its own. It is loaded when it is wanted, and then stays.
import QtQuick

Loader {
    id: part

    required property var app
    required property string file // below resources/qml
    property var shell: null // the window, for its own parts; pages do without
    property bool wanted
    property bool atOnce // now; everything else comes when there is time
    property string inner // a page within the page, to be shown as soon as it is there

    function load(): void {
        if (app && wanted && source.toString() === "")
            setSource("../" + file, shell ? { app: app, shell: shell } : { app: app });
    }
    function show(name: string): void {
        inner = name;
        if (item && inner)
            hand(item, inner);
    }
    function hand(page: var, name: string): void {
        page.show(name);
    }

    asynchronous: !atOnce
    onLoaded: show(inner)
    onWantedChanged: load()
    Component.onCompleted: load()
}
