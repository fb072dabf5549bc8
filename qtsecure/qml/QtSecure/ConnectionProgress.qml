pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import QtSecure

// The steps to a secure connection, with a way to give up, and with what went wrong.
Control {
    id: progress

    // A TlsSocket or DtlsPeer.
    property QtObject connection: null

    // The same without a type of its own; both are null when it is deleted.
    readonly property var shown: connection

    readonly property int step: {
        switch (shown ? shown.state : Tls.State.Unconnected) {
        case Tls.State.LookingUp:
            return 1;
        case Tls.State.Connecting:
            return 2;
        case Tls.State.Handshaking:
        case Tls.State.Deciding:
            return 3;
        case Tls.State.Encrypted:
            return 4;
        default:
            return 0;
        }
    }
    readonly property bool doubtful: step === 4 && shown.overridden
    readonly property bool running: step > 0 && step < 4
    readonly property string problem: step === 0 && shown ? shown.errorString : ""
    readonly property string text: {
        if (problem !== "")
            return problem;
        if (shown && shown.state === Tls.State.Deciding)
            return qsTr("Waiting for your answer");
        if (doubtful)
            return qsTr("Encrypted, but the other side has not proved who it is");
        return [qsTr("Not connected"), qsTr("Looking up the host"), qsTr("Connecting"), qsTr("Checking the identity and agreeing on keys"), qsTr("The connection is secure")][step];
    }

    // retry(): the user wants to try again after a failure.
    signal retry

    padding: 12
    Accessible.role: Accessible.ProgressBar
    Accessible.name: text

    Shades {
        id: shades
        window: progress.palette.window
    }

    contentItem: ColumnLayout {
        spacing: 8

        RowLayout {
            spacing: 6
            Layout.fillWidth: true

            Repeater {
                model: [qsTr("Find"), qsTr("Connect"), qsTr("Secure")]

                ColumnLayout {
                    id: item

                    required property string modelData
                    required property int index
                    readonly property bool done: progress.step > index + 1
                    readonly property bool current: progress.step === index + 1

                    spacing: 4
                    Layout.fillWidth: true
                    Layout.preferredWidth: 1

                    Rectangle {
                        id: bar
                        implicitHeight: 6
                        radius: 3
                        color: item.done ? (progress.doubtful && item.index === 2 ? shades.doubtful : shades.good) : item.current ? progress.palette.highlight : Qt.alpha(progress.palette.windowText, 0.2)
                        Layout.fillWidth: true

                        SequentialAnimation on opacity {
                            running: item.current && progress.visible
                            loops: Animation.Infinite
                            onStopped: bar.opacity = 1
                            NumberAnimation {
                                to: 0.45
                                duration: 600
                            }
                            NumberAnimation {
                                to: 1
                                duration: 600
                            }
                        }
                    }

                    Label {
                        text: (!item.done ? "" : progress.doubtful && item.index === 2 ? "! " : "\u2713 ") + item.modelData
                        font.weight: item.current ? Font.DemiBold : Font.Normal
                        opacity: item.done || item.current ? 1 : 0.72
                        Accessible.ignored: true
                    }
                }
            }
        }

        RowLayout {
            spacing: 8
            Layout.fillWidth: true

            Label {
                text: (progress.problem !== "" ? "\u26a0 " : "") + progress.text
                textFormat: Text.PlainText
                color: progress.problem !== "" ? shades.bad : progress.palette.windowText
                wrapMode: Text.Wrap
                Layout.fillWidth: true
                Accessible.ignored: true
            }

            Button {
                objectName: "cancelButton"
                visible: progress.running
                text: qsTr("Cancel")
                onClicked: progress.shown.abort()
            }
            Button {
                objectName: "retryButton"
                visible: progress.problem !== ""
                text: qsTr("Try again")
                onClicked: progress.retry()
            }
        }
    }
}
