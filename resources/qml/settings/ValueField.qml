// A field that asks for a change when the person is done with it, and keeps what was refused so that it can be mended.
import QtQuick
import QtQuick.Controls
import ".."

TextField {
    id: field

    required property FormRow row
    property bool digits: false

    readonly property string shown: row.text
    readonly property string refused: row.error

    function take(): void {
        field.text = field.shown;
    }

    placeholderText: row.value === null || row.value === undefined ? qsTr("Automatic") : ""
    inputMethodHints: digits ? Qt.ImhPreferNumbers | Qt.ImhNoPredictiveText : Qt.ImhNoPredictiveText
    maximumLength: 4096
    selectByMouse: true
    Accessible.name: row.unit.length > 0 ? qsTr("%1, in %2").arg(row.label).arg(row.unit) : row.label
    Accessible.description: row.error.length > 0 ? row.error : row.about

    Component.onCompleted: take()
    onShownChanged: take()
    onRefusedChanged: {
        if (field.refused.length === 0)
            field.take();
    }
    onEditingFinished: {
        if (field.text !== field.shown)
            field.row.change(field.text);
        else if (field.refused.length > 0)
            field.row.settings.dismiss(field.row.key);
    }
    Keys.onEscapePressed: event => {
        event.accepted = field.text !== field.shown;
        field.take();
    }
}
