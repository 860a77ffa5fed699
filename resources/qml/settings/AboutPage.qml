// What this is and is not, its versions, and what it is made of.
pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import ".."

ColumnLayout {
    id: page

    required property var app
    required property string name

    component Paragraph: Label {
        Layout.fillWidth: true
        textFormat: Text.PlainText
        wrapMode: Text.Wrap
        lineHeight: 1.2
    }
    component Heading: Paragraph {
        Layout.topMargin: Theme.gap
        font.weight: Font.DemiBold
        Accessible.role: Accessible.Heading
    }

    spacing: Theme.gap

    Paragraph {
        text: page.app.settings.version.length > 0 ? qsTr("Meadow %1").arg(page.app.settings.version) : qsTr("Meadow")
        font.pixelSize: Theme.title
        font.weight: Font.DemiBold
    }
    Paragraph {
        text: qsTr("With Qt %1. Licence: MIT. © 2026 The Meadow authors.").arg(page.app.settings.qtVersion)
        color: Theme.soft
    }
    Heading {
        text: qsTr("What it is")
    }
    Paragraph {
        text: qsTr("Meadow runs language models that are too large for one computer. Many people's computers each hold some blocks of a model; yours holds the two ends, and the chat goes through all of them.")
    }
    Paragraph {
        text: qsTr("It is free software. There is no account, no advertising and no telemetry, and nothing is shared before you say so.")
    }
    Heading {
        text: qsTr("What it is not")
    }
    Paragraph {
        text: qsTr("It is not secret: whoever hosts blocks of a public swarm can read what passes through them. Do not write there what strangers must not read.")
    }
    Paragraph {
        text: qsTr("It is not always right: models make mistakes, and a server that lies can change an answer. Check what matters.")
    }
    Heading {
        text: qsTr("What it is made of")
    }
    Repeater {
        model: page.app.settings.parts

        RowLayout {
            id: part

            required property var modelData

            Layout.fillWidth: true
            spacing: Theme.pad

            Paragraph {
                Layout.preferredWidth: 1
                text: part.modelData.name
            }
            Paragraph {
                Layout.preferredWidth: 1
                text: part.modelData.licence
                color: Theme.soft
            }
        }
    }
}
