pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Controls
import QtQuick.Layouts
import QtSecure

ApplicationWindow {
    id: window

    // From main.py: PEM texts, and where decisions are kept.
    required property string authority
    required property var issued
    required property var selfSigned
    required property string decisionsFile

    width: 860
    height: 560
    minimumWidth: 640
    minimumHeight: 480
    visible: true
    title: qsTr("Secure chat")

    // What follows would stay on the wire without its window.
    onClosing: {
        socket.abort();
        server.close();
    }
    Component.onCompleted: server.listen("127.0.0.1", 0)

    TrustDecisions {
        id: decisions
        file: window.decisionsFile
    }

    TlsSocket {
        id: socket
        objectName: "socket"
        trustDecisions: decisions
        configuration: TlsConfiguration {
            caCertificates: [window.authority]
        }
        onCertificateQuestion: question => trustPrompt.ask(question)
        onReadyRead: clientChat.add(qsTr("Server"), readText())
        onAlerted: (sent, text) => clientChat.note(sent ? qsTr("Alert sent: %1").arg(text) : qsTr("Alert received: %1").arg(text))
    }

    TlsServer {
        id: server
        objectName: "server"

        property TlsConnection peer: null

        handshakeTimeout: 5 * 60000 // a user reads the question about the certificate; the default is for programs
        configuration: TlsConfiguration {
            certificate: kind.currentValue.certificate
            privateKey: kind.currentValue.key
        }
        onPendingConnectionAvailable: {
            const connection = nextPendingConnection();
            if (peer !== null)
                peer.discard();
            peer = connection;
            connection.readyRead.connect(() => serverChat.add(qsTr("Client"), connection.readText()));
            connection.disconnected.connect(() => {
                if (server.peer === connection)
                    server.peer = null;
                serverChat.note(qsTr("The client has gone."));
                connection.discard();
            });
            serverChat.note(qsTr("A client has come."));
        }
        onFailed: message => serverChat.note(message)
    }

    TrustPrompt {
        id: trustPrompt
        objectName: "trustPrompt"
    }

    component Chat: Frame {
        id: chat

        property bool connected
        readonly property alias count: lines.count

        signal sent(string text)

        function add(from: string, text: string): void {
            lines.append({
                from: from,
                message: text
            });
            list.positionViewAtEnd();
        }

        function send(text: string): void {
            if (text === "")
                return;
            add(qsTr("You"), text);
            sent(text);
        }

        function note(text: string): void {
            add("", text);
        }

        ColumnLayout {
            anchors.fill: parent
            spacing: 8

            ListView {
                id: list
                clip: true
                spacing: 6
                model: ListModel {
                    id: lines
                }
                delegate: ColumnLayout {
                    id: line
                    required property string from
                    required property string message
                    width: ListView.view.width
                    spacing: 1

                    Label {
                        visible: line.from !== ""
                        text: line.from
                        font.pixelSize: 11
                        opacity: 0.72
                    }
                    Label {
                        text: line.message
                        textFormat: Text.PlainText // it comes from the network
                        font.italic: line.from === ""
                        opacity: line.from === "" ? 0.72 : 1
                        wrapMode: Text.Wrap
                        Layout.fillWidth: true
                    }
                }
                Layout.fillWidth: true
                Layout.fillHeight: true
            }

            RowLayout {
                TextField {
                    id: field
                    objectName: "message"
                    enabled: chat.connected
                    placeholderText: chat.connected ? qsTr("Write a message") : qsTr("Connect first")
                    onAccepted: button.clicked()
                    Layout.fillWidth: true
                    Accessible.name: qsTr("Message")
                }
                Button {
                    id: button
                    enabled: chat.connected && field.text !== ""
                    text: qsTr("Send")
                    onClicked: {
                        chat.send(field.text);
                        field.clear();
                    }
                }
            }
        }
    }

    RowLayout {
        anchors.fill: parent
        anchors.margins: 14
        spacing: 14

        ColumnLayout {
            spacing: 10
            Layout.preferredWidth: 1

            RowLayout {
                Label {
                    text: qsTr("Client")
                    font.pixelSize: 20
                    font.weight: Font.DemiBold
                    Layout.fillWidth: true
                }
                StatusBadge {
                    objectName: "badge"
                    connection: socket
                }
            }

            RowLayout {
                Button {
                    objectName: "connectButton"
                    text: socket.state === Tls.State.Unconnected ? qsTr("Connect") : qsTr("Disconnect")
                    onClicked: socket.state === Tls.State.Unconnected ? window.connectClient() : socket.disconnectFromHost()
                }
                Button {
                    text: qsTr("Forget decisions")
                    enabled: decisions.decisions.length > 0
                    onClicked: decisions.revokeAll()
                }
            }

            ConnectionProgress {
                objectName: "progress"
                connection: socket
                padding: 0
                onRetry: window.connectClient()
                Layout.fillWidth: true
            }

            Chat {
                id: clientChat
                objectName: "clientChat"
                connected: socket.encrypted
                onSent: text => socket.write(text)
                Layout.fillWidth: true
                Layout.fillHeight: true
            }
        }

        ColumnLayout {
            spacing: 10
            Layout.preferredWidth: 1

            RowLayout {
                Label {
                    text: qsTr("Server")
                    font.pixelSize: 20
                    font.weight: Font.DemiBold
                    Layout.fillWidth: true
                }
                StatusBadge {
                    connection: server.peer
                }
            }

            RowLayout {
                Label {
                    text: qsTr("Certificate")
                }
                ComboBox {
                    id: kind
                    objectName: "kind"
                    textRole: "text"
                    valueRole: "value"
                    model: [
                        {
                            text: qsTr("signed by itself"),
                            value: window.selfSigned
                        },
                        {
                            text: qsTr("from an authority that the client trusts"),
                            value: window.issued
                        }
                    ]
                    onActivated: window.listenAnew()
                    Layout.fillWidth: true
                    Accessible.name: qsTr("The server's certificate")
                }
            }

            Label {
                text: server.listening ? qsTr("Listening on 127.0.0.1, port %1").arg(server.port) : server.errorString
                textFormat: Text.PlainText
                wrapMode: Text.WordWrap
                Layout.fillWidth: true
            }

            Chat {
                id: serverChat
                objectName: "serverChat"
                connected: server.peer !== null
                onSent: text => server.peer.write(text)
                Layout.fillWidth: true
                Layout.fillHeight: true
            }
        }
    }

    function connectClient(): void {
        socket.connectToHostEncrypted("localhost", server.port);
    }

    // With the other certificate, at the same port.
    function listenAnew(): void {
        const port = server.port;
        server.close();
        server.listen("127.0.0.1", port);
    }
}
