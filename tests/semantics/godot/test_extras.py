"""Items 46 to 49: revocation, mutual TLS, polling beside an event loop, QML."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEventLoop
from PySide6.QtNetwork import QSslError
from PySide6.QtQml import QJSEngine

from qtsecure import DtlsPeer, SslConfiguration, TlsOptions
from qtsecure.testing import CertificateAuthority
from tests.net.conversation import settle, spin
from tests.semantics.godot.support import Pair, Result, Status

Authentication = TlsOptions.ClientAuthentication


def test_godot_46_revoked_server(pair: Pair) -> None:
    """Godot accepts it."""
    pair.serve(pair.pki.revoked)
    options = SslConfiguration.forClient([pair.pki.revokingCa.certificate])
    assert pair.client.connectToPeer(pair.ends[0], "localhost", options) is Result.Ok
    assert pair.outcome() is Status.Connected  # nobody has told the client
    pair.client.disconnectFromPeer()
    options.setCrls([pair.pki.crl])
    assert pair.client.connectToPeer(pair.ends[0], "localhost", options) is Result.Ok
    assert pair.outcome() is Status.Error
    assert [each.error() for each in pair.client.sslHandshakeErrors()] == [QSslError.SslError.CertificateRevoked]


def test_godot_46_revoked_client(pair: Pair) -> None:
    """The server tells it with an alert."""
    authority = CertificateAuthority("clients")
    bad, good = (authority.issue(["client.example"], usage="client") for _ in range(2))
    authority.revoke(bad)
    required = TlsOptions.server(
        pair.pki.server.privateKey, list(pair.pki.server.chain), Authentication.Required, authority.certificate
    )
    configuration = required.toSslConfiguration()
    configuration.setCrls([authority.crl()])
    assert pair.server.setup(configuration) is Result.Ok
    for identity, status in ((bad, Status.Error), (good, Status.Connected)):
        options = pair.options.toSslConfiguration()
        options.setLocalCertificateChain(list(identity.chain))
        options.setPrivateKey(identity.privateKey)
        assert pair.client.connectToPeer(pair.ends[0], "localhost", options) is Result.Ok
        assert pair.outcome() is status
    reasons = [each.error() for each in pair.taken[0].sslHandshakeErrors()]
    assert reasons == [QSslError.SslError.CertificateRevoked]


@pytest.mark.parametrize("shows", ["nothing", "a good one", "one of nobody"])
@pytest.mark.parametrize("demand", list(Authentication))
def test_godot_47_mutual_tls(pair: Pair, demand: TlsOptions.ClientAuthentication, shows: str) -> None:
    """Off, requested, required, against each kind of client."""
    pair.serve(clientAuth=demand, trustedClientCas=pair.pki.ca.certificate)
    options = pair.options.toSslConfiguration()
    if shows != "nothing":
        identity = pair.pki.client if shows == "a good one" else pair.pki.clientUnknownCa
        options.setLocalCertificateChain(list(identity.chain))
        options.setPrivateKey(identity.privateKey)
    assert pair.client.connectToPeer(pair.ends[0], "localhost", options) is Result.Ok
    fine = demand is not Authentication.Required or shows == "a good one"
    assert pair.outcome() is (Status.Connected if fine else Status.Error)
    if fine:
        spin(pair.taken[-1].isEncrypted)
        told = demand is not Authentication.Off and shows != "nothing"
        assert pair.taken[-1].peerCertificate().isNull() is not told
    else:
        assert pair.client.error() is not None
        assert pair.client.error().alert is not None  # type: ignore[union-attr]  # it was not None a line above


def test_godot_48_event_loop_alone(pair: Pair, transport_mode: str) -> None:
    """From the first hello to the end nobody polls."""
    pair.listen()
    pair.client.connectToPeer(pair.udp(), "localhost", pair.options)
    pair.client.encrypted.connect(lambda: pair.client.putPacket(b"hello"))
    pair.server.pendingConnectionAvailable.connect(lambda: answer(pair))
    pair.client.readyRead.connect(pair.client.disconnectFromPeer)
    spin(lambda: pair.statuses()[-1:] == [Status.Disconnected])
    assert pair.client.getPacket() == b"hello"


def answer(pair: Pair) -> None:
    peer = pair.server.nextPendingConnection()
    assert peer is not None
    peer.datagramReceived.connect(peer.putPacket)


@pytest.mark.parametrize("kind", ["udp", "native"])
def test_godot_48_poll_alone(pair: Pair, kind: str, transport_mode: str) -> None:
    """And nobody runs an event loop: no event is processed at all."""
    pair.listen()
    transport = pair.udp() if kind == "udp" else pair.native()
    pair.client.connectToPeer(transport, "localhost", pair.options)
    for _ in range(10):  # on loopback nothing has to be waited for
        pair.server.poll()
        pair.client.poll()
    assert pair.client.status() is Status.Connected
    peer = pair.server.nextPendingConnection()
    assert peer is not None
    pair.client.putVar([1, 2])
    peer.poll()
    assert peer.getVar() == [1, 2]
    peer.disconnectFromPeer()
    pair.client.poll()
    assert pair.client.status() is Status.Disconnected
    assert pair.names()[-3:] == ["statusChanged", "closed", "disconnected"]


def test_godot_48_poll_in_every_slot(pair: Pair) -> None:
    """Beside an event loop, inside slots, inside nested event loops: every message comes once and in order."""
    peer = pair.establish()
    client = pair.client
    received: list[bytes] = []

    def take(message: bytes) -> None:
        received.append(message)
        client.poll()
        if len(received) % 50 == 1:
            QEventLoop().processEvents()
            client.poll()

    for signal in (client.statusChanged, client.closed, client.disconnected):
        signal.connect(lambda *_: client.poll())
    client.datagramReceived.connect(take)
    sent = [b"%03d" % number for number in range(300)]
    for message in sent:
        peer.putPacket(message)
    spin(lambda: len(received) == len(sent))
    assert received == sent
    peer.disconnectFromPeer()
    spin(lambda: client.status() is Status.Disconnected)
    settle()
    assert pair.statuses() == [Status.Handshaking, Status.Connected, Status.Disconnected]


def test_godot_48_poll_while_the_program_is_asked(pair: Pair) -> None:
    """OpenSSL is on the stack: nothing happens."""
    options = pair.options.toSslConfiguration()
    options.setCaCertificates([pair.pki.otherCa.certificate])
    options.setHandshakeMustInterruptOnError(True)
    pair.serve()
    asked: list[Status] = []

    def go(error: object) -> None:
        for _ in range(3):
            pair.client.poll()
        asked.append(pair.client.status())
        pair.client.continueInterruptedHandshake()

    pair.client.handshakeInterruptedOnError.connect(go)
    pair.client.sslErrors.connect(lambda errors: pair.client.ignoreSslErrors())
    pair.client.connectToPeer(pair.ends[0], "localhost", options)
    assert pair.outcome() is Status.Connected
    assert asked
    assert set(asked) == {Status.Handshaking}


def test_godot_49_qml(pair: Pair) -> None:
    """The enums can be named, and signals bring numbers, not objects that JavaScript does not know."""
    engine = QJSEngine()
    # Not staticMetaObject, which PySide renews when the class gets an extension for QML.
    peer = engine.newQMetaObject(pair.client.metaObject())
    engine.globalObject().setProperty("DtlsPeer", peer)
    for enum in (DtlsPeer.Status, DtlsPeer.Result):
        for member in enum:
            assert engine.evaluate(f"DtlsPeer.{member.name}").toInt() == int(member), member
    pair.client.setParent(engine)  # otherwise JavaScript owns it
    engine.globalObject().setProperty("peer", engine.newQObject(pair.client))
    engine.evaluate("var told = []; peer.statusChanged.connect(function(status) { told.push(status) })")
    pair.establish()
    pair.client.disconnectFromPeer()
    assert engine.evaluate("told.join()").toString() == "1,2,0"
    pair.client.setParent(None)


def test_godot_49_plain_values(qapp: object) -> None:
    """In the meta-object, where QML looks."""
    peer = DtlsPeer()
    meta = peer.metaObject()
    signatures = [bytes(meta.method(index).methodSignature().data()) for index in range(meta.methodCount())]
    assert b"statusChanged(int)" in signatures
    assert b"encrypted()" in signatures
    assert {meta.enumerator(index).name() for index in range(meta.enumeratorCount())} >= {"Status", "Result"}
