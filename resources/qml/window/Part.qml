// A part of the window that another folder draws. It is loaded when it is wanted, and then stays.
import QtQuick
import ".."

Loader {
    id: part

    required property var app
    required property string file // below resources/qml
    property bool wanted
    property bool atOnce // in the first frame; everything else comes after it

    asynchronous: !atOnce
    function load(): void {
        if (wanted && source.toString() === "" && app.hasPage(file))
            setSource("../" + file, { app: app });
    }
    onWantedChanged: load()
    Component.onCompleted: load()
}
