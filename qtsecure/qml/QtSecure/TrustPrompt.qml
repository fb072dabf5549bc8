pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import QtSecure

// Asks the user about a certificate that is not in order. Call ask() in a handler of certificateQuestion;
// several questions are asked one after the other. The safe answer is the default and the answer to Escape.
Dialog {
    id: prompt

    // What is asked at the moment, and what comes after it.
    property CertificateQuestion question: null
    property var waiting: []

    readonly property bool mayAccept: question !== null && question.overridable
    readonly property string who: question === null ? "" : question.hostName !== "" ? question.hostName : qsTr("this client")

    // answered(bool accepted): the user has decided; not emitted when the connection went away.
    signal answered(bool accepted)

    function ask(question: CertificateQuestion): void {
        question.defer();
        question.pendingChanged.connect(review);
        waiting = [...waiting, question];
        review();
    }

    // A question may be answered elsewhere, end with its connection, or be deleted with it.
    function review(): void {
        while (question === null || !question.pending) {
            if (waiting.length === 0) {
                close();
                return;
            }
            const next = waiting[0];
            waiting = waiting.slice(1);
            // What was remembered with an earlier answer is not asked; that tells this function once more.
            if (isPending(next) && !next.recall())
                show(next);
        }
    }

    function show(next: CertificateQuestion): void {
        question = next;
        details.checked = false;
        lifetime.currentIndex = 0;
        open();
        rejectButton.forceActiveFocus(Qt.TabFocusReason);
    }

    function isPending(question: var): bool {
        try {
            return question.pending;
        } catch (error) {
            return false; // it was deleted
        }
    }

    function decide(accepted: bool): void {
        const asked = question;
        if (asked === null)
            return;
        if (!accepted)
            asked.reject();
        else if (!asked.canRemember || !asked.remember(lifetime.currentValue))
            asked.accept();
        answered(accepted);
        review();
    }

    parent: Overlay.overlay
    anchors.centerIn: parent
    width: parent ? Math.min(520, parent.width - 24) : 520
    height: parent ? Math.min(implicitHeight, parent.height - 24) : implicitHeight
    modal: true
    closePolicy: Popup.CloseOnEscape
    title: mayAccept ? qsTr("Do you trust %1?").arg(who) : qsTr("%1 cannot be trusted").arg(who)
    padding: 20
    topPadding: 12
    bottomPadding: 8

    header: PromptTitle {
        dialog: prompt
    }

    onQuestionChanged: {
        if (question === null && opened)
            review();
    }

    // Escape, and whatever else closes it: no answer is a no, for this question and for those that follow.
    onClosed: {
        const left = [question, ...waiting].filter(isPending);
        waiting = [];
        question = null;
        for (const each of left)
            each.reject();
    }

    Component.onDestruction: {
        for (const each of [question, ...waiting].filter(isPending))
            each.reject();
    }

    Shades {
        id: shades
        window: prompt.palette.window
        text: prompt.palette.windowText
    }

    contentItem: ScrollView {
        id: view
        contentWidth: availableWidth
        implicitHeight: column.implicitHeight
        clip: true

        ColumnLayout {
            id: column
            width: view.availableWidth
            spacing: 12

            RowLayout {
                spacing: 14
                Layout.fillWidth: true

                LockIcon {
                    implicitWidth: 26
                    implicitHeight: 30
                    mark: "!"
                    color: prompt.mayAccept ? shades.doubtful : shades.bad
                    markColor: prompt.palette.window
                    Layout.alignment: Qt.AlignTop
                }

                Label {
                    text: prompt.question !== null && prompt.question.hostName !== "" ? qsTr("Somebody who listens in could pretend to be %1. Its certificate does not prove who it is:").arg(prompt.who) : qsTr("The certificate of this client does not prove who it is:")
                    textFormat: Text.PlainText
                    wrapMode: Text.Wrap
                    Layout.fillWidth: true
                }
            }

            Repeater {
                model: prompt.question === null ? [] : prompt.question.errors

                ColumnLayout {
                    id: problem

                    required property var modelData

                    spacing: 2
                    Layout.fillWidth: true
                    Layout.leftMargin: 40

                    Label {
                        text: problem.modelData.text + "."
                        textFormat: Text.PlainText
                        font.weight: Font.DemiBold
                        wrapMode: Text.Wrap
                        Layout.fillWidth: true
                    }
                    Label {
                        text: problem.modelData.advice
                        textFormat: Text.PlainText
                        color: shades.muted
                        wrapMode: Text.Wrap
                        Layout.fillWidth: true
                    }
                }
            }

            Label {
                text: prompt.mayAccept ? qsTr("Go on only if you have compared the fingerprint with the one that the operator has told you.") : qsTr("This cannot be overridden.")
                color: prompt.mayAccept ? prompt.palette.windowText : shades.bad
                wrapMode: Text.WordWrap
                Layout.fillWidth: true
                Layout.leftMargin: 40
            }

            Fact {
                label: qsTr("SHA-256")
                value: sheet.grouped(prompt.question?.certificate.fingerprint)
                fixedPitch: true
                labelWidth: 56
                Layout.fillWidth: true
                Layout.leftMargin: 40
                visible: value !== ""
            }

            GridLayout {
                visible: prompt.mayAccept && prompt.question.canRemember
                columns: prompt.availableWidth < 380 ? 1 : 2
                columnSpacing: 10
                Layout.fillWidth: true
                Layout.leftMargin: 40

                Label {
                    text: qsTr("If you go on:")
                }

                ComboBox {
                    id: lifetime
                    objectName: "lifetime"
                    textRole: "text"
                    valueRole: "value"
                    model: [
                        {
                            text: qsTr("this time only"),
                            value: Tls.Lifetime.Once
                        },
                        {
                            text: qsTr("until the program ends"),
                            value: Tls.Lifetime.Session
                        },
                        {
                            text: qsTr("always"),
                            value: Tls.Lifetime.Always
                        }
                    ]
                    Layout.fillWidth: true
                    Accessible.name: qsTr("How long the certificate is trusted")
                }
            }

            Button {
                id: details
                text: (checked ? "\u25be " : "\u25b8 ") + qsTr("The whole certificate")
                Accessible.name: qsTr("The whole certificate")
                checkable: true
                flat: true
                Layout.leftMargin: 32
            }

            CertificateSheet {
                id: sheet
                visible: details.checked
                chain: prompt.question?.certificateChain ?? []
                Layout.fillWidth: true
            }
        }
    }

    footer: Control {
        padding: 20
        topPadding: 8

        contentItem: ColumnLayout {
            spacing: 10

            Label {
                visible: prompt.waiting.length > 0
                text: qsTr("Questions after this one: %1").arg(prompt.waiting.length)
                color: shades.muted
                wrapMode: Text.Wrap
                Layout.fillWidth: true
            }

            RowLayout {
                spacing: 8

                Item {
                    Layout.fillWidth: true
                }
                Button {
                    objectName: "acceptButton"
                    visible: prompt.mayAccept
                    text: qsTr("Connect anyway")
                    onClicked: prompt.decide(true)
                }
                Button {
                    id: rejectButton
                    objectName: "rejectButton"
                    text: qsTr("Do not connect")
                    highlighted: true
                    onClicked: prompt.decide(false)
                    Keys.onReturnPressed: prompt.decide(false)
                    Keys.onEnterPressed: prompt.decide(false)
                }
            }
        }
    }
}
