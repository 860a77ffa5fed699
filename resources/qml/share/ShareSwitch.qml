// On or off. It shows what the person wants; the state beside it shows what is so.
import QtQuick
import QtQuick.Controls

Switch {
    id: toggle

    required property var app

    checked: app.share.on
    enabled: app.share.available
    Accessible.name: qsTr("Share this computer")
    Accessible.description: app.share.text
    onToggled: {
        app.share.turn(checked);
        checked = Qt.binding(() => toggle.app.share.on); // it goes back by itself if it could not be done
    }
}
