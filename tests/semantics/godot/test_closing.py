"""Items 30 to 34: the end of an association."""

from __future__ import annotations

import socket as native

import pytest
from PySide6.QtNetwork import QSsl
from shiboken6 import delete, isValid

from qtsecure import DtlsPeer
from tests.net.conversation import FakeClock, deleteEverything, settle, spin
from tests.semantics.godot.support import Collector, Pair, Result, Status, received

CloseNotify = QSsl.AlertType.CloseNotify


def test_godot_30_one_close_notify(pair: Pair, clock: FakeClock) -> None:
    """One datagram, also when it is called again, and by other names."""
    peer = pair.establish()
    alerts: list[QSsl.AlertType] = []
    peer.alertReceived.connect(lambda level, kind, text: alerts.append(kind))
    carried: list[bytes] = []
    pair.ends[1].datagramReceived.connect(carried.append)
    pair.client.disconnectFromPeer()
    pair.client.disconnectFromPeer()
    pair.client.close()
    spin(lambda: peer.status() is Status.Disconnected)
    settle()
    assert alerts == [CloseNotify]
    assert len(carried) == 1
    assert [arguments[1] for arguments in pair.recorder.of("client.alertSent")] == [CloseNotify]
    assert pair.client.status() is Status.Disconnected


def test_godot_31_close_of_the_peer_is_answered(pair: Pair) -> None:
    peer = pair.establish()
    carried: list[bytes] = []
    pair.ends[1].datagramReceived.connect(carried.append)
    peer.disconnectFromPeer()
    spin(lambda: pair.client.status() is Status.Disconnected)
    settle()
    assert [arguments[1] for arguments in pair.recorder.of("client.alertSent")] == [CloseNotify]
    assert len(carried) == 1
    assert pair.client.error() is None


def test_godot_32_while_handshaking(pair: Pair, silent: native.socket, clock: FakeClock) -> None:
    """No timer is left, and the socket can be used again, by the program and by the same object."""
    udp = pair.udp(silent.getsockname()[1])
    assert pair.client.connectToPeer(udp, "localhost", pair.options) is Result.Ok
    pair.client.disconnectFromPeer()
    assert pair.client.status() is Status.Disconnected
    received(silent)
    for _ in range(100):
        clock.advance(1)
    settle()
    assert received(silent) == []
    assert pair.client.status() is Status.Disconnected
    assert udp.state() == udp.SocketState.ConnectedState
    udp.write(b"plain")
    assert received(silent) == [b"plain"]
    assert pair.client.connectToPeer(udp, "localhost", pair.options) is Result.Ok


def test_godot_33_deletion_is_polite(pair: Pair) -> None:
    """Whether C++ or Python does it."""
    for way in (delete, lambda client: client.deleteLater()):
        peer = pair.establish()
        way(pair.client)
        settle()
        spin(lambda peer=peer: peer.status() is Status.Disconnected)  # type: ignore[misc]  # a default binds the loop's value
        assert peer.error() is None
        pair.client = DtlsPeer()
    peer = pair.establish()
    pair.client = DtlsPeer()  # the last reference to the old one
    deleteEverything()
    spin(lambda: peer.status() is Status.Disconnected)


@pytest.mark.parametrize(
    "signal", ["statusChanged", "encrypted", "readyRead", "datagramReceived", "closed", "disconnected", "alertReceived"]
)
@pytest.mark.parametrize("polled", [False, True], ids=["event loop", "poll"])
def test_godot_34_destroyed_in_its_own_slot(pair: Pair, signal: str, polled: bool) -> None:
    """Every signal of a peer may be its last."""
    client = pair.client
    getattr(client, signal).connect(lambda *_: delete(client))
    pair.serve()
    pair.begin()

    def turn() -> bool:
        if polled and isValid(client):
            client.poll()
        if pair.taken and isValid(pair.taken[-1]) and pair.taken[-1].isEncrypted():
            pair.taken[-1].putPacket(b"x")
            pair.taken[-1].disconnectFromPeer()
        return not isValid(client)

    spin(turn)
    settle()


def test_godot_34_destroyed_by_its_error(pair: Pair) -> None:
    """errorOccurred comes from the network, and from connectToPeer() itself."""
    pair.serve()
    client = pair.client
    client.errorOccurred.connect(lambda error: delete(client))
    pair.begin("another.example")
    spin(lambda: not isValid(client))
    other = DtlsPeer()
    other.errorOccurred.connect(lambda error: delete(other))
    assert other.connectToPeer(Collector(mtu=100), "localhost", pair.options) is Result.Failed
    assert not isValid(other)
