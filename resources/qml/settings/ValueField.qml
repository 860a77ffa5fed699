// A field that asks for a change when the person is done with it, and keeps what was refused so that it can be mended.
import QtQuick
import QtQuick.Controls

TextField {
    id: field

    required property var setting // the row
    property bool digits: false

    readonly property string shown: setting.text
    readonly property string refused: setting.error

    function take(): void {
        field.text = field.shown;
    }

    placeholderText: setting.value === null || setting.value === undefined ? qsTr("Automatic") : ""
    inputMethodHints: digits ? Qt.ImhPreferNumbers | Qt.ImhNoPredictiveText : Qt.ImhNoPredictiveText
    maximumLength: 4096
    selectByMouse: true
    Accessible.name: setting.unit.length > 0 ? qsTr("%1, in %2").arg(setting.label).arg(setting.unit) : setting.label
    Accessible.description: setting.error.length > 0 ? setting.error : setting.about

    Component.onCompleted: take()
    onShownChanged: take()
    onRefusedChanged: {
        if (field.refused.length === 0)
            field.take();
    }
    onEditingFinished: {
        if (field.text !== field.shown)
            field.setting.change(field.text);
        else if (field.refused.length > 0)
            field.setting.settings.dismiss(field.setting.key);
    }
    Keys.onEscapePressed: event => {
        event.accepted = field.text !== field.shown;
        field.take();
    }
}
