import QtQuick
import QtQuick.Controls
import QtQuick.Layouts

// A label and a value that can be selected and copied.
GridLayout {
    id: fact

    property string label
    property string value
    property bool fixedPitch: false
    property color valueColor: palette.windowText
    property int labelWidth: 120

    visible: value !== ""
    columns: 2
    columnSpacing: 12

    Label {
        id: label
        text: fact.label
        opacity: 0.72
        horizontalAlignment: Text.AlignRight
        wrapMode: Text.WordWrap
        Layout.preferredWidth: fact.labelWidth
        Layout.alignment: Qt.AlignBaseline
        Accessible.ignored: true
    }

    TextEdit {
        id: field
        text: fact.value
        color: fact.valueColor
        font.family: fact.fixedPitch ? "monospace" : label.font.family
        font.pixelSize: label.fontInfo.pixelSize
        selectionColor: fact.palette.highlight
        selectedTextColor: fact.palette.highlightedText
        readOnly: true
        selectByMouse: true
        activeFocusOnTab: true
        horizontalAlignment: TextEdit.AlignLeft // and not where the script of the value begins
        wrapMode: TextEdit.Wrap
        Layout.fillWidth: true
        Layout.alignment: Qt.AlignBaseline
        Accessible.role: Accessible.StaticText
        Accessible.name: fact.label + ": " + fact.value

        // A field that can be reached by Tab has to show it.
        Rectangle {
            anchors.fill: parent
            anchors.margins: -3
            visible: field.activeFocus
            color: "transparent"
            radius: 3
            border.color: fact.palette.highlight
        }
    }
}
