"""Items 22 to 29: packets and values."""

from __future__ import annotations

import math
import pickle

import pytest
from PySide6.QtCore import QByteArray, QCoreApplication

from qtsecure import DtlsPeer
from tests.net.conversation import spin
from tests.semantics.godot.support import Pair, Result, Status


def test_godot_22_ten_packets_in_one_turn(pair: Pair, transport_mode: str) -> None:
    """Godot delivers one for each poll(); a single call brings all of them here, in order."""
    peer = overUdp(pair)
    packets = [b"packet %d" % number for number in range(10)]
    for packet in packets:
        assert peer.putPacket(packet) is Result.Ok
    pair.client.poll()
    assert pair.client.availablePacketCount() == 10
    assert [pair.client.getPacket() for _ in range(10)] == packets
    assert pair.client.availablePacketCount() == 0


def overUdp(pair: Pair) -> DtlsPeer:
    """An association over UDP; the server's end."""
    pair.listen()
    assert pair.client.connectToPeer(pair.udp(), "localhost", pair.options) is Result.Ok
    spin(lambda: pair.client.isEncrypted() and pair.server.hasPendingConnections())
    peer = pair.server.nextPendingConnection()
    assert peer is not None
    return peer


def test_godot_23_nothing_to_get(pair: Pair) -> None:
    """Empty, and no error, while the association stands."""
    pair.establish()
    assert pair.client.getPacket() == b""
    assert pair.client.packetError() is Result.Ok
    pair.client.disconnectFromPeer()
    assert pair.client.getPacket() == b""
    assert pair.client.packetError() is Result.Unconfigured


def test_godot_24_before_connected(pair: Pair) -> None:
    """Fresh, and while handshaking."""
    for _ in range(2):
        assert pair.client.putPacket(b"x") is Result.Unconfigured
        assert pair.client.putVar(1) is Result.Unconfigured
        assert pair.client.getPacket() == b""
        assert pair.client.packetError() is Result.Unconfigured
        pair.begin()
    assert pair.client.status() is Status.Handshaking


def test_godot_25_empty_packet(pair: Pair) -> None:
    """Nothing is on the wire."""
    peer = pair.establish()
    before = pair.client.statistics().datagramsSent
    for empty in (b"", bytearray(), memoryview(b""), QByteArray()):
        assert pair.client.putPacket(empty) is Result.Ok
    assert pair.client.statistics().datagramsSent == before
    pair.client.putPacket(b"next")
    spin(lambda: peer.availablePacketCount() > 0)
    assert peer.getPacket() == b"next"


@pytest.mark.parametrize("mtu", [256, 1200, 16000])
def test_godot_26_largest_packet(pair: Pair, mtu: int) -> None:
    """One byte more is refused, and the association goes on; Godot tears it down."""
    pair.client.setMtu(mtu)
    peer = pair.establish()
    largest = bytes(pair.client.maxPacketSize())
    assert 0 < len(largest) < mtu
    assert pair.client.putPacket(largest + b"!") is Result.InvalidParameter
    assert pair.client.status() is Status.Connected
    assert pair.client.putPacket(largest) is Result.Ok
    assert pair.client.putPacket(b"next") is Result.Ok
    spin(lambda: peer.availablePacketCount() == 2)
    assert [peer.getPacket(), peer.getPacket()] == [largest, b"next"]


def test_godot_27_boundaries(pair: Pair) -> None:
    """One put is one get, whatever the sizes, and whatever bytes-like type."""
    peer = pair.establish()
    packets = [b"a", bytearray(b"b" * 1000), memoryview(b"c" * 10), QByteArray(b"d\0d"), b"e" * 1100]
    for packet in packets:
        assert pair.client.putPacket(packet) is Result.Ok
    spin(lambda: peer.availablePacketCount() == len(packets))
    assert [peer.getPacket() for _ in packets] == [bytes(packet) for packet in packets]  # type: ignore[arg-type]  # a QByteArray has bytes
    with pytest.raises(TypeError, match="encode text"):
        pair.client.putPacket("text")  # type: ignore[arg-type]  # the mistake under test


def test_godot_28_readable_after_the_end(pair: Pair) -> None:
    """What came before close_notify is not lost with the association."""
    peer = pair.establish()
    pair.client.putPacket(b"first")
    pair.client.putVar({"last": "words"})
    pair.client.disconnectFromPeer()
    spin(lambda: peer.status() is Status.Disconnected)
    assert peer.availablePacketCount() == 2
    assert (peer.getPacket(), peer.packetError()) == (b"first", Result.Ok)
    assert (peer.getVar(), peer.packetError()) == ({"last": "words"}, Result.Ok)
    assert (peer.getPacket(), peer.packetError()) == (b"", Result.Unconfigured)


VALUES = [
    *(None, True, False, 0, -1, 127, 128, -(2**63), 2**64, -(2**1000), 0.0, -0.1, math.inf),
    *("", "text", "ä\0\U0001f600", b"", b"\0\xff" * 100, [], {}),
    {"position": [1.5, -2.0, 0.25], 7: None, 2.5: "float", b"k": {True: [], None: {"x": [[[]]]}}},
]


def test_godot_29_values_round_trip(pair: Pair) -> None:
    """With their types."""
    peer = pair.establish()
    for value in VALUES:
        assert pair.client.putVar(value) is Result.Ok
    spin(lambda: peer.availablePacketCount() == len(VALUES))
    received = [peer.getVar() for _ in VALUES]
    assert received == VALUES
    assert [type(value) for value in received] == [type(value) for value in VALUES]
    assert peer.packetError() is Result.Ok


def test_godot_29_no_objects(pair: Pair) -> None:
    """Neither sent nor read; what is no value is an error, and the next one arrives."""
    peer = pair.establish()
    for value in (object(), {"a": [len]}, {(1,): 2}, 1 + 2j, {1, 2}):
        with pytest.raises(TypeError):
            pair.client.putVar(value)
    for rubbish in (pickle.dumps(print), b"\1", b"\2\0", b"\1\0\0", b"text"):
        pair.client.putPacket(rubbish)
    pair.client.putVar("next")
    spin(lambda: peer.availablePacketCount() == 6)
    for _ in range(5):
        assert (peer.getVar(), peer.packetError()) == (None, Result.InvalidData)
    assert (peer.getVar(), peer.packetError()) == ("next", Result.Ok)
    assert (peer.getVar(), peer.packetError()) == (None, Result.Ok)


def test_godot_29_too_large(pair: Pair) -> None:
    """For the buffer, and for a datagram."""
    peer = pair.establish()
    pair.client.setEncodeBufferMaxSize(1024)
    assert pair.client.putVar(b"x" * 1020) is Result.Ok  # version, kind, and a length of two bytes
    assert pair.client.putVar(b"x" * 1021) is Result.OutOfMemory
    assert pair.client.putVar(["x" * 100] * 11) is Result.OutOfMemory
    pair.client.setEncodeBufferMaxSize(8 << 20)
    assert pair.client.putVar(b"x" * 5000) is Result.InvalidParameter
    spin(lambda: peer.availablePacketCount() == 1)
    assert peer.getVar() == b"x" * 1020


def test_godot_29_bounds_of_the_buffer(qapp: QCoreApplication) -> None:
    """1024 bytes to 256 MiB, rounded up to a power of two."""
    peer = DtlsPeer()
    assert peer.encodeBufferMaxSize() == 8388608
    for size, rounded in ((1024, 1024), (1025, 2048), (5000, 8192), (268435455, 268435456), (268435456, 268435456)):
        peer.setEncodeBufferMaxSize(size)
        assert peer.encodeBufferMaxSize() == rounded
    for size in (-1, 0, 1023, 268435457):
        with pytest.raises(ValueError, match="size must be between 1024 and 268435456"):
            peer.setEncodeBufferMaxSize(size)
    with pytest.raises(TypeError, match="size"):
        peer.setEncodeBufferMaxSize(1024.0)  # type: ignore[arg-type]  # the mistake under test
    assert peer.encodeBufferMaxSize() == 268435456
