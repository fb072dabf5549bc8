pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import QtSecure

// Asks the user for a pre-shared key. Call ask() in a handler of pskQuestion.
Dialog {
    id: prompt

    // The PskQuestion that is shown.
    property PskQuestion question: null
    readonly property bool isServer: question !== null && question.identity !== ""
    property string problem: ""

    function ask(question: PskQuestion): void {
        if (visible) // and not `opened`, which it is only after its animation
            return; // one at a time; not deferred, the other question ends without a key
        question.defer();
        prompt.question = question;
        question.pendingChanged.connect(review);
        problem = "";
        forgetKey();
        reveal.checked = false;
        if (isServer)
            identityField.text = question.identity;
        open();
        (isServer || identityField.text !== "" ? keyField : identityField).forceActiveFocus(Qt.TabFocusReason);
    }

    // TextField.clear() could be undone.
    function forgetKey(): void {
        keyField.text = "";
    }

    function review(): void {
        if (question === null || !question.pending)
            close();
    }

    function answer(): void {
        if (question === null)
            return;
        const identity = identityField.text;
        if (identity === "") {
            identityField.forceActiveFocus(Qt.TabFocusReason);
            return;
        }
        problem = hexadecimal.checked ? question.answerHex(identity, keyField.text) : question.answer(identity, keyField.text);
    }

    parent: Overlay.overlay
    anchors.centerIn: parent
    width: parent ? Math.min(460, parent.width - 24) : 460
    modal: true
    closePolicy: Popup.CloseOnEscape
    title: isServer ? qsTr("Which key does %1 have?").arg(question.identity) : qsTr("This connection needs a pre-shared key")
    padding: 20
    topPadding: 12
    bottomPadding: 8

    header: PromptTitle {
        dialog: prompt
    }

    onQuestionChanged: {
        if (question === null && visible)
            close(); // it was deleted with its connection
    }

    onClosed: {
        const asked = question;
        question = null;
        forgetKey(); // no secret stays in a hidden field
        if (asked !== null && asked.pending)
            asked.cancel();
    }

    Shades {
        id: shades
        window: prompt.palette.window
    }

    contentItem: GridLayout {
        columns: 2
        columnSpacing: 12
        rowSpacing: 10

        Label {
            visible: text !== ""
            text: prompt.question !== null && prompt.question.identityHint !== "" ? qsTr("The server says: %1").arg(prompt.question.identityHint) : ""
            textFormat: Text.PlainText
            wrapMode: Text.WordWrap
            Layout.columnSpan: 2
            Layout.fillWidth: true
        }

        Label {
            text: qsTr("Identity")
            Layout.alignment: Qt.AlignRight
        }
        TextField {
            id: identityField
            objectName: "identityField"
            readOnly: prompt.isServer
            placeholderText: qsTr("such as sensor-1")
            onAccepted: keyField.forceActiveFocus()
            Layout.fillWidth: true
            Accessible.name: qsTr("Identity")
        }

        Label {
            text: qsTr("Key")
            Layout.alignment: Qt.AlignRight
        }
        TextField {
            id: keyField
            objectName: "keyField"
            echoMode: reveal.checked ? TextInput.Normal : TextInput.Password
            inputMethodHints: Qt.ImhSensitiveData | Qt.ImhNoPredictiveText | Qt.ImhNoAutoUppercase
            onAccepted: prompt.answer()
            onTextEdited: prompt.problem = ""
            Layout.fillWidth: true
            Accessible.name: qsTr("Key")
        }

        Item {
            Layout.preferredHeight: 1
        }
        Flow {
            spacing: 16
            Layout.fillWidth: true

            CheckBox {
                id: hexadecimal
                checked: true
                text: qsTr("Hexadecimal")
            }
            CheckBox {
                id: reveal
                text: qsTr("Show the key")
            }
        }

        Label {
            visible: prompt.problem !== ""
            text: "\u26a0 " + prompt.problem
            textFormat: Text.PlainText
            color: shades.bad
            wrapMode: Text.Wrap
            Layout.columnSpan: 2
            Layout.fillWidth: true
            Accessible.role: Accessible.AlertMessage
            Accessible.name: prompt.problem
        }
    }

    footer: Control {
        padding: 20
        topPadding: 8

        contentItem: RowLayout {
            spacing: 8

            Item {
                Layout.fillWidth: true
            }
            Button {
                objectName: "cancelButton"
                text: qsTr("Cancel")
                onClicked: prompt.close()
            }
            Button {
                objectName: "answerButton"
                text: qsTr("Connect")
                highlighted: true
                enabled: keyField.text !== "" && identityField.text !== ""
                onClicked: prompt.answer()
                Keys.onReturnPressed: prompt.answer()
                Keys.onEnterPressed: prompt.answer()
            }
        }
    }
}
