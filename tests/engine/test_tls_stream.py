"""Handshakes, data and endings of the TLS stream, without sockets."""

from __future__ import annotations

import dataclasses
import ssl

import pytest
from OpenSSL import SSL

from qtsecure.engine._openssl_pipes import buffers_of_this_thread
from qtsecure.engine.configuration import TlsConfiguration, VerifyMode
from qtsecure.engine.contexts import context_for
from qtsecure.engine.events import (
    AlertReceived,
    AlertSent,
    FailureKind,
    HandshakeCompleted,
    PeerClosed,
    StreamFailed,
)
from qtsecure.engine.protocols import ProtocolVersion
from qtsecure.engine.states import StreamState
from qtsecure.engine.tls_stream import TlsStream
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.engine.support import (
    NUMBERS,
    VERSIONS,
    BarePeer,
    Pair,
    Version,
    client_configuration,
    credentials,
    der_chain,
    records,
    server_configuration,
)

CLOSE_NOTIFY_SENT = AlertSent(1, 0)
CLOSE_NOTIFY_RECEIVED = AlertReceived(1, 0)


def make_pair(pki: PublicKeyInfrastructure, version: Version | None = None, name: str = "localhost") -> Pair:
    """A client that trusts the server; nobody verifies the client."""
    return Pair(
        client_configuration([pki.ca.certificate], version), server_configuration(pki.server, version), name=name
    )


# --------------------------------------------------------------------------------- the handshake


@pytest.mark.parametrize("chunk", [0, 1, 2, 5, 7, 64, 1000])
@pytest.mark.parametrize("version", VERSIONS)
def test_handshake_in_any_segmentation(
    pki: PublicKeyInfrastructure, engine_path: str, version: Version, chunk: int
) -> None:
    """However the network cuts the bytes: the same events, the same facts, and data in both directions."""
    pair = make_pair(pki, version).handshake(chunk)
    for side in pair.sides:
        assert side.events == [HandshakeCompleted()]
        assert side.stream.state is StreamState.ESTABLISHED
        assert side.stream.established
        assert side.stream.complete
        assert side.stream.protocol_version() is NUMBERS[version]
        assert side.stream.issues == ()
    assert pair.say(b"to the server") == b"to the server"
    assert pair.say(b"to the client", from_server=True) == b"to the client"
    assert [side.events for side in pair.sides] == [[HandshakeCompleted()]] * 2


def test_facts_of_a_connection(pki: PublicKeyInfrastructure) -> None:
    """Both sides agree on what was negotiated."""
    pair = make_pair(pki).established()
    client, server = pair.client.stream, pair.server.stream
    assert client.protocol_version() is server.protocol_version() is ProtocolVersion.TLS_1_3
    assert client.cipher_name() == server.cipher_name() == "TLS_AES_256_GCM_SHA384"
    assert client.group_name()
    assert client.group_name() == server.group_name()
    assert client.server_name() == server.server_name() == "localhost"
    assert not client.session_reused()
    assert not client.psk_used()
    assert client.peer_certificates() == der_chain([pki.server.certificate])
    assert server.peer_certificates() == ()
    secret = client.export_keying_material(b"EXPERIMENTAL test", 32, b"")
    assert len(secret) == 32
    assert secret == server.export_keying_material(b"EXPERIMENTAL test", 32, b"")
    assert secret != server.export_keying_material(b"EXPERIMENTAL other", 32, b"")


def test_facts_before_there_are_any(pki: PublicKeyInfrastructure) -> None:
    """Before the handshake everything is empty, and keying material is refused."""
    for side in make_pair(pki).sides:
        stream = side.stream
        assert stream.protocol_version() is ProtocolVersion.UNKNOWN
        assert (stream.cipher_name(), stream.group_name(), stream.server_name()) == ("", "", "")
        assert stream.negotiated_protocol() == b""
        assert stream.peer_certificates() == ()
        assert not stream.session_reused()
        assert not stream.psk_used()
        assert not stream.answered_peer
        with pytest.raises(RuntimeError, match="after the handshake"):
            stream.export_keying_material(b"EXPERIMENTAL test", 32, b"")


@pytest.mark.parametrize("role", ["client", "server"])
def test_chain_of_the_peer_begins_with_the_leaf(pki: PublicKeyInfrastructure, role: str) -> None:
    """Leaf and intermediate, in the order in which they were sent, whichever side shows them."""
    chain = pki.viaIntermediate.chain
    if role == "client":
        server = server_configuration(pki.viaIntermediate)
        pair = Pair(client_configuration([pki.ca.certificate]), server).established()
        assert pair.client.stream.peer_certificates() == der_chain(chain)
    else:
        leaf = pki.intermediate.issue(["client.example"], usage="client")
        client = client_configuration([pki.ca.certificate], credentials=credentials(leaf))
        server = server_configuration(pki.server, clients=[pki.ca.certificate])
        pair = Pair(client, server).established()
        assert pair.server.stream.peer_certificates() == der_chain(leaf.chain)


@pytest.mark.parametrize("version", VERSIONS)
def test_landing_buffer(pki: PublicKeyInfrastructure, engine_path: str, version: Version) -> None:
    """A whole conversation in which everything arrives through the landing buffer of the thread."""
    pair = make_pair(pki, version).start()
    landing = buffers_of_this_thread().landing_view

    def carry() -> bool:
        moved = False
        for source, target in ((pair.client, pair.server), (pair.server, pair.client)):
            data = source.take()
            for start in range(0, len(data), len(landing)):
                part = data[start : start + len(landing)]
                landing[: len(part)] = part
                target.stream.receive_landed(len(part))
                moved = True
            target.settle()
        return moved

    while carry():
        pass
    assert [side.events for side in pair.sides] == [[HandshakeCompleted()]] * 2
    text = bytes(range(256)) * 1000
    pair.client.stream.write(text)
    carry()
    assert pair.server.drain() == text


def test_landing_buffer_refuses_what_is_not_tls(pki: PublicKeyInfrastructure) -> None:
    """The first bytes are judged there as well."""
    stream = make_pair(pki).server.stream
    stream.start()
    landing = buffers_of_this_thread().landing_view
    landing[:4] = b"GET "
    stream.receive_landed(4)
    event = stream.next_event()
    assert isinstance(event, StreamFailed)
    assert event.kind is FailureKind.NOT_TLS


@pytest.mark.parametrize("version", VERSIONS)
def test_data_right_behind_the_handshake(pki: PublicKeyInfrastructure, engine_path: str, version: Version) -> None:
    """What arrives in one piece with the last handshake message is read after the handshake."""
    pair = make_pair(pki, version).start()
    while not pair.client.stream.established:
        pair.server.stream.receive(pair.client.take())
        pair.client.stream.receive(pair.server.take())
        pair.client.settle()
    pair.client.stream.write(b"early bird")
    pair.server.stream.receive(pair.client.take())
    assert pair.server.stream.has_input
    assert pair.server.drain() == b"early bird"
    assert pair.server.stream.has_input == (engine_path == "public")  # which cannot tell


@pytest.mark.parametrize("size", [1, 16384, 16385, 100_000, 1_000_000])
def test_large_writes_arrive_whole(pki: PublicKeyInfrastructure, engine_path: str, size: int) -> None:
    """A write is encrypted whole, whatever its size."""
    pair = make_pair(pki).established()
    data = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    assert pair.say(data) == data
    assert pair.say(data, from_server=True) == data


def test_read_respects_its_limit(pki: PublicKeyInfrastructure, engine_path: str) -> None:
    """Never more than asked for, nothing lost, and empty at the end."""
    pair = make_pair(pki).established()
    pair.client.stream.write(b"abcdefghij")
    pair.server.stream.receive(pair.client.take())
    stream = pair.server.stream
    assert [stream.read(4), stream.read(4), stream.read(4), stream.read(4)] == [b"abcd", b"efgh", b"ij", b""]
    assert stream.state is StreamState.ESTABLISHED


def test_empty_input_and_output_are_nothing(pki: PublicKeyInfrastructure, engine_path: str) -> None:
    """OpenSSL takes an empty write for an error, and pyOpenSSL an empty feed; the stream takes neither."""
    pair = make_pair(pki).established()
    pair.client.stream.write(b"")
    assert pair.client.take() == b""
    pair.server.stream.receive(b"")
    assert pair.server.drain() == b""
    assert pair.say(b"x") == b"x"


@pytest.mark.parametrize("side", ["client", "server"])
def test_no_application_data_before_the_end_of_the_handshake(pki: PublicKeyInfrastructure, side: str) -> None:
    """In every state before it, a write raises and puts nothing on the wire."""
    pair = make_pair(pki)
    stream = (pair.client if side == "client" else pair.server).stream
    with pytest.raises(RuntimeError, match="is new cannot send"):
        stream.write(b"SECRET")
    pair.start()
    with pytest.raises(RuntimeError, match="is handshaking cannot send"):
        stream.write(b"SECRET")
    pair.run()
    assert all(b"SECRET" not in end.sent for end in pair.sides)
    assert pair.client.completed
    assert pair.server.completed


def test_events_are_fetched_once(pki: PublicKeyInfrastructure) -> None:
    """events shows whether there is one, and each comes once."""
    pair = make_pair(pki).start()
    stream = pair.client.stream
    assert not stream.events
    assert stream.next_event() is None
    pair.server.stream.receive(pair.client.take())
    stream.receive(pair.server.take())
    assert stream.events
    assert stream.next_event() == HandshakeCompleted()
    assert not stream.events
    assert stream.next_event() is None


# -------------------------------------------------------------------------------- the first bytes


@pytest.mark.parametrize(
    ("first", "words"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "a plain HTTP request"),
        (b"SSH-2.0-OpenSSH\r\n", "an SSH banner"),
        (b"\x15\x03\x01\x00\x02\x02\x28", "an unencrypted TLS alert"),
        (b"\x17\x03\x03\x00\x10" + bytes(16), "encrypted TLS data before any handshake"),
        (bytes(range(255, 200, -1)), "bytes that are not TLS"),
        (b"\x16\xfe\xfd", "a DTLS record"),
        (b"\x00", "bytes that are not TLS"),
    ],
)
def test_server_refuses_what_is_not_tls(pki: PublicKeyInfrastructure, first: bytes, words: str) -> None:
    """No alert, nothing on the wire, no engine state, and an error that names the mix-up."""
    server = make_pair(pki).server
    server.stream.start()
    server.stream.receive(first)
    server.settle()
    assert server.events == [server.failure]
    assert server.failure is not None
    assert server.failure.kind is FailureKind.NOT_TLS
    assert words in server.failure.message
    assert server.failure.alert is None
    assert server.take() == b""
    assert server.stream._pipe is None
    server.stream.receive(b"\x16\x03\x01")  # too late
    assert server.take() == b""


def test_server_spends_nothing_before_the_first_byte(pki: PublicKeyInfrastructure) -> None:
    """The engine's memory is only allocated for somebody who speaks TLS."""
    stream = make_pair(pki).server.stream
    stream.start()
    stream.receive(b"")
    assert stream._pipe is None
    stream.receive(b"\x16")
    assert stream._pipe is not None


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", bytes(range(255, 127, -1)), b"220 mail.example ESMTP\r\n"],
    ids=["http", "garbage", "smtp"],
)
def test_client_refuses_what_is_not_tls(pki: PublicKeyInfrastructure, engine_path: str, answer: bytes) -> None:
    """A server that answers in another protocol ends the handshake as "not TLS"."""
    client = make_pair(pki).client
    client.stream.start()
    client.take()
    client.stream.receive(answer)
    client.settle()
    assert client.failure is not None
    assert client.failure.kind is FailureKind.NOT_TLS
    assert client.stream.state is StreamState.FAILED


def test_client_hears_a_bare_alert(pki: PublicKeyInfrastructure) -> None:
    """An alert instead of a ServerHello is reported with its number and meaning."""
    client = make_pair(pki).client
    client.stream.start()
    client.stream.receive(b"\x15\x03\x03\x00\x02\x02\x70")
    client.settle()
    assert client.events[0] == AlertReceived(2, 112)
    assert client.failure is not None
    assert (client.failure.kind, client.failure.alert) == (FailureKind.HANDSHAKE, 112)
    assert "it does not serve the requested host name" in client.failure.message


# -------------------------------------------------------------------------------------- endings


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("first", ["client", "server"])
def test_close_notify_both_ways(pki: PublicKeyInfrastructure, engine_path: str, version: Version, first: str) -> None:
    """The one that closes first hears the other's close_notify, and both ends are clean."""
    pair = make_pair(pki, version).established()
    one, other = pair.sides if first == "client" else pair.sides[::-1]
    one.events.clear()
    other.events.clear()

    one.stream.close()
    one.settle()
    assert one.events == [CLOSE_NOTIFY_SENT]
    assert one.stream.state is StreamState.LOCAL_CLOSED
    other.stream.receive(one.take())
    other.drain()
    assert other.events == [CLOSE_NOTIFY_RECEIVED, PeerClosed()]
    assert other.stream.state is StreamState.PEER_CLOSED
    assert other.stream.peer_closed_cleanly
    assert not one.stream.peer_closed_cleanly

    other.stream.close()
    one.stream.receive(other.take())
    one.drain()
    assert one.stream.peer_closed_cleanly
    assert one.events == [CLOSE_NOTIFY_SENT, CLOSE_NOTIFY_RECEIVED, PeerClosed()]
    assert one.stream.state is other.stream.state is StreamState.CLOSED


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("first", ["client", "server"])
def test_half_close(pki: PublicKeyInfrastructure, engine_path: str, version: Version, first: str) -> None:
    """After its close_notify a side still reads, and the other still writes; never the other way round."""
    pair = make_pair(pki, version).established()
    one, other = pair.sides if first == "client" else pair.sides[::-1]
    one.stream.close()
    other.stream.receive(one.take())
    other.drain()

    with pytest.raises(RuntimeError, match="locally closed cannot send"):
        one.stream.write(b"too late")
    other.stream.write(b"still here")
    one.stream.receive(other.take())
    assert one.drain() == b"still here"
    other.stream.receive(b"\x17\x03\x03\x00\x10" + bytes(16))  # data after close_notify is nobody's
    assert other.drain() == b""
    assert other.failure is None


@pytest.mark.parametrize("version", VERSIONS)
def test_data_and_close_notify_in_one_piece(pki: PublicKeyInfrastructure, engine_path: str, version: Version) -> None:
    """All data is delivered before the end is told."""
    pair = make_pair(pki, version).established()
    pair.client.stream.write(b"last words")
    pair.client.stream.close()
    pair.server.stream.receive(pair.client.take())
    assert pair.server.stream.read(4) == b"last"
    assert not pair.server.stream.events
    assert pair.server.stream.read(100) == b" words"
    pair.server.drain()
    assert pair.server.events[-1] == PeerClosed()
    pair.server.stream.receive_end()
    pair.server.settle()
    assert pair.server.failure is None


@pytest.mark.parametrize("version", VERSIONS)
def test_truncation_is_never_a_clean_end(pki: PublicKeyInfrastructure, engine_path: str, version: Version) -> None:
    """The end of the transport at every record boundary and inside every record: all whole records are
    delivered, and the end is reported as truncation unless the close_notify has arrived whole."""
    size = len(clear := b"x" * 50)
    reference = make_pair(pki, version).established()
    for _ in range(3):
        reference.client.stream.write(clear)
    reference.client.stream.close()
    flight = records(reference.client.take())
    assert len(flight) == 4

    boundaries = [sum(map(len, flight[:count])) for count in range(5)]
    cuts = sorted({*boundaries, *(edge + 1 for edge in boundaries[:-1]), *(edge - 1 for edge in boundaries[1:])})
    for cut in cuts:
        pair = make_pair(pki, version).established()
        for _ in range(3):
            pair.client.stream.write(clear)
        pair.client.stream.close()
        pair.server.stream.receive(pair.client.take()[:cut])
        data = pair.server.drain()
        pair.server.stream.receive_end()
        pair.server.settle()
        whole = sum(edge <= cut for edge in boundaries) - 1
        assert len(data) == min(whole, 3) * size
        clean = cut == boundaries[-1]
        assert pair.server.stream.peer_closed_cleanly is clean
        if clean:
            assert pair.server.failure is None
        else:
            assert pair.server.failure is not None
            assert pair.server.failure.kind is FailureKind.TRUNCATED
            assert "close_notify" in pair.server.failure.message
            assert pair.server.take() == b""


def test_end_inside_the_handshake(pki: PublicKeyInfrastructure) -> None:
    """On both sides, before and after the first byte."""
    for progress in range(3):
        pair = make_pair(pki).start()
        if progress > 0:
            pair.server.stream.receive(pair.client.take()[:100])
        if progress > 1:
            pair.client.stream.receive(pair.server.take()[:100])
        for side in pair.sides:
            side.stream.receive_end()
            side.settle()
            assert side.failure is not None
            assert side.failure.kind is FailureKind.ENDED_IN_HANDSHAKE
            assert not side.stream.peer_closed_cleanly


def test_end_after_own_close(pki: PublicKeyInfrastructure) -> None:
    """Peers that close the transport instead of answering a close_notify are common; no error, not clean."""
    pair = make_pair(pki).established()
    pair.client.stream.close()
    pair.client.stream.receive_end()
    pair.client.settle()
    assert pair.client.stream.state is StreamState.CLOSED
    assert pair.client.failure is None
    assert not pair.client.stream.peer_closed_cleanly


def test_end_twice_is_told_once(pki: PublicKeyInfrastructure) -> None:
    """The first failure stays the only one."""
    pair = make_pair(pki).established()
    for _ in range(3):
        pair.client.stream.receive_end()
    pair.client.settle()
    assert pair.client.failure is not None
    pair.client.stream.close()
    pair.client.stream.receive(b"\x17\x03\x03\x00\x01\x00")
    assert pair.client.stream.read(10) == b""
    pair.client.settle()
    assert pair.client.stream.state is StreamState.FAILED


@pytest.mark.parametrize("progress", ["new", "started", "hello received"])
def test_closing_before_the_end_of_the_handshake(pki: PublicKeyInfrastructure, progress: str) -> None:
    """Nothing is said any more, and nothing is heard."""
    pair = make_pair(pki)
    if progress != "new":
        pair.start()
    if progress == "hello received":
        pair.server.stream.receive(pair.client.take())
    for side in pair.sides:
        side.stream.close()
        side.stream.close()
        side.settle()
        assert side.stream.state is StreamState.CLOSED
        assert side.events == []
        side.stream.receive(b"\x16\x03\x01\x00\x01\x00")
        side.stream.receive_end()
        assert not side.stream.events


def test_starting_twice_is_refused(pki: PublicKeyInfrastructure) -> None:
    """A stream serves one connection."""
    pair = make_pair(pki).start()
    for side in pair.sides:
        with pytest.raises(ValueError, match="cannot take the step 'start'"):
            side.stream.start()


def test_input_before_the_start_is_dropped(pki: PublicKeyInfrastructure) -> None:
    """Bytes that belong to no handshake cannot disturb a later one."""
    pair = make_pair(pki)
    for side in pair.sides:
        side.stream.receive(b"garbage")
        side.stream.receive_end()
    pair.established()


# ------------------------------------------------------------------------------- damaged records


@pytest.mark.parametrize("version", VERSIONS)
def test_landed_pieces_that_look_like_one_record(
    pki: PublicKeyInfrastructure, engine_path: str, version: Version
) -> None:
    """A piece from the middle of a record may by chance look like a whole one; all of it is read at once."""
    landing = buffers_of_this_thread().landing_view
    pair = make_pair(pki, version).established()
    pair.server.drain()
    cut = 0
    for attempt in range(3000):  # a few dozen suffice as a rule
        text = b"%04d" % attempt * 750
        for start in range(0, len(text), 100):
            pair.client.stream.write(text[start : start + 100])
        wire = pair.client.take()
        # The header that this piece would have if it began a record announces exactly its length; and it begins none.
        announced = (at for at in range(1, len(wire) - 5) if 5 + (wire[at + 3] << 8) + wire[at + 4] == len(wire) - at)
        cut = next((at for at in announced if not wire.startswith(b"\x17\x03\x03", at)), 0)
        received = b""
        for piece in (wire[:cut], wire[cut:]):
            landing[: len(piece)] = piece
            received += pair.server.stream.receive_and_read(len(piece), 1 << 20)
        assert received == text
        assert not pair.server.stream.has_more
        if cut:
            break
    assert cut


@pytest.mark.parametrize("version", VERSIONS)
def test_damaged_record(pki: PublicKeyInfrastructure, engine_path: str, version: Version) -> None:
    """bad_record_mac for both, earlier data delivered, nothing of the damaged record."""
    pair = make_pair(pki, version).established()
    pair.client.stream.write(b"good")
    good = pair.client.take()
    pair.client.stream.write(b"damaged")
    bad = bytearray(pair.client.take())
    bad[-1] ^= 1
    pair.server.stream.receive(good + bytes(bad))
    assert pair.server.drain() == b"good"
    assert pair.server.alerts_sent == [20]
    assert pair.server.failure is not None
    assert (pair.server.failure.kind, pair.server.failure.alert) == (FailureKind.READ, 20)
    assert "changed on its way" in pair.server.failure.message
    assert not pair.server.stream.peer_closed_cleanly

    pair.client.stream.receive(pair.server.take())
    assert pair.client.drain() == b""
    assert pair.client.alerts_received == [20]
    assert pair.client.failure is not None
    assert (pair.client.failure.kind, pair.client.failure.alert) == (FailureKind.READ, 20)


def test_oversized_record(pki: PublicKeyInfrastructure, engine_path: str) -> None:
    """record_overflow."""
    pair = make_pair(pki).established()
    pair.server.stream.receive(b"\x17\x03\x03\x42\x00" + bytes(0x4200))
    assert pair.server.drain() == b""
    assert pair.server.alerts_sent == [22]


def test_plain_data_after_the_handshake(pki: PublicKeyInfrastructure, engine_path: str) -> None:
    """Somebody who speaks HTTP into an established connection breaks it and is not heard."""
    pair = make_pair(pki).established()
    pair.server.stream.receive(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert pair.server.drain() == b""
    assert pair.server.failure is not None
    assert pair.server.failure.kind is FailureKind.READ


def test_the_first_error_stays(pki: PublicKeyInfrastructure, engine_path: str) -> None:
    """Later calls on a broken stream are harmless and tell nothing new."""
    pair = make_pair(pki).established()
    pair.server.stream.receive(b"\x17\x03\x03\x00\x10" + bytes(16))
    pair.server.drain()
    first = pair.server.failure
    pair.server.stream.receive(b"\x17\x03\x03\x00\x10" + bytes(16))
    assert pair.server.drain() == b""
    pair.server.stream.close()
    pair.server.stream.receive_end()
    pair.server.settle()
    assert pair.server.failure == first
    with pytest.raises(RuntimeError, match="is failed cannot send"):
        pair.server.stream.write(b"x")


# --------------------------------------------------------------------- versions, ciphers, options


def test_default_is_tls_1_3(pki: PublicKeyInfrastructure) -> None:
    """The best common version wins, also against a peer with less."""
    assert make_pair(pki).established().client.stream.protocol_version() is ProtocolVersion.TLS_1_3
    older = Pair(client_configuration([pki.ca.certificate], "1.2"), server_configuration(pki.server)).established()
    assert older.client.stream.protocol_version() is ProtocolVersion.TLS_1_2


@pytest.mark.parametrize("prefer", [True, False])
def test_whose_cipher_order_wins(pki: PublicKeyInfrastructure, prefer: bool) -> None:
    """The server's own with prefer_server_ciphers, else the client's."""
    ours = ("ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256")
    client = client_configuration([pki.ca.certificate], "1.2", tls12_ciphers=ours)
    server = server_configuration(pki.server, "1.2", tls12_ciphers=ours[::-1], prefer_server_ciphers=prefer)
    pair = Pair(client, server).established()
    assert pair.client.stream.cipher_name() == ours[1 if prefer else 0]


def test_key_exchange_groups(pki: PublicKeyInfrastructure) -> None:
    """Only the configured groups are used."""
    pair = Pair(
        client_configuration([pki.ca.certificate], groups=("P-384",)), server_configuration(pki.server)
    ).established()
    assert pair.server.stream.group_name().lower() in ("secp384r1", "p-384")


@pytest.mark.parametrize("kind", ["server", "rsaServer", "ed25519Server", "viaIntermediate"])
@pytest.mark.parametrize("version", VERSIONS)
def test_kinds_of_keys(pki: PublicKeyInfrastructure, version: Version, kind: str) -> None:
    """EC, RSA and Ed25519 certificates, and one with an intermediate."""
    server = server_configuration(getattr(pki, kind), version)
    pair = Pair(client_configuration([pki.ca.certificate], version), server).established()
    assert pair.say(b"hello") == b"hello"


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("localhost", "localhost"),
        ("LOCALHOST.", "localhost"),
        ("127.0.0.1", ""),
        ("::1", ""),
        ("[::1]", ""),
    ],
)
@pytest.mark.parametrize("version", VERSIONS)
def test_server_name_is_sent_for_dns_names_only(
    pki: PublicKeyInfrastructure, version: Version, name: str, sent: str
) -> None:
    """RFC 6066 forbids addresses; the name is in lower case and without its trailing dot."""
    pair = make_pair(pki, version, name).established()
    assert pair.server.stream.server_name() == sent
    assert pair.client.stream.server_name() == sent
    if not sent:
        # With its length, as an extension would have it: three bytes alone are found in random ones now and then.
        address = name.strip("[]").encode()
        assert len(address).to_bytes(2, "big") + address not in pair.client.sent


def test_server_name_can_be_withheld(pki: PublicKeyInfrastructure) -> None:
    """Without SNI the certificate is verified all the same."""
    client = client_configuration([pki.ca.certificate], server_name_indication=False)
    pair = Pair(client, server_configuration(pki.server)).established()
    assert pair.server.stream.server_name() == ""
    assert b"localhost" not in pair.client.sent
    wrong = Pair(client, server_configuration(pki.wrongHost)).handshake()
    assert not wrong.client.completed


@pytest.mark.parametrize(
    ("offered", "known", "chosen"),
    [
        ((b"h2", b"http/1.1"), (b"http/1.1", b"h2"), b"h2"),
        ((b"http/1.1", b"h2"), (b"h2", b"http/1.1"), b"http/1.1"),
        ((b"x", b"y", b"http/1.1"), (b"http/1.1",), b"http/1.1"),
        ((b"a" * 255, b"b"), (b"b", b"a" * 255), b"a" * 255),
        ((b"h2",), (), b""),
        ((), (b"h2",), b""),
    ],
)
@pytest.mark.parametrize("version", VERSIONS)
def test_application_protocol(
    pki: PublicKeyInfrastructure,
    version: Version,
    offered: tuple[bytes, ...],
    known: tuple[bytes, ...],
    chosen: bytes,
) -> None:
    """The client's order counts; nothing is negotiated when one side does not take part."""
    pair = Pair(
        client_configuration([pki.ca.certificate], version, alpn_protocols=offered),
        server_configuration(pki.server, version, alpn_protocols=known),
    ).established()
    assert pair.client.stream.negotiated_protocol() == chosen
    assert pair.server.stream.negotiated_protocol() == chosen


# --------------------------------------------------------------------------------- renegotiation


def permissive(context: SSL.Context) -> SSL.Context:
    """TLS 1.2 with renegotiation allowed."""
    context.set_max_proto_version(SSL.TLS1_2_VERSION)
    return context


def alert_kinds(wire: bytes) -> list[int]:
    """The content types of records; 21 is an alert, 22 a handshake message."""
    return [record[0] for record in records(wire)]


def test_renegotiation_by_the_client_is_refused(pki: PublicKeyInfrastructure) -> None:
    """Our server answers with a warning (no_renegotiation) and the connection keeps its keys."""
    peer = BarePeer(permissive(SSL.Context(SSL.TLS_CLIENT_METHOD)), server=False)
    stream = TlsStream(server_configuration(pki.server, "1.2"), server=True)
    stream.start()
    peer.handshake(stream)
    assert stream.next_event() == HandshakeCompleted()
    secret = stream.export_keying_material(b"EXPERIMENTAL test", 32, None)

    assert peer.connection.renegotiate()
    with pytest.raises(SSL.WantReadError):
        peer.connection.do_handshake()
    stream.receive(peer.take())
    assert stream.read(100) == b""
    answer = bytes(stream.take_outgoing())
    assert alert_kinds(answer) == [21]
    assert stream.next_event() == AlertSent(1, 100)
    assert stream.export_keying_material(b"EXPERIMENTAL test", 32, None) == secret
    peer.connection.bio_write(answer)
    with pytest.raises(SSL.Error, match="no renegotiation"):
        peer.connection.do_handshake()


def test_renegotiation_by_the_server_is_refused(pki: PublicKeyInfrastructure) -> None:
    """Our client does not begin a second handshake on a HelloRequest; data goes on flowing."""
    context = permissive(SSL.Context(SSL.TLS_SERVER_METHOD))
    context.use_certificate(pki.server.certificate)
    context.use_privatekey(pki.server.privateKey)
    peer = BarePeer(context, server=True)
    stream = TlsStream(client_configuration([pki.ca.certificate], "1.2"), server=False, peer_name="localhost")
    stream.start()
    peer.connection.bio_write(bytes(stream.take_outgoing()))
    peer.handshake(stream)
    assert stream.next_event() == HandshakeCompleted()

    assert peer.connection.renegotiate()
    peer.connection.do_handshake()
    request = peer.take()
    assert alert_kinds(request) == [22]
    stream.receive(request)
    assert stream.read(100) == b""
    answer = bytes(stream.take_outgoing())
    assert 22 not in alert_kinds(answer)
    assert stream.state is StreamState.ESTABLISHED
    assert stream.next_event() in (None, AlertSent(1, 100))
    stream.write(b"still alive")
    assert stream.established


def test_messages_after_the_handshake_are_noted(pki: PublicKeyInfrastructure, engine_path: str) -> None:
    """A ticket (as a KeyUpdate, which wants an answer) sets answered_peer; application data does not."""
    pair = make_pair(pki, "1.3").established()
    assert not pair.client.stream.answered_peer
    assert pair.client.drain() == b""  # the tickets
    assert pair.client.stream.answered_peer
    pair.client.stream.answered_peer = False
    assert pair.say(b"x", from_server=True) == b"x"
    assert not pair.client.stream.answered_peer


# ----------------------------------------------------------------------------------- modes, misc


@pytest.mark.parametrize("version", VERSIONS)
def test_verify_none_reports_nothing(pki: PublicKeyInfrastructure, version: Version) -> None:
    """Any certificate will do, and no error is told."""
    client = client_configuration((), version, verify_mode=VerifyMode.NONE)
    for certificate in (pki.selfSigned, pki.expired, pki.wrongHost):
        pair = Pair(client, server_configuration(certificate, version), name="").established()
        assert pair.client.events == [HandshakeCompleted()]
        assert pair.client.stream.issues == ()
        assert pair.client.stream.peer_certificates() == der_chain(certificate.chain)


def test_configurations_are_values() -> None:
    """Equal ones hash alike; changing one makes another."""
    assert TlsConfiguration() == TlsConfiguration()
    assert hash(TlsConfiguration()) == hash(TlsConfiguration())
    assert dataclasses.replace(TlsConfiguration(), verify_depth=3) != TlsConfiguration()
    with pytest.raises(dataclasses.FrozenInstanceError):
        TlsConfiguration().verify_depth = 3  # type: ignore[misc]  # the mistake under test


@pytest.mark.parametrize("version", VERSIONS)
def test_python_ssl_understands_us(pki: PublicKeyInfrastructure, version: Version) -> None:
    """Against another TLS library in the same process, with data and a clean end."""
    context = ssl.create_default_context(cadata=pki.ca.certificatePem().decode())
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    peer = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    stream = TlsStream(server_configuration(pki.server, version), server=True)
    stream.start()
    for _ in range(4):
        try:
            peer.do_handshake()
        except ssl.SSLWantReadError:
            stream.receive(outgoing.read())
            incoming.write(bytes(stream.take_outgoing()))
    stream.receive(outgoing.read())
    assert stream.established
    peer.write(b"from Python")
    stream.receive(outgoing.read())
    assert stream.read(100) == b"from Python"
    stream.write(b"to Python")
    stream.close()
    incoming.write(bytes(stream.take_outgoing()))
    assert peer.read(100) == b"to Python"
    assert peer.read(100) == b""


def test_streams_of_equal_configurations_share_a_context(pki: PublicKeyInfrastructure) -> None:
    """The expensive part is made once."""
    first, second = (client_configuration([pki.ca.certificate]) for _ in range(2))
    assert context_for(first, server=False) is context_for(second, server=False)
