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

# How OpenSSL names the alert 48, and what its programs say at the end of a handshake.
UNKNOWN_CA = "alert unknown ca"
SERVER_FINISHED, CLIENT_FINISHED = "CIPHER is", "CONNECTION ESTABLISHED"
both_answers = pytest.mark.parametrize("accepted", [True, False])


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

    def answer(self, accepted: bool, *, isFinished: Callable[[], bool]) -> None:
        """Once it has been asked, and the other program has had time to finish, which it must not."""
        spin(lambda: bool(self.requests))
        settle()
        assert not isFinished()
        (CertificateRequest.accept if accepted else CertificateRequest.reject)(self.requests[0])


def isOver(client: SslSocket | DtlsPeer) -> bool:
    """Whether it has failed."""
    if isinstance(client, DtlsPeer):
        return client.status() is DtlsPeer.Status.Error
    return client.state() == State.UnconnectedState


@both_answers
@pytest.mark.parametrize("version", ["tls1_2", "tls1_3", "dtls1_2"])
def test_sec_d23_a_client_and_openssl(pki: PublicKeyInfrastructure, version: str, accepted: bool) -> None:
    """The server waits for the client's flight, repeating its own over datagrams; then it comes, or alert 48."""
    thinking = Thinking()
    client: SslSocket | DtlsPeer = DtlsPeer() if version == "dtls1_2" else SslSocket()
    client.acceptCertificate.connect(thinking.ask)
    client.setSslConfiguration(SslConfiguration.forClient([pki.otherCa.certificate]))
    with OpensslServer(pki.server, version=version) as server:  # type: ignore[arg-type]  # one of the three
        if isinstance(client, DtlsPeer):
            client.connectToHost("127.0.0.1", server.port)
        else:
            client.connectToHostEncrypted("127.0.0.1", server.port)
        thinking.answer(accepted, isFinished=lambda: SERVER_FINISHED in server.output)
        if accepted:
            spin(client.isEncrypted)
            server.waitForOutput(SERVER_FINISHED)
        else:
            spin(lambda: isOver(client))
            assert UNKNOWN_CA in server.waitForOutput(UNKNOWN_CA)
            assert SERVER_FINISHED not in server.output
        client.abort()


def serverOf(pki: PublicKeyInfrastructure, thinking: Thinking, *, datagrams: bool = False) -> SslServer | DtlsServer:
    """One that listens and trusts no client's certificate."""
    configuration = SslConfiguration.forServer(list(pki.server.chain), pki.server.privateKey)
    configuration.setPeerVerifyMode(VerifyMode.VerifyPeer)
    configuration.setCaCertificates([pki.otherCa.certificate])
    server = DtlsServer() if datagrams else SslServer()
    server.setSslConfiguration(configuration)
    server.acceptCertificate.connect(thinking.askOfServer)
    assert server.listen("127.0.0.1", 0)
    return server


@both_answers
@pytest.mark.parametrize("version", ["tls1_2", "dtls1_2"])
def test_sec_d23_a_server_and_openssl(pki: PublicKeyInfrastructure, version: str, accepted: bool) -> None:
    """The client waits for the server's last flight, repeating its own over datagrams; then it comes, or alert 48."""
    thinking = Thinking()
    server = serverOf(pki, thinking, datagrams=version == "dtls1_2")
    with OpensslClient(
        server.serverPort(),
        certificate=pki.client,
        version=version,  # type: ignore[arg-type]  # one of the two
    ) as client:
        thinking.answer(accepted, isFinished=lambda: CLIENT_FINISHED in client.output)
        if accepted:
            spin(server.hasPendingConnections)
            client.waitForOutput(CLIENT_FINISHED)
        else:
            spin(lambda: server.statistics().failed == 1)
            assert UNKNOWN_CA in client.waitForOutput(UNKNOWN_CA)
            assert CLIENT_FINISHED not in client.output
    server.close()


@both_answers
def test_sec_d23_a_tls13_server_and_python(pki: PublicKeyInfrastructure, accepted: bool) -> None:
    """Here the client has finished already: a late rejection is silence and the end, and no forged alert."""
    thinking = Thinking()
    server = serverOf(pki, thinking)
    with PythonTlsClient(
        server.serverPort(),
        caCertificates=[pki.ca.certificate],
        certificate=pki.client,
        minimumVersion=ssl.TLSVersion.TLSv1_3,
    ) as client:
        thinking.answer(accepted, isFinished=server.hasPendingConnections)
        if accepted:
            spin(server.hasPendingConnections)
        else:
            spin(lambda: server.statistics().failed == 1)
            settle()
            assert client.waitForEnding().ending in ("truncated", "reset")
    server.close()
