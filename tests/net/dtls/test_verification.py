"""Certificates of both sides: what is told, what the program may decide, what the other side hears."""

from __future__ import annotations

import pytest
from PySide6.QtNetwork import QAbstractSocket, QSsl, QSslError

from qtsecure import CertificateRequest, SecureError, SslCertificate, SslError
from tests.net.conversation import FakeClock, settle, spin
from tests.net.dtls.conversation import DtlsConversation, Status

Code = QSslError.SslError


def codes(errors: object) -> list[str]:
    assert isinstance(errors, list)
    return [error.error().name for error in errors]


@pytest.mark.parametrize(
    ("identity", "expected", "status"),
    [
        ("expired", ["CertificateExpired"], Status.Error),
        ("wrongHost", ["HostNameMismatch"], Status.ErrorHostnameMismatch),
        ("selfSigned", ["SelfSignedCertificate"], Status.Error),
    ],
)
def test_a_bad_server(conversation: DtlsConversation, identity: str, expected: list[str], status: Status) -> None:
    conversation.showServer(getattr(conversation.pki, identity))
    conversation.connect()
    spin(lambda: conversation.client.status() is status)
    ((errors,),) = conversation.arguments("client.sslErrors")
    assert codes(errors) == expected
    assert conversation.names("client") == [
        "statusChanged",
        "peerVerifyError",
        "sslErrors",
        "acceptCertificate",
        "alertSent",
        "statusChanged",
        "errorOccurred",
        "disconnected",
    ]
    error = conversation.client.error()
    assert error is not None
    assert error.code is SecureError.Code.BadCertificate
    assert error.alert is not None
    spin(lambda: conversation.server.statistics().failed == 1)
    assert [name for name in conversation.names("server") if name == "alertReceived"]
    assert not conversation.server.hasPendingConnections()


def test_ignoring_in_the_slot(conversation: DtlsConversation) -> None:
    conversation.showServer(conversation.pki.expired)
    conversation.client.sslErrors.connect(lambda errors: conversation.client.ignoreSslErrors(errors))
    conversation.establish()
    assert codes(conversation.client.sslHandshakeErrors()) == ["CertificateExpired"]


def test_ignoring_beforehand(conversation: DtlsConversation) -> None:
    expired = conversation.pki.expired
    conversation.showServer(expired)
    conversation.client.ignoreSslErrors([SslError(Code.CertificateExpired, SslCertificate(expired.chain[0]))])
    conversation.establish()


def test_ignoring_another_error_is_not_enough(conversation: DtlsConversation) -> None:
    conversation.showServer(conversation.pki.expired)
    conversation.client.ignoreSslErrors([SslError(Code.HostNameMismatch)])
    conversation.connect()
    spin(lambda: conversation.client.status() is Status.Error)


@pytest.mark.parametrize("answer", ["accept", "reject"])
def test_a_deferred_answer(conversation: DtlsConversation, clock: FakeClock, answer: str) -> None:
    """The handshake's deadline stands still while somebody thinks."""
    requests: list[CertificateRequest] = []

    def think(request: CertificateRequest) -> None:
        request.defer()
        requests.append(request)

    conversation.showServer(conversation.pki.expired)
    conversation.server.setHandshakeTimeout(0)
    conversation.client.acceptCertificate.connect(think)
    conversation.connect()
    spin(lambda: bool(requests))
    assert codes(requests[0].errors()) == ["CertificateExpired"]
    assert requests[0].hostName() == "127.0.0.1"
    for _ in range(60):
        clock.advance(1)
        settle()
    assert conversation.client.status() is Status.Handshaking
    getattr(requests[0], answer)()
    wanted = Status.Connected if answer == "accept" else Status.Error
    spin(lambda: conversation.client.status() is wanted)


def test_closing_cancels_the_question(conversation: DtlsConversation) -> None:
    cancelled: list[None] = []

    def think(request: CertificateRequest) -> None:
        request.defer()
        request.cancelled.connect(lambda: cancelled.append(None))

    conversation.showServer(conversation.pki.expired)
    conversation.client.acceptCertificate.connect(think)
    conversation.connect()
    spin(lambda: bool(conversation.arguments("client.acceptCertificate")))
    conversation.client.close()
    assert cancelled == [None]


def test_pausing_as_qdtls_does(conversation: DtlsConversation) -> None:
    client = conversation.client
    client.setPauseMode(QAbstractSocket.PauseMode.PauseOnSslErrors)
    conversation.showServer(conversation.pki.expired)
    conversation.connect()
    spin(lambda: bool(conversation.arguments("client.sslErrors")))
    settle()
    assert client.status() is Status.Handshaking
    assert not client.resumeHandshake()  # nothing is ignored
    client.ignoreSslErrors(client.sslHandshakeErrors())
    assert client.resumeHandshake()
    spin(client.isEncrypted)
    assert not client.resumeHandshake()


def test_aborting_tells_the_server(conversation: DtlsConversation) -> None:
    client = conversation.client
    client.setPauseMode(QAbstractSocket.PauseMode.PauseOnSslErrors)
    conversation.showServer(conversation.pki.expired)
    conversation.connect()
    spin(lambda: bool(conversation.arguments("client.sslErrors")))
    assert client.abortHandshake()
    assert client.status() is Status.Error
    spin(lambda: bool(conversation.arguments("server.alertReceived")))
    assert conversation.arguments("server.alertReceived")[0][2] is QSsl.AlertType.CertificateExpired
    assert not client.abortHandshake()


def test_mutual(conversation: DtlsConversation) -> None:
    conversation.demandClientCertificate()
    conversation.showClient(conversation.pki.client)
    peer = conversation.establish()
    assert peer.peerCertificate().toDer() == conversation.client.sslConfiguration().localCertificate().toDer()


def test_a_client_without_certificate(conversation: DtlsConversation) -> None:
    conversation.demandClientCertificate()
    conversation.serverConfiguration.setMissingCertificateIsFatal(True)
    conversation.connect()
    spin(lambda: conversation.client.status() is Status.Error)
    spin(lambda: bool(conversation.arguments("server.errorOccurred")))
    assert not conversation.server.hasPendingConnections()
    assert conversation.arguments("server.alertSent")


def test_a_client_of_an_unknown_authority(conversation: DtlsConversation) -> None:
    """The client hears why (QDtls leaves it waiting)."""
    conversation.demandClientCertificate()
    conversation.showClient(conversation.pki.clientUnknownCa)
    conversation.connect()
    spin(lambda: conversation.client.status() is Status.Error)
    assert conversation.arguments("client.alertReceived")
    assert conversation.names("server")[:2] == ["newConnection", "startedEncryptionHandshake"]
    assert {"peerVerifyError", "sslErrors", "acceptCertificate", "alertSent", "errorOccurred"} <= set(
        conversation.names("server")
    )


def test_a_server_may_ignore_errors_of_clients(conversation: DtlsConversation) -> None:
    conversation.demandClientCertificate()
    conversation.showClient(conversation.pki.clientUnknownCa)
    conversation.server.sslErrors.connect(lambda peer, errors: peer.ignoreSslErrors(errors))
    conversation.establish()


def test_early_interruption(conversation: DtlsConversation) -> None:
    conversation.clientConfiguration.setHandshakeMustInterruptOnError(True)
    conversation.showServer(conversation.pki.expired)
    conversation.connect()
    spin(lambda: conversation.client.status() is Status.Error)
    assert "handshakeInterruptedOnError" in conversation.names("client")
    assert "sslErrors" not in conversation.names("client")
    spin(lambda: bool(conversation.arguments("server.alertReceived")))


def test_another_name(conversation: DtlsConversation) -> None:
    conversation.connect(peerVerifyName="nobody.example")
    spin(lambda: conversation.client.status() is Status.ErrorHostnameMismatch)
