"""Stapled revocation status between sockets, for TLS and DTLS, and with OpenSSL's command line.

The tests of the names ``test_qocsp_...`` say what Qt's tst_qocsp says, in words of their own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.x509.ocsp import OCSPCertStatus, OCSPResponseStatus
from PySide6.QtCore import QByteArray
from PySide6.QtNetwork import QOcspCertificateStatus, QOcspRevocationReason, QSsl, QSslError

from qtsecure import DtlsPeer, OcspResponse, SecureError, SslCertificate, SslConfiguration, SslError, SslSocket
from qtsecure.testing.peers import OpensslClient, OpensslServer
from qtsecure.testing.pki import IssuedCertificate, PublicKeyInfrastructure
from tests.engine.ocsp_responses import (
    DAY,
    HOUR,
    NOW,
    make_delegate,
    make_refusal,
    make_status,
    with_two_answers,
)
from tests.net.conftest import MakeConversation
from tests.net.conversation import PROTOCOLS, Conversation, Error, State, settle, spin
from tests.net.dtls.conversation import DtlsConversation

Code = QSslError.SslError
both_versions = pytest.mark.parametrize("version", ["1.2", "1.3"])
Make = Callable[[PublicKeyInfrastructure], bytes]


def answers(configuration: SslConfiguration, response: bytes) -> None:
    """Have a server staple what setOcspResponse() would refuse."""
    configuration._settings = dataclasses.replace(configuration._settings, ocspResponse=response)


def ask(conversation: Conversation | DtlsConversation, response: bytes) -> None:
    """A server that staples this, and a client that asks."""
    answers(conversation.serverConfiguration, response)
    conversation.clientConfiguration.setOcspStaplingEnabled(True)


def found(client: SslSocket | DtlsPeer) -> list[str]:
    """What was wrong."""
    return [error.error().name for error in client.sslHandshakeErrors()]


def failedWith(conversation: Conversation, code: str, *, alert: bool = True) -> None:
    """The client has refused, said why to the program, and told the server with alert 113."""
    conversation.connect()
    conversation.waitForClientEnd()
    assert found(conversation.client) == [code]
    assert conversation.client.error() == Error.SslHandshakeFailedError
    assert conversation.recorder.count("client.encrypted") == 0
    conversation.waitForServerEnd()
    if alert:
        (heard,) = conversation.recorder.of("server.alertReceived")
        assert heard[2] == QSsl.AlertType.BadCertificateStatusResponse


# --------------------------------------------------------------------------------- tst_qocsp


BAD_STATUS: dict[str, tuple[Make, str]] = {
    "revoked": (lambda p: make_status(p.ca, p.server, status=OCSPCertStatus.REVOKED), "CertificateRevoked"),
    "unknown": (lambda p: make_status(p.ca, p.server, status=OCSPCertStatus.UNKNOWN), "OcspStatusUnknown"),
    "malformed request": (lambda p: make_refusal(OCSPResponseStatus.MALFORMED_REQUEST), "OcspMalformedRequest"),
    "internal error": (lambda p: make_refusal(OCSPResponseStatus.INTERNAL_ERROR), "OcspInternalError"),
    "try later": (lambda p: make_refusal(OCSPResponseStatus.TRY_LATER), "OcspTryLater"),
    "signature required": (lambda p: make_refusal(OCSPResponseStatus.SIG_REQUIRED), "OcspSigRequred"),
    "unauthorized": (lambda p: make_refusal(OCSPResponseStatus.UNAUTHORIZED), "OcspUnauthorized"),
}


@both_versions
@pytest.mark.parametrize("row", BAD_STATUS)
def test_qocsp_bad_status(make_conversation: MakeConversation, version: str, row: str) -> None:
    """Each bad status and each refusal of a responder has a code of its own."""
    conversation = make_conversation(PROTOCOLS[version])
    make, code = BAD_STATUS[row]
    ask(conversation, make(conversation.pki))
    failedWith(conversation, code)
    assert conversation.client.sslHandshakeErrors()[0].errorString()[1:] in conversation.client.errorString()
    (response,) = conversation.client.ocspResponses()
    assert response.certificateStatus().name == {"revoked": "Revoked"}.get(row, "Unknown")
    assert (response.revocationReason() == QOcspRevocationReason.KeyCompromise) is (row == "revoked")


def fromOpenssl(
    conversation: Conversation, tmp_path: Path, version: str, response: bytes, identity: IssuedCertificate
) -> None:
    """Connect to OpenSSL's own server, which staples anything that can be parsed."""
    file = tmp_path / "status.der"
    file.write_bytes(response)
    client = conversation.client
    conversation.clientConfiguration.setOcspStaplingEnabled(True)
    client.setSslConfiguration(conversation.clientConfiguration)
    with OpensslServer(
        identity,
        version="tls1_2" if version == "1.2" else "tls1_3",
        arguments=["-status_file", str(file)],
    ) as server:
        client.connectToHostEncrypted("127.0.0.1", server.port)
        spin(lambda: client.isEncrypted() or client.state() == State.UnconnectedState)
        if client.isEncrypted():
            assert client.ocspResponses() == [OcspResponse(response)]
            client.abort()
        else:
            settle()
            server.waitForOutput("bad certificate status response")


@both_versions
@pytest.mark.parametrize("good", [False, True])
def test_qocsp_connect_self_signed(
    make_conversation: MakeConversation, tmp_path: Path, version: str, good: bool
) -> None:
    """A trusted self-signed certificate answers for itself; without an answer the client refuses."""
    conversation = make_conversation(PROTOCOLS[version])
    identity = conversation.pki.selfSigned
    conversation.showServer(identity)
    conversation.clientConfiguration.setCaCertificates([identity.certificate])
    if not good:
        ask(conversation, b"")
        failedWith(conversation, "OcspNoResponseFound")
        assert conversation.client.ocspResponses() == []
        return
    # OpenSSL 4 as a server staples nothing about a certificate whose issuer is not in its chain.
    fromOpenssl(conversation, tmp_path, version, make_status(identity, identity), identity)
    assert found(conversation.client) == []


@both_versions
def test_qocsp_multiple_single_responses(make_conversation: MakeConversation, version: str, tmp_path: Path) -> None:
    """One certificate was asked about, so there is one answer."""
    conversation, pki = make_conversation(PROTOCOLS[version]), make_conversation().pki
    two = with_two_answers(make_status(pki.ca, pki.server), make_status(pki.ca, pki.expired))
    fromOpenssl(conversation, tmp_path, version, two, pki.server)
    assert found(conversation.client) == ["OcspMalformedResponse"]


@both_versions
def test_qocsp_malformed_response(make_conversation: MakeConversation, version: str) -> None:
    """What cannot be read does not count as an answer: OpenSSL as a server does not even send it."""
    conversation = make_conversation(PROTOCOLS[version])
    ask(conversation, b"\x30\x03abc")
    failedWith(conversation, "OcspNoResponseFound")


@both_versions
@pytest.mark.parametrize("row", ["past", "future"])
def test_qocsp_expired_response(make_conversation: MakeConversation, version: str, row: str) -> None:
    """Too old, and from the future; the words tell which."""
    conversation, pki = make_conversation(PROTOCOLS[version]), make_conversation().pki
    begin, end = (NOW - 9 * DAY, NOW - DAY) if row == "past" else (NOW + DAY, NOW + 9 * DAY)
    ask(conversation, make_status(pki.ca, pki.server, begin=begin, end=end))
    failedWith(conversation, "OcspResponseExpired")
    text = conversation.client.sslHandshakeErrors()[0].errorString()
    assert ("out of date" in text) is (row == "past")
    assert ("not valid yet" in text) is (row == "future")


@both_versions
def test_qocsp_no_next_update(make_conversation: MakeConversation, version: str) -> None:
    """Without an end a fresh status is good (for one day)."""
    conversation, pki = make_conversation(PROTOCOLS[version]), make_conversation().pki
    ask(conversation, make_status(pki.ca, pki.server, end=None))
    conversation.establish()
    (response,) = conversation.client.ocspResponses()
    assert not response.nextUpdate().isValid()
    assert response.thisUpdate().toSecsSinceEpoch() == int((NOW - HOUR).timestamp())


@both_versions
def test_qocsp_wrong_certificate_in_response(make_conversation: MakeConversation, version: str, tmp_path: Path) -> None:
    """A good status of another certificate of the same authority."""
    conversation, pki = make_conversation(PROTOCOLS[version]), make_conversation().pki
    fromOpenssl(conversation, tmp_path, version, make_status(pki.ca, pki.expired), pki.server)
    assert found(conversation.client) == ["OcspResponseCertIdUnknown"]


@both_versions
@pytest.mark.parametrize("row", ["stranger", "delegate without the purpose", "forged"])
def test_qocsp_untrusted_responder(make_conversation: MakeConversation, version: str, row: str) -> None:
    """Signed by somebody whom the issuer has not authorized, or by nobody at all."""
    conversation, pki = make_conversation(PROTOCOLS[version]), make_conversation().pki
    delegate = make_delegate(pki.ca, extensions=())
    responses = {
        "stranger": make_status(pki.ca, pki.server, signer=pki.otherCa),
        "delegate without the purpose": make_status(
            pki.ca, pki.server, signer=delegate, certificates=[delegate.certificate]
        ),
        "forged": make_status(pki.ca, pki.server, signer=pki.otherCa, responder=pki.ca),
    }
    ask(conversation, responses[row])
    failedWith(conversation, "OcspResponseCannotBeTrusted")
    assert conversation.client.sslHandshakeErrors()[0].isOverridable() is (row != "forged")


# ------------------------------------------------------------------------------- what a program does


def leaveOutMissing(client: SslSocket, errors: list[SslError]) -> None:
    """The soft policy: what is missing or late does no harm, everything else does."""
    harmless = (Code.OcspNoResponseFound, Code.OcspResponseExpired, Code.OcspTryLater)
    client.ignoreSslErrors([error for error in errors if error.error() in harmless])


@both_versions
@pytest.mark.parametrize(("row", "accepted"), [("nothing", True), ("try later", True), ("revoked", False)])
def test_a_soft_policy(make_conversation: MakeConversation, version: str, row: str, accepted: bool) -> None:
    """The program ignores what it can live without; a revoked certificate is refused all the same."""
    conversation = make_conversation(PROTOCOLS[version])
    client = conversation.client
    ask(conversation, b"" if row == "nothing" else BAD_STATUS[row][0](conversation.pki))
    client.sslErrors.connect(lambda errors: leaveOutMissing(client, errors))
    conversation.connect()
    spin(lambda: client.isEncrypted() or client.state() == State.UnconnectedState)
    assert client.isEncrypted() is accepted


def test_a_dialog_about_the_status(make_conversation: MakeConversation) -> None:
    """A deferred decision holds the flight; rejected, the server hears alert 113."""
    conversation = make_conversation(PROTOCOLS["1.3"])
    ask(conversation, b"")
    requests: list[Any] = []

    def think(request: Any) -> None:
        request.defer()
        requests.append(request)

    conversation.client.acceptCertificate.connect(think)
    conversation.connect()
    spin(lambda: bool(requests))
    settle()
    assert not conversation.server.hasPendingConnections()
    requests[0].reject()
    conversation.waitForClientEnd()
    conversation.waitForServerEnd()
    assert conversation.recorder.of("server.alertReceived")[0][2] == QSsl.AlertType.BadCertificateStatusResponse


@both_versions
def test_sec_d15_hot_reload(make_conversation: MakeConversation, version: str) -> None:
    """The listening server staples what it was given last; connections that stand do not notice."""
    conversation, pki = make_conversation(PROTOCOLS[version]), make_conversation().pki
    conversation.serverConfiguration.setOcspResponse(pki.ca.ocspResponse(pki.server))
    conversation.clientConfiguration.setOcspStaplingEnabled(True)
    peer = conversation.establish()
    stale = pki.ca.ocspResponse(pki.server, thisUpdate=NOW - 9 * DAY, nextUpdate=NOW - DAY)
    conversation.serverConfiguration.setOcspResponse(stale)
    conversation.server.setSslConfiguration(conversation.serverConfiguration)
    another = SslSocket()
    another.setSslConfiguration(conversation.clientConfiguration)
    another.setSession(None)
    another.connectToHostEncrypted("127.0.0.1", conversation.server.serverPort())
    spin(lambda: another.state() == State.UnconnectedState)
    assert found(another) == ["OcspResponseExpired"]
    peer.write(b"still here")
    spin(lambda: conversation.client.bytesAvailable() == 10)


@both_versions
def test_each_virtual_host_staples_its_own(make_conversation: MakeConversation, version: str) -> None:
    """The status belongs to the certificate that the name in the hello has chosen; without a status, to none."""
    conversation, pki = make_conversation(PROTOCOLS[version]), make_conversation().pki
    other = pki.ca.issue(["other.example"])
    host = SslConfiguration.forServer(list(other.chain), other.privateKey)
    host.setProtocol(PROTOCOLS[version])
    conversation.serverConfiguration.setOcspResponse(pki.ca.ocspResponse(pki.server))
    conversation.clientConfiguration.setOcspStaplingEnabled(True)

    def outcome(name: str) -> list[str] | str:
        conversation.serverConfiguration.setVirtualHosts({"other.example": host})
        conversation.server.setSslConfiguration(conversation.serverConfiguration)
        client = SslSocket(conversation.client)
        client.setSslConfiguration(conversation.clientConfiguration)
        client.setPeerVerifyName(name)
        client.connectToHostEncrypted("127.0.0.1", conversation.server.serverPort())
        spin(lambda: client.isEncrypted() or client.state() == State.UnconnectedState)
        return client.ocspResponses()[0].serialNumber() if client.isEncrypted() else found(client)

    conversation.listen()
    assert outcome("localhost") == SslCertificate(pki.server.certificate).serialNumber()
    assert outcome("other.example") == ["OcspNoResponseFound"]
    host.setOcspResponse(pki.ca.ocspResponse(other))
    assert outcome("other.example") == SslCertificate(other.certificate).serialNumber()


# --------------------------------------------------------------------------------------------- DTLS


@pytest.fixture
def dtls(qapp: object, qtsecure_pki: PublicKeyInfrastructure):
    """A DTLS server and client."""
    made = DtlsConversation(qtsecure_pki)
    yield made
    made.close()


def test_dtls_good(dtls: DtlsConversation) -> None:
    """Both peers agree, and the status is there."""
    dtls.serverConfiguration.setOcspResponse(dtls.pki.ca.ocspResponse(dtls.pki.server))
    dtls.clientConfiguration.setOcspStaplingEnabled(True)
    peer = dtls.establish()
    (response,) = dtls.client.ocspResponses()
    assert response.certificateStatus() == QOcspCertificateStatus.Good
    assert peer.ocspResponses() == []


@pytest.mark.parametrize("row", ["revoked", "try later", "nothing", "stale", "forged"])
def test_dtls_bad(dtls: DtlsConversation, row: str) -> None:
    """The same codes, and the server hears why."""
    pki = dtls.pki
    rows: dict[str, tuple[Make, str]] = {
        **BAD_STATUS,
        "nothing": (lambda p: b"", "OcspNoResponseFound"),
        "stale": (lambda p: make_status(p.ca, p.server, end=NOW - DAY, begin=NOW - 2 * DAY), "OcspResponseExpired"),
        "forged": (
            lambda p: make_status(p.ca, p.server, signer=p.otherCa, responder=p.ca),
            "OcspResponseCannotBeTrusted",
        ),
    }
    make, code = rows[row]
    ask(dtls, make(pki))
    dtls.connect()
    spin(lambda: dtls.client.status() is DtlsPeer.Status.Error)
    assert found(dtls.client) == [code]
    error = dtls.client.error()
    assert error is not None
    assert error.alert == 113
    spin(lambda: bool(dtls.arguments("server.alertReceived")))
    assert dtls.arguments("server.alertReceived")[0][2] is QSsl.AlertType.BadCertificateStatusResponse


def test_dtls_hot_reload(dtls: DtlsConversation) -> None:
    """As with TLS."""
    dtls.serverConfiguration.setOcspResponse(dtls.pki.ca.ocspResponse(dtls.pki.server))
    dtls.clientConfiguration.setOcspStaplingEnabled(True)
    dtls.establish()
    dtls.serverConfiguration.setOcspResponse(None)
    dtls.server.setSslConfiguration(dtls.serverConfiguration)
    another = dtls.makeClient("another")
    dtls.connect(another)
    spin(lambda: another.status() is DtlsPeer.Status.Error)
    assert found(another) == ["OcspNoResponseFound"]


# ----------------------------------------------------------------------------------- other programs


@both_versions
def test_openssl_reads_what_a_server_staples(make_conversation: MakeConversation, version: str) -> None:
    """s_client -status prints it."""
    conversation = make_conversation(PROTOCOLS[version])
    pki = conversation.pki
    conversation.serverConfiguration.setOcspResponse(pki.ca.ocspResponse(pki.server))
    conversation.listen()
    client = OpensslClient(conversation.server.serverPort(), caCertificates=[pki.ca.certificate], arguments=["-status"])
    client._command.remove("-brief")  # which would hide it
    with client:
        spin(conversation.server.hasPendingConnections)
        output = client.waitForOutput("Cert Status: good")
        assert "OCSP Response Status: successful" in output


@both_versions
@pytest.mark.parametrize("row", ["good", "revoked", "stale"])
def test_what_openssl_staples(make_conversation: MakeConversation, tmp_path: Path, version: str, row: str) -> None:
    """s_server -status_file."""
    conversation, pki = make_conversation(PROTOCOLS[version]), make_conversation().pki
    rows: dict[str, tuple[bytes, list[str]]] = {
        "good": (make_status(pki.ca, pki.server), []),
        "revoked": (make_status(pki.ca, pki.server, status=OCSPCertStatus.REVOKED), ["CertificateRevoked"]),
        "stale": (make_status(pki.ca, pki.server, begin=NOW - 9 * DAY, end=NOW - DAY), ["OcspResponseExpired"]),
    }
    response, wanted = rows[row]
    fromOpenssl(conversation, tmp_path, version, response, pki.server)
    assert found(conversation.client) == wanted


# ------------------------------------------------------------------------------------------- the value


def test_the_response_as_a_value(qtsecure_pki: PublicKeyInfrastructure) -> None:
    """Equal by content; what cannot be read is unknown."""
    der = make_status(qtsecure_pki.ca, qtsecure_pki.server)
    response = OcspResponse(der)
    assert response == OcspResponse(der)
    assert len({response, OcspResponse(der)}) == 1
    assert response != OcspResponse(b"")
    assert response.toDer() == QByteArray(der)
    assert int(response.serialNumber(), 16) == qtsecure_pki.server.certificate.serial_number
    assert response.nextUpdate().toSecsSinceEpoch() == int((NOW + DAY).timestamp())
    assert "Good" in repr(response)
    for data in (b"", b"garbage", make_refusal(OCSPResponseStatus.TRY_LATER)):
        unknown = OcspResponse(data)
        assert unknown.certificateStatus() == QOcspCertificateStatus.Unknown
        assert unknown.revocationReason() == QOcspRevocationReason.None_
        assert unknown.serialNumber() == ""
        assert not unknown.thisUpdate().isValid()
        assert not unknown.nextUpdate().isValid()


def test_the_serial_number_is_that_of_a_certificate(qtsecure_pki: PublicKeyInfrastructure) -> None:
    """In whole bytes, so that the two can be compared."""
    number = qtsecure_pki.server.certificate.serial_number
    octets = number.to_bytes((number.bit_length() + 7) // 8, "big")
    der = make_status(qtsecure_pki.ca, qtsecure_pki.server)
    assert octets in der
    response = OcspResponse(der.replace(octets, b"\x01" + octets[1:]))
    assert response.serialNumber() == f"01{octets[1:].hex()}"


def test_a_reason_that_nobody_knows(qtsecure_pki: PublicKeyInfrastructure) -> None:
    """A number that RFC 5280 does not have is no reason, and no exception in a slot of the program."""
    der = make_status(qtsecure_pki.ca, qtsecure_pki.server, status=OCSPCertStatus.REVOKED)
    keyCompromise, unassigned = bytes.fromhex("a0030a0101"), bytes.fromhex("a0030a0163")
    assert der.count(keyCompromise) == 1
    response = OcspResponse(der.replace(keyCompromise, unassigned))
    assert response.certificateStatus() == QOcspCertificateStatus.Revoked
    assert response.revocationReason() == QOcspRevocationReason.None_


def test_what_is_refused_when_it_is_set(qtsecure_pki: PublicKeyInfrastructure, tmp_path: Path) -> None:
    """Garbage, a refusal, and the status of another certificate, in whatever order both are set."""
    pki = qtsecure_pki
    good, other = pki.ca.ocspResponse(pki.server), pki.ca.ocspResponse(pki.expired)
    configuration = SslConfiguration.forServer(list(pki.server.chain), pki.server.privateKey)
    before = SslConfiguration(configuration)
    for wrong in (b"garbage", make_refusal(OCSPResponseStatus.UNAUTHORIZED), other, tmp_path / "missing.der"):
        with pytest.raises(SecureError) as caught:
            configuration.setOcspResponse(wrong)
        assert caught.value.code is SecureError.Code.BadCertificate
        assert configuration == before
    with pytest.raises(TypeError, match="response must be bytes or a path"):
        configuration.setOcspResponse(7)  # type: ignore[arg-type]  # the mistake under test
    file = tmp_path / "status.der"
    file.write_bytes(good)
    for right in (good, QByteArray(good), bytearray(good), file, str(file)):
        configuration.setOcspResponse(None)
        assert configuration == before
        configuration.setOcspResponse(right)
        assert configuration.ocspResponse() == QByteArray(good)
    assert configuration != before
    keyless = SslConfiguration()
    keyless.setOcspResponse(good)
    with pytest.raises(SecureError, match="another certificate"):
        keyless.setLocalCertificateChain(list(pki.expired.chain))
    keyless.setLocalCertificateChain(list(pki.server.chain))
    configuration.setOcspResponse(b"")
    assert configuration == before
    assert not configuration.ocspStaplingEnabled()
