"""Documents that several tests load."""

from __future__ import annotations

HEAD = """
    property string ca
    property var good
    property var bad
    property var log: []
    function note(text) { log = [...log, text] }
"""

SERVER_CONFIGURATION = (
    "configuration: TlsConfiguration { certificate: root.identity.certificate; privateKey: root.identity.key }"
)
"""What a test may replace."""

TLS = (
    """
QtObject {
    id: root
"""
    + HEAD
    + """
    property var identity: good
    property bool done: false
    property QtObject connection: null

    property QtObject server: TlsServer {
        configuration: TlsConfiguration { certificate: root.identity.certificate; privateKey: root.identity.key }
        onPendingConnectionAvailable: {
            const peer = nextPendingConnection()
            root.connection = peer
            peer.readyRead.connect(() => peer.write("echo " + peer.readText()))
            peer.disconnected.connect(() => peer.discard())
        }
        onFailed: message => root.note("server: " + message)
    }
    property QtObject socket: TlsSocket {
        configuration: TlsConfiguration { caCertificates: [root.ca] }
        onEncrypted: write("h\u00e4llo")
        onReadyRead: { root.note(readText()); disconnectFromHost() }
        onFailed: message => root.note("failed: " + message)
        onDisconnected: root.done = true
        onAlerted: (sent, text) => root.note((sent ? "sent " : "received ") + text)
    }
    function start() {
        done = false
        if (!server.listening && !server.listen("127.0.0.1", 0))
            note("cannot listen")
        socket.connectToHostEncrypted("localhost", server.port)
    }
}
"""
)
