// A part of the window that another folder draws. It is loaded when it is wanted, and then stays.
import QtQuick
import ".."

Loader {
    id: part

    required property var app
    required property string file // below resources/qml
    property bool wanted
    property string _inner // to be shown within it as soon as it is there
    property bool atOnce // in the first frame; everything else comes after it

    asynchronous: !atOnce
    function load(): void {
        if (app && wanted && source.toString() === "" && app.hasPage(file))
            setSource("../" + file, { app: app });
    }
    function show(inner: string): void {
        _inner = inner;
        if (item) {
            item["show"](inner);
            _inner = "";
        }
    }
    onLoaded: if (_inner)
        show(_inner)
    onWantedChanged: load()
    Component.onCompleted: load()
}
