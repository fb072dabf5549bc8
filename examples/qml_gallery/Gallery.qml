pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import QtSecure

ApplicationWindow {
    id: window

    required property var questions
    property string page: "badges"

    width: 600
    height: 500
    visible: true
    title: qsTr("Parts of QtSecure")
    LayoutMirroring.enabled: Application.layoutDirection === Qt.RightToLeft
    LayoutMirroring.childrenInherit: true

    onPageChanged: {
        trustPrompt.close();
        pskPrompt.close();
        if (page === "trust") {
            trustPrompt.ask(questions.certificate());
            trustPrompt.ask(questions.certificate());
        } else if (page === "psk") {
            pskPrompt.ask(questions.key());
        }
    }

    // Stands in for a connection.
    component Standin: QtObject {
        property int state: Tls.State.Unconnected
        property bool encrypted: state === Tls.State.Encrypted
        property bool overridden: false
        property string errorString: ""
        property string protocol: "TLS 1.3"
        property string cipher: "TLS_AES_256_GCM_SHA384"
        property string keyExchangeGroup: "X25519MLKEM768"

        function abort() {
            state = Tls.State.Unconnected;
        }
    }

    readonly property list<QtObject> standins: [
        Standin {},
        Standin {
            state: Tls.State.Connecting
        },
        Standin {
            state: Tls.State.Handshaking
        },
        Standin {
            state: Tls.State.Deciding
        },
        Standin {
            state: Tls.State.Encrypted
        },
        Standin {
            state: Tls.State.Encrypted
            overridden: true
        },
        Standin {
            state: Tls.State.Plain
        },
        Standin {
            errorString: qsTr("The host example.org refused the connection: nothing listens on port 4433.")
        }
    ]

    TrustPrompt {
        id: trustPrompt
    }

    PskPrompt {
        id: pskPrompt
    }

    header: ToolBar {
        RowLayout {
            Repeater {
                model: ["badges", "progress", "certificate", "trust", "psk"]

                ToolButton {
                    required property string modelData
                    text: modelData
                    checked: window.page === modelData
                    onClicked: window.page = modelData
                }
            }
        }
    }

    Flow {
        anchors.fill: parent
        anchors.margins: 20
        visible: window.page === "badges"
        spacing: 14

        Repeater {
            model: window.standins

            StatusBadge {
                required property QtObject modelData
                connection: modelData
            }
        }
    }

    ColumnLayout {
        anchors.left: parent.left
        anchors.right: parent.right
        anchors.margins: 12
        visible: window.page === "progress"

        Repeater {
            model: [1, 2, 3, 4, 7]

            ConnectionProgress {
                required property int modelData
                connection: window.standins[modelData]
                Layout.fillWidth: true
            }
        }
    }

    CertificateSheet {
        anchors.fill: parent
        anchors.margins: 20
        visible: window.page === "certificate"
        chain: window.questions.chain()
    }
}
