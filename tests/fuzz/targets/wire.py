"""What arrives from the network before anything is authenticated."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from qtsecure.engine.certificates import Credentials
from qtsecure.engine.client_hello import HelloReader, MalformedHello, server_name_untrusted
from qtsecure.engine.configuration import TlsConfiguration, VerifyMode
from qtsecure.engine.dtls import DtlsAssociation, DtlsListener
from qtsecure.engine.dtls.hello import DatagramHelloReader
from qtsecure.engine.dtls.wire import (
    HANDSHAKE,
    MalformedDatagram,
    fragment_untrusted,
    is_hello_start_untrusted,
    parse_hello_start_untrusted,
    split_records_untrusted,
)
from qtsecure.engine.events import HandshakeCompleted, StreamFailed
from qtsecure.engine.records import describe_first_bytes_untrusted, starts_tls_handshake_untrusted
from qtsecure.engine.states import StreamState
from qtsecure.engine.tls_stream import TlsStream
from qtsecure.engine.trust import TrustAnchors
from qtsecure.net.ssl_socket.starttls import earlyInputProblem_untrusted
from tests.engine.dtls.support import for_datagrams
from tests.fuzz import materials
from tests.fuzz.targets.target import Target, pieces

__all__ = ["WIRE"]

_ADDRESS = ("192.0.2.1", 4433)
_GREETINGS = (
    b"GET / HTTP/1.1\r\n",
    b"PRI * HTTP/2.0",
    b"OPTIONS rtsp://x RTSP/1.0",
    b"HTTP/1.1 400",
    b"RTSP/1.0 200",
    b"SSH-2.0-OpenSSH",
    b"220 ready FTP",
    b"220-mail ESMTP",
    b"421 too busy",
    b"EHLO me\r\n",
    b"* OK [IMAP4]",
    b"+OK POP3",
    b"-ERR",
    b"200 news",
    b"RFB 003.008",
    b"<?xml version",
    b"<stream:stream",
    b"PROXY TCP4",
    b"\r\n\r\n\x00\r\nQUIT\n",
    b"\x15\x03\x03\x00\x02\x02\x28",
    b"\x80\x2e\x01\x00\x02",
    b"\x17\xfe\xfd",
)


@functools.cache
def _server() -> TlsConfiguration:
    own = Credentials((materials.certificate(),), materials.key(2))
    return TlsConfiguration(credentials=own, verify_mode=VerifyMode.NONE)


@functools.cache
def _client() -> TlsConfiguration:
    return TlsConfiguration(trust=TrustAnchors.of(materials.authority()))


def _dtlsRecords(data: bytes) -> None:
    is_hello_start_untrusted(data)
    records = split_records_untrusted(data)
    assert b"".join(record.data for record in records) == data
    for record in records:
        assert 0 <= record.sequence < 1 << 48
        position = 0
        while record.kind == HANDSHAKE and position < len(record.payload):
            part = fragment_untrusted(record.payload, position)
            assert part.offset + len(part.body) <= part.length
            position += 12 + len(part.body)


def _dtlsHelloStart(data: bytes) -> None:
    start = parse_hello_start_untrusted(data)
    assert is_hello_start_untrusted(data)
    assert start.identity in data
    assert start.cookie in data


def _tlsHello(data: bytes) -> None:
    whole, cut = HelloReader(), HelloReader()
    failed = False
    try:
        whole.add_untrusted(data)
    except MalformedHello:
        failed = True
    try:
        for piece in pieces(data):
            if cut.add_untrusted(piece):
                break
    except MalformedHello:
        assert failed
        raise
    if not failed:
        assert (cut.complete, cut.server_name) == (whole.complete, whole.server_name)
        assert b"".join(whole.take()) == data


def _dtlsHello(data: bytes) -> None:
    reader = DatagramHelloReader()
    try:
        portions = [record.data for record in split_records_untrusted(data)]
    except MalformedDatagram:
        portions = [data]
    given = 0
    for portion in portions:
        given += 1
        if reader.add_untrusted(portion):
            break
    assert reader.take() == portions[:given]
    assert reader.complete or reader.server_name is None


def _helloBody(data: bytes) -> None:
    for datagrams in (False, True):
        try:
            name = server_name_untrusted(data, datagrams=datagrams)
        except MalformedHello:
            continue
        assert name is None or (name in data and len(name) <= 255)


def _firstBytes(data: bytes) -> None:
    text = describe_first_bytes_untrusted(data)
    assert text.isascii()
    assert text.isprintable()
    assert len(text) < 200
    for server in (False, True):
        problem = earlyInputProblem_untrusted(data, server=server)
        assert bool(problem) is bool(data) or (server and starts_tls_handshake_untrusted(data))


def _checkStream(stream: TlsStream) -> None:
    events = []
    while (event := stream.next_event()) is not None:
        events.append(event)
    failures = [event for event in events if isinstance(event, StreamFailed)]
    assert len(failures) <= 1
    assert not any(isinstance(event, HandshakeCompleted) for event in events)
    assert not stream.established
    assert stream.raised is None
    assert stream.read(100) == b""
    assert bool(failures) is (stream.state is StreamState.FAILED)
    assert len(stream.take_outgoing()) < 20_000


def _tlsStream(configuration: TlsConfiguration, server: bool, data: bytes) -> None:
    stream = TlsStream(configuration, server=server, peer_name="" if server else "localhost")
    stream.start()
    stream.take_outgoing()
    for piece in (data[:7], data[7:]):
        if piece and stream.state is not StreamState.FAILED:
            stream.receive(piece)
    _checkStream(stream)


def _tlsServer(data: bytes) -> None:
    _tlsStream(_server(), True, data)


def _tlsClient(data: bytes) -> None:
    _tlsStream(_client(), False, data)


@functools.cache
def _listener() -> DtlsListener:
    listener = DtlsListener(for_datagrams(_server()))
    listener.set_secret(b"always the same!")
    return listener


def _dtlsListener(data: bytes) -> None:
    answer = _listener().receive(data, _ADDRESS, 0.0)
    if isinstance(answer, bytes):
        assert len(answer) <= len(data)  # never an amplifier
        # What a client has to do next: with the cookie of the answer it is let in.
        return
    assert answer is None


def _dtlsAssociation(server: bool, data: bytes) -> None:
    configuration = for_datagrams(_server() if server else _client())
    association = DtlsAssociation(configuration, server=server, peer_name="" if server else "localhost")
    association.start(0.0)
    association.take_outgoing()
    for moment in (0.0, 0.5, 2.0):
        association.receive(data, moment)
        if (due := association.timer()) is not None and due <= moment:
            association.handle_timer(moment)
    events = []
    while (event := association.next_event()) is not None:
        events.append(event)
    assert not any(isinstance(event, HandshakeCompleted) for event in events)
    assert association.take_messages() == []
    assert sum(map(len, association.take_outgoing())) <= 100_000


def _dtlsClient(data: bytes) -> None:
    _dtlsAssociation(False, data)


def _dtlsServer(data: bytes) -> None:
    _dtlsAssociation(True, data)


def _tlsSeeds() -> Sequence[bytes]:
    return (
        materials.tlsHello(),
        materials.tlsHello(b""),
        materials.tlsHello(b"x" * 255, cut=40),
        materials.tlsHello(cut=1)[:600],
        b"\x16\3\1\0\4\1\0\0\0",
        b"\x16\3\3\0\0",
        b"\x15\3\3\0\2\2\x28",
        b"\x14\3\3\0\1\1",
        b"\x16\3\3\x40\1",
    )


def _serverHello() -> bytes:
    body = b"\3\3" + bytes(range(32)) + b"\0" + b"\xc0\x2b" + b"\0" + b"\0\5\xff\1\0\1\0"
    message = b"\2" + len(body).to_bytes(3, "big") + body
    return b"\x16\3\3" + len(message).to_bytes(2, "big") + message


def _clientSeeds() -> Sequence[bytes]:
    return (
        _serverHello(),
        _serverHello() + b"\x16\3\3\0\4\x0e\0\0\0",
        b"\x15\3\3\0\2\2\x28",
        b"\x15\3\3\0\2\1\0",
        b"\x14\3\3\0\1\1",
        b"\x16\3\3\0\4\0\0\0\0",
        b"\x17\3\3\0\x10" + bytes(16),
    )


def _dtlsSeeds() -> Sequence[bytes]:
    return (
        materials.dtlsHello(),
        materials.dtlsHello(b"", b"c" * 32),
        materials.dtlsHello(cut=60),
        materials.dtlsHello(cut=60) + materials.dtlsRecord(21, 9, b"\2\x28"),
        materials.dtlsRecord(20, 1, b"\1"),
        materials.dtlsRecord(21, 1, b"\2\x28"),
        materials.dtlsRecord(21, 1, b"\1\0"),
        materials.dtlsRecord(23, 1, b"data"),
        materials.dtlsRecord(22, 1, bytes(40), epoch=1),
        # HelloVerifyRequest, and a ServerHello
        materials.dtlsRecord(22, 0, b"\3\0\0\x13\0\0\0\0\0\0\0\x13\xfe\xff\x10" + bytes(16)),
        materials.dtlsRecord(22, 0, b"\2\0\0\x26\0\0\0\0\0\0\0\x26\xfe\xfd" + bytes(range(32)) + b"\0\xc0\x2b\0"),
    )


WIRE = (
    Target(
        "dtls-records", _dtlsRecords, _dtlsSeeds, (MalformedDatagram,), share=3, grows=(b"\x16\xfe\xfd" + bytes(10),)
    ),
    Target("dtls-hello-start", _dtlsHelloStart, _dtlsSeeds, (MalformedDatagram,), share=3),
    Target("dtls-hello", _dtlsHello, _dtlsSeeds, (MalformedHello,), share=2),
    Target("tls-hello", _tlsHello, _tlsSeeds, (MalformedHello,), share=2, grows=(b"\x16\3\1\0\1\1", b"\x16\3\1\0\1\0")),
    Target(
        "hello-body",
        _helloBody,
        lambda: [hello[9:] for hello in _tlsSeeds()] + [hello[25:] for hello in _dtlsSeeds()],
        share=2,
        grows=(b"\0\x10\0\0",),
    ),
    Target("first-bytes", _firstBytes, lambda: (*_GREETINGS, *_tlsSeeds()), words=_GREETINGS, grows=(b"220-x",)),
    Target("tls-server", _tlsServer, _tlsSeeds, share=0.3),
    Target("tls-client", _tlsClient, _clientSeeds, share=0.3),
    Target("dtls-listener", _dtlsListener, _dtlsSeeds, share=2),
    Target("dtls-client", _dtlsClient, _dtlsSeeds, share=0.2),
    Target("dtls-server", _dtlsServer, _dtlsSeeds, share=0.2),
)
