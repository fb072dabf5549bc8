"""Items 1 to 9: DtlsPeer.Status, and what leads from one to the other."""

from __future__ import annotations

import socket as native
from datetime import datetime, timedelta, timezone

import pytest
from PySide6.QtCore import QCoreApplication
from PySide6.QtNetwork import QSslError

from qtsecure import DtlsPeer, SecureError
from tests.net.conversation import FakeClock, settle, spin
from tests.semantics.godot.support import Pair, Result, Status

Code = SecureError.Code


def test_godot_01_integers() -> None:
    """The numbers of PacketPeerDTLS.Status and of the global Error."""
    assert {status.name: int(status) for status in DtlsPeer.Status} == {
        "Disconnected": 0,
        "Handshaking": 1,
        "Connected": 2,
        "Error": 3,
        "ErrorHostnameMismatch": 4,
    }
    assert {result.name: int(result) for result in DtlsPeer.Result} == {
        "Ok": 0,
        "Failed": 1,
        "Unconfigured": 3,
        "OutOfMemory": 6,
        "AlreadyInUse": 22,
        "InvalidData": 30,
        "InvalidParameter": 31,
    }


def test_godot_02_fresh_object(qapp: QCoreApplication) -> None:
    """It is disconnected, and every call is harmless."""
    peer = DtlsPeer()
    assert peer.status() is Status.Disconnected
    peer.poll()
    peer.disconnectFromPeer()
    assert (peer.availablePacketCount(), peer.maxPacketSize(), peer.baseTransport()) == (0, 0, None)
    assert peer.packetError() is Result.Ok
    assert peer.status() is Status.Disconnected


def test_godot_03_status_changed_once_per_change(pair: Pair) -> None:
    """Never twice for the same value, whatever is called meanwhile."""
    pair.client.statusChanged.connect(lambda status: told.append((status, int(pair.client.status()))))
    told: list[tuple[int, int]] = []
    for _ in range(2):
        pair.establish()
        pair.client.poll()
        pair.begin()  # refused
        pair.client.disconnectFromPeer()
        pair.client.disconnectFromPeer()
        settle()
    assert [status for status, _ in told] == [1, 2, 0] * 2
    assert all(status == now for status, now in told)


def test_godot_04_sequence(pair: Pair) -> None:
    peer = pair.establish()
    peer.disconnectFromPeer()
    spin(lambda: pair.client.status() is Status.Disconnected)
    assert pair.statuses() == [Status.Handshaking, Status.Connected, Status.Disconnected]
    assert pair.names() == [
        *("statusChanged", "statusChanged", "encrypted"),
        *("alertReceived", "alertSent", "statusChanged", "closed", "disconnected"),
    ]


def test_godot_05_wrong_name_alone(pair: Pair) -> None:
    """A good chain for another name: the status that Godot documents and never gives for it."""
    pair.serve()
    assert pair.begin("another.example") is Result.Ok
    assert pair.outcome() is Status.ErrorHostnameMismatch
    error = pair.client.error()
    assert error is not None
    assert error.code is Code.BadCertificate
    assert "it is for localhost" in error.message
    assert [each.error() for each in pair.client.sslHandshakeErrors()] == [QSslError.SslError.HostNameMismatch]


def test_godot_06_wrong_name_and_expired(pair: Pair) -> None:
    """The generic status, and both reasons."""
    now = datetime.now(timezone.utc)
    pair.serve(pair.pki.ca.issue(["wrong.example"], notBefore=now - timedelta(9), notAfter=now - timedelta(1)))
    pair.begin()
    assert pair.outcome() is Status.Error
    assert {each.error() for each in pair.client.sslHandshakeErrors()} == {
        QSslError.SslError.HostNameMismatch,
        QSslError.SslError.CertificateExpired,
    }
    (errors,) = pair.recorder.of("client.sslErrors")
    assert errors == (pair.client.sslHandshakeErrors(),)


@pytest.mark.parametrize("kind", ["udp", "native"])
def test_godot_07_closed_port(pair: Pair, silent: native.socket, kind: str, transport_mode: str) -> None:
    """Within a second, and not as a mismatch of names."""
    port = silent.getsockname()[1]
    silent.connect(silent.getsockname())  # nobody else gets its port, and it takes nothing from anybody else
    transport = pair.udp(port) if kind == "udp" else pair.native(port)
    pair.client.connectToPeer(transport, "localhost", pair.options)
    assert pair.outcome() is Status.Error
    error = pair.client.error()
    assert error is not None
    assert error.code is Code.ConnectionRefused


def test_godot_08_silent_peer(pair: Pair, silent: native.socket, clock: FakeClock) -> None:
    """The deadline is total and can be set; errorOccurred tells that it has passed."""
    assert pair.client.handshakeTimeout() == 30_000
    pair.client.setHandshakeTimeout(5000)
    pair.client.connectToPeer(pair.udp(silent.getsockname()[1]), "localhost", pair.options)
    for _ in range(49):
        clock.advance(0.1)
    assert pair.client.status() is Status.Handshaking
    clock.advance(0.2)
    assert pair.client.status() is Status.Error
    ((error,),) = pair.recorder.of("client.errorOccurred")
    assert isinstance(error, SecureError)
    assert error.code is Code.TimedOut


def test_godot_09_reconnect_after_error_and_end(pair: Pair) -> None:
    """The same object, over the same transport, and in a slot of its own end."""
    pair.serve()
    pair.begin("another.example")
    assert pair.outcome() is Status.ErrorHostnameMismatch
    assert pair.begin("still.another.example") is Result.Ok
    assert pair.outcome() is Status.ErrorHostnameMismatch
    pair.establish()
    assert pair.client.error() is None
    again: list[Result] = []
    pair.client.disconnected.connect(lambda: again.append(pair.begin()))
    pair.taken[-1].disconnectFromPeer()
    spin(lambda: bool(again) and pair.client.isEncrypted())
    assert again == [Result.Ok]
