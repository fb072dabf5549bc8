"""Deferred certificate decisions as other programs see them: a flight that waits, then an alert, or silence."""

from __future__ import annotations

import ssl
from collections.abc import Callable

import pytest
from PySide6.QtCore import QObject

from qtsecure import CertificateRequest, DtlsPeer, DtlsServer, SslConfiguration, SslServer, SslSocket
from qtsecure.testing.peers import OpensslClient, OpensslServer, PythonTlsClient
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.net.conversation import State, VerifyMode, settle, spin

Answer = Callable[[CertificateRequest], None]
REJECT: Answer = CertificateRequest.reject
ACCEPT: Answer = CertificateRequest.accept
# How OpenSSL names the alert 48.
UNKNOWN_CA = "alert unknown ca"


@pytest.fixture
def pki(qapp: QObject, qtsecure_pki: PublicKeyInfrastructure) -> PublicKeyInfrastructure:
    return qtsecure_pki


class Thinking:
    """Defers every question."""

    def __init__(self) -> None:
        self.requests: list[CertificateRequest] = []

    def ask(self, request: CertificateRequest) -> None:
        request.defer()
        self.requests.append(request)

    def askOfServer(self, peer: object, request: CertificateRequest) -> None:
        self.ask(request)


def clientConfiguration(pki: PublicKeyInfrastructure) -> SslConfiguration:
    return SslConfiguration.forClient([pki.otherCa.certificate])


def serverConfiguration(pki: PublicKeyInfrastructure) -> SslConfiguration:
    configuration = SslConfiguration.forServer(list(pki.server.chain), pki.server.privateKey)
    configuration.setPeerVerifyMode(VerifyMode.VerifyPeer)
    configuration.setCaCertificates([pki.otherCa.certificate])
    return configuration


@pytest.mark.parametrize("version", ["tls1_2", "tls1_3"])
@pytest.mark.parametrize("accepted", [True, False])
def test_sec_d23_a_client_and_openssl(pki: PublicKeyInfrastructure, version: str, accepted: bool) -> None:
    """The server waits for the client's flight; then it comes, or alert 48."""
    thinking, client = Thinking(), SslSocket()
    client.acceptCertificate.connect(thinking.ask)
    client.setSslConfiguration(clientConfiguration(pki))
    with OpensslServer(pki.server, version=version) as server:  # type: ignore[arg-type]  # one of the two
        client.connectToHostEncrypted("127.0.0.1", server.port)
        spin(lambda: bool(thinking.requests))
        settle()
        assert "CIPHER is" not in server.output
        (ACCEPT if accepted else REJECT)(thinking.requests[0])
        if accepted:
            spin(client.isEncrypted)
            server.waitForOutput("CIPHER is")
            client.abort()
        else:
            spin(lambda: client.state() == State.UnconnectedState)
            assert UNKNOWN_CA in server.waitForOutput(UNKNOWN_CA)
            assert "CIPHER is" not in server.output


@pytest.mark.parametrize("accepted", [True, False])
def test_sec_d23_a_dtls_peer_and_openssl(pki: PublicKeyInfrastructure, accepted: bool) -> None:
    """The same over datagrams; repeated flights of the server change nothing meanwhile."""
    thinking, client = Thinking(), DtlsPeer()
    client.acceptCertificate.connect(thinking.ask)
    with OpensslServer(pki.server, version="dtls1_2") as server:
        client.setSslConfiguration(clientConfiguration(pki))
        client.connectToHost("127.0.0.1", server.port)
        spin(lambda: bool(thinking.requests))
        settle()
        assert "CIPHER is" not in server.output
        (ACCEPT if accepted else REJECT)(thinking.requests[0])
        if accepted:
            spin(client.isEncrypted)
            server.waitForOutput("CIPHER is")
        else:
            spin(lambda: client.status() is DtlsPeer.Status.Error)
            server.waitForOutput(UNKNOWN_CA)
        client.close()


def server_of(pki: PublicKeyInfrastructure, thinking: Thinking) -> SslServer:
    server = SslServer()
    server.setSslConfiguration(serverConfiguration(pki))
    server.acceptCertificate.connect(thinking.askOfServer)
    assert server.listen("127.0.0.1", 0)
    return server


@pytest.mark.parametrize("accepted", [True, False])
def test_sec_d23_a_tls12_server_and_openssl(pki: PublicKeyInfrastructure, accepted: bool) -> None:
    """The client waits for the server's last flight; then it comes, or alert 48."""
    thinking = Thinking()
    server = server_of(pki, thinking)
    with OpensslClient(server.serverPort(), certificate=pki.client, version="tls1_2") as client:
        spin(lambda: bool(thinking.requests))
        settle()
        assert "CONNECTION ESTABLISHED" not in client.output
        (ACCEPT if accepted else REJECT)(thinking.requests[0])
        if accepted:
            spin(server.hasPendingConnections)
            client.waitForOutput("CONNECTION ESTABLISHED")
        else:
            spin(lambda: server.statistics().failed == 1)
            assert UNKNOWN_CA in client.waitForOutput(UNKNOWN_CA)
            assert "CONNECTION ESTABLISHED" not in client.output
    server.close()


@pytest.mark.parametrize("accepted", [True, False])
def test_sec_d23_a_tls13_server_and_python(pki: PublicKeyInfrastructure, accepted: bool) -> None:
    """Here the client has finished already: a late rejection is silence and the end, and no forged alert."""
    thinking = Thinking()
    server = server_of(pki, thinking)
    with PythonTlsClient(
        server.serverPort(),
        caCertificates=[pki.ca.certificate],
        certificate=pki.client,
        minimumVersion=ssl.TLSVersion.TLSv1_3,
    ) as client:
        spin(lambda: bool(thinking.requests))
        settle()
        assert not server.hasPendingConnections()
        (ACCEPT if accepted else REJECT)(thinking.requests[0])
        if accepted:
            spin(server.hasPendingConnections)
        else:
            spin(lambda: server.statistics().failed == 1)
            settle()
            assert client.waitForEnding().ending in ("truncated", "reset")
    server.close()


@pytest.mark.parametrize("accepted", [True, False])
def test_sec_d23_a_dtls_server_and_openssl(pki: PublicKeyInfrastructure, accepted: bool) -> None:
    """The client repeats itself while the program thinks; then it hears the answer."""
    thinking, server = Thinking(), DtlsServer()
    server.setSslConfiguration(serverConfiguration(pki))
    server.acceptCertificate.connect(thinking.askOfServer)
    assert server.listen("127.0.0.1", 0)
    with OpensslClient(server.serverPort(), certificate=pki.client, version="dtls1_2") as client:
        spin(lambda: bool(thinking.requests))
        settle()
        assert "CONNECTION ESTABLISHED" not in client.output
        (ACCEPT if accepted else REJECT)(thinking.requests[0])
        if accepted:
            spin(server.hasPendingConnections)
            client.waitForOutput("CONNECTION ESTABLISHED")
        else:
            spin(lambda: server.statistics().failed == 1)
            client.waitForOutput(UNKNOWN_CA)
    server.close()
