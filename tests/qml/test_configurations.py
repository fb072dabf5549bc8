"""What a TlsConfiguration makes of the objects that it is given to, and what is left when it is taken away."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtNetwork import QSslSocket
from pytestqt.qtbot import QtBot

from qtsecure import SecureError, SslConfiguration
from qtsecure.qml.tls_configuration import TlsConfiguration
from qtsecure.testing import PublicKeyInfrastructure, waitFor
from tests.qml.conftest import Document, Load
from tests.qml.documents import HEAD

_PeerVerifyMode = QSslSocket.PeerVerifyMode

ENDS = (
    "QtObject { id: root\n"
    + HEAD
    + """
    property TlsConfiguration open: TlsConfiguration { verifyMode: Tls.VerifyMode.NotAtAll }
    property TlsConfiguration strict: TlsConfiguration { verifyMode: Tls.VerifyMode.Require }
    property TlsConfiguration chosen: null
    property QtObject socket: TlsSocket { configuration: root.chosen; onFailed: message => root.note(message) }
    property QtObject peer: DtlsPeer { configuration: root.chosen; onFailed: message => root.note(message) }
    property QtObject client: SocketClient { configuration: root.chosen }
    property QtObject server: TlsServer { configuration: root.chosen }
    property QtObject datagramServer: DtlsServer { configuration: root.chosen }
    function choose(name) { chosen = name === "" ? null : root[name] }
    function useSocket() { socket.abort(); socket.connectToHostEncrypted("127.0.0.1", 9) }
    function usePeer() { peer.abort(); peer.connectToHost("127.0.0.1", 9) }
    function useClient() { client.connectToHost("127.0.0.1:9", 9) }
    function useServer() { server.close(); server.listen("127.0.0.1", 0) }
    function useDatagramServer() { datagramServer.close(); datagramServer.listen("127.0.0.1", 0) }
}
"""
)
KINDS = ["Socket", "Peer", "Client", "Server", "DatagramServer"]


class End:
    """One of the objects, with the names that its methods have in Python."""

    def __init__(self, document: Document, kind: str) -> None:
        self._document = document
        self._kind = kind
        end = document.get(kind[0].lower() + kind[1:])
        self.configuration: Callable[[], SslConfiguration]
        self.configuration = end.tlsConfiguration if kind == "Client" else end.sslConfiguration
        self.setConfiguration: Callable[[SslConfiguration], None]
        self.setConfiguration = end.setTlsConfiguration if kind == "Client" else end.setSslConfiguration

    def use(self, chosen: str) -> _PeerVerifyMode:
        """Connect or listen with this configuration of QML; how a peer is verified then."""
        self._document.call("choose", chosen)
        self._document.call(f"use{self._kind}")
        return self.configuration().peerVerifyMode()


@pytest.fixture
def ends(load: Load) -> Document:
    """Everything that has a configuration."""
    return load(ENDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_configuration_that_was_taken_away_does_not_hold(ends: Document, kind: str) -> None:
    """A switch for tests that is off again: who verified nothing verifies as before."""
    end = End(ends, kind)
    before = end.configuration()
    assert end.use("") is _PeerVerifyMode.AutoVerifyPeer
    assert end.use("open") is _PeerVerifyMode.VerifyNone
    assert end.use("strict") is _PeerVerifyMode.VerifyPeer
    assert end.use("") is _PeerVerifyMode.AutoVerifyPeer
    assert end.configuration() == before
    assert end.use("open") is _PeerVerifyMode.VerifyNone
    assert end.use("") is _PeerVerifyMode.AutoVerifyPeer


@pytest.mark.parametrize("kind", KINDS)
def test_what_python_has_set_is_what_is_left(ends: Document, kind: str) -> None:
    """Before QML chose, meanwhile, and afterwards."""
    end = End(ends, kind)
    own = SslConfiguration()
    own.setPeerVerifyDepth(7)
    end.setConfiguration(own)
    assert end.use("open") is _PeerVerifyMode.VerifyNone
    end.use("")
    assert end.configuration() == own
    assert end.use("open") is _PeerVerifyMode.VerifyNone
    own.setPeerVerifyDepth(8)
    end.setConfiguration(own)
    end.use("")
    assert end.configuration() == own
    assert end.use("open") is _PeerVerifyMode.VerifyNone
    own.setPeerVerifyDepth(9)
    end.setConfiguration(own)
    end.use("strict")
    end.use("")
    assert end.configuration() == own


SWITCHED = (
    "QtObject { id: root\n"
    + HEAD
    + """
    property TlsConfiguration open: TlsConfiguration { verifyMode: Tls.VerifyMode.NotAtAll }
    property bool verifies: false
    property QtObject server: TlsServer {
        configuration: TlsConfiguration { certificate: root.bad.certificate; privateKey: root.bad.key }
    }
    property QtObject socket: TlsSocket {
        configuration: root.verifies ? null : root.open
        onEncrypted: { root.note("encrypted"); abort() }
        onFailed: root.note("failed")
    }
    function start() {
        if (!server.listening)
            server.listen("127.0.0.1", 0)
        socket.connectToHostEncrypted("localhost", server.port)
    }
}
"""
)


def test_no_connection_without_verification_after_it_was_switched_on(load: Load) -> None:
    """The same socket and the same server, whose certificate proves nothing."""
    document = load(SWITCHED)
    document.call("start")
    waitFor(lambda: document.get("log").toVariant() == ["encrypted"])
    document.root.setProperty("verifies", True)
    document.call("start")
    waitFor(lambda: len(document.get("log").toVariant()) == 2)
    assert document.get("log").toVariant() == ["encrypted", "failed"]


def test_another_identity_on_top_of_that_of_python(qapp: object, qtsecure_pki: PublicKeyInfrastructure) -> None:
    """Certificate and key of QML replace both; one of them alone has to fit the other of Python's."""
    pki, configuration = qtsecure_pki, TlsConfiguration()
    configuration.setSslConfiguration(SslConfiguration.forServer(pki.server.chainPem(), pki.server.keyPem()))
    configuration.setProperty("privateKey", pki.selfSigned.keyPem().decode())
    assert "does not belong" in configuration.check()
    configuration.setProperty("certificate", pki.selfSigned.chainPem().decode())
    assert configuration.check() == ""
    made = configuration.sslConfiguration()
    assert made.localCertificate().toPem().data() == pki.selfSigned.certificatePem()
    configuration.setProperty("privateKey", "")
    assert "does not belong" in configuration.check()


def test_an_empty_configuration_of_python(qapp: object) -> None:
    """Is one to start from, although it is false: the default could allow more."""
    configuration = TlsConfiguration()
    configuration.setSslConfiguration(SslConfiguration())
    assert configuration.sslConfiguration() == SslConfiguration() != SslConfiguration.defaultConfiguration()


DATAGRAMS = (
    "QtObject { id: root\n"
    + HEAD
    + """
    property QtObject server: DtlsServer {
        configuration: TlsConfiguration {
            certificate: root.good.certificate
            privateKey: root.good.key
            minimumProtocol: Tls.Protocol.V1_2
        }
        onFailed: message => root.note("server: " + message)
    }
    property QtObject peer: DtlsPeer {
        configuration: TlsConfiguration { caCertificates: [root.ca]; minimumProtocol: Tls.Protocol.V1_2 }
        onEncrypted: root.note(protocol)
        onFailed: message => root.note("failed: " + message)
    }
    function start() { server.listen("127.0.0.1", 0); peer.connectToHost("localhost", server.port) }
    function again() { peer.connectToHost("localhost", server.port) }
}
"""
)


def test_oldest_version_of_datagrams(load: Load, qtbot: QtBot) -> None:
    """1.2 is that of DTLS here; a second call while there is an association is no failure of that one."""
    document = load(DATAGRAMS)
    document.call("start")
    waitFor(lambda: document.get("log").toVariant() != [])
    assert document.get("log").toVariant() == ["DTLS 1.2"]
    with qtbot.captureExceptions() as raised:
        document.call("again")
    assert [getattr(error, "code", None) for _, error, _ in raised] == [SecureError.Code.Pending]
    assert document.get("log").toVariant() == ["DTLS 1.2"]


@pytest.mark.parametrize(
    ("setting", "text"),
    [("minimumProtocol: Tls.Protocol.V1_3", "DTLS 1.3"), ("certificate: root.good.certificate", "private key")],
)
def test_configuration_that_no_association_can_have(load: Load, setting: str, text: str) -> None:
    """A sentence for the user, as with every other failure."""
    document = load(DATAGRAMS.replace("caCertificates: [root.ca]; minimumProtocol: Tls.Protocol.V1_2", setting))
    document.call("start")
    (line,) = document.get("log").toVariant()
    assert line.startswith("failed: ")
    assert text in line
