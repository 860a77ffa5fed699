// A popup that is made when it is first opened, and then kept.
import QtQuick
import QtQuick.Controls

Loader {
    id: late

    function show(): void {
        late.active = true;
        (late.item as Popup).open();
    }

    active: false
}
