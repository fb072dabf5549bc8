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

    readonly property int barRoom: 14
    readonly property var before: question === null ? ({}) : question.trustedBefore

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
        const flickable = view.contentItem as Flickable;
        flickable.cancelFlick();
        flickable.contentY = 0; // the warning comes first, however far the question before was read
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
    rightPadding: padding - barRoom
    topPadding: 12
    bottomPadding: 8

    header: PromptTitle {
        dialog: prompt
    }

    onQuestionChanged: {
        if (question === null && visible) // `opened` comes after the animation
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
        objectName: "view"

        readonly property bool overflows: column.implicitHeight > height + 1
        readonly property Item focusItem: Window.activeFocusItem

        // What the keyboard has reached is to be seen.
        onFocusItemChanged: {
            let inside = focusItem;
            while (inside !== null && inside !== column)
                inside = inside.parent;
            if (inside === null)
                return;
            const top = focusItem.mapToItem(column, 0, 0).y;
            const flickable = view.contentItem as Flickable;
            const highest = Math.max(0, column.implicitHeight - height);
            flickable.contentY = Math.min(Math.max(flickable.contentY, top + focusItem.height - height), top, highest);
        }

        contentWidth: availableWidth
        contentHeight: column.implicitHeight
        implicitHeight: column.implicitHeight
        clip: true
        // Without it nobody sees that there is more, such as the fingerprint.
        ScrollBar.vertical.policy: overflows ? ScrollBar.AlwaysOn : ScrollBar.AlwaysOff
        ScrollBar.vertical.palette.mid: shades.muted // styles use it as it is, dark on dark

        ColumnLayout {
            id: column
            // The bar has its room at all times: texts that wrapped anew because of it could make it go again.
            x: view.mirrored ? prompt.barRoom : 0
            width: view.availableWidth - prompt.barRoom
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

                ColumnLayout {
                    spacing: 12
                    Layout.fillWidth: true

                    ColumnLayout {
                        visible: prompt.before.fingerprint !== undefined
                        spacing: 6
                        Layout.fillWidth: true

                        Label {
                            objectName: "warning"
                            text: prompt.before.decidedAt === undefined ? qsTr("Another certificate was trusted for this server before.") : qsTr("Another certificate was trusted for this server on %1.").arg(sheet.formatted(prompt.before.decidedAt))
                            textFormat: Text.PlainText
                            color: shades.bad
                            font.weight: Font.DemiBold
                            wrapMode: Text.Wrap
                            Layout.fillWidth: true
                        }
                        Label {
                            text: qsTr("Either the server has a new one, or this is an attack. Ask the operator before you go on. The fingerprint that was trusted:")
                            wrapMode: Text.WordWrap
                            Layout.fillWidth: true
                        }
                        Fact {
                            objectName: "earlier"
                            label: qsTr("SHA-256")
                            value: sheet.grouped(prompt.before.fingerprint)
                            fixedPitch: true
                            labelWidth: 56
                            Layout.fillWidth: true
                        }
                    }

                    Label {
                        text: prompt.question !== null && prompt.question.hostName !== "" ? qsTr("Somebody who listens in could pretend to be %1. Its certificate does not prove who it is:").arg(prompt.who) : qsTr("The certificate of this client does not prove who it is:")
                        textFormat: Text.PlainText
                        wrapMode: Text.Wrap
                        Layout.fillWidth: true
                    }
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
                objectName: "fingerprint"
                label: qsTr("SHA-256")
                value: sheet.grouped(prompt.question?.certificate.fingerprint)
                fixedPitch: true
                labelWidth: 56
                Layout.fillWidth: true
                Layout.leftMargin: 40
                visible: value !== ""
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
        Keys.onUpPressed: view.ScrollBar.vertical.decrease()
        Keys.onDownPressed: view.ScrollBar.vertical.increase()

        contentItem: ColumnLayout {
            spacing: 10

            Label {
                visible: prompt.waiting.length > 0
                text: qsTr("Questions after this one: %1").arg(prompt.waiting.length)
                color: shades.muted
                wrapMode: Text.Wrap
                Layout.fillWidth: true
            }

            // Beside the buttons, and not where it could be scrolled away.
            RowLayout {
                visible: prompt.mayAccept && prompt.question.canRemember
                spacing: 10
                Layout.fillWidth: true

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
                    onDoubleClicked: {} // or the second click would be a yes to the next question
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
