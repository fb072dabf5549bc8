"""R17: whoever cuts the stream, at whatever byte, is found out; all that was complete is still readable."""

from __future__ import annotations

import random
import socket

import pytest
from PySide6.QtCore import QCoreApplication

from qtsecure.engine.events import FailureKind, PeerClosed, StreamFailed
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.values import Protocol, SslConfiguration
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.engine.support import VERSIONS, Pair, Version, client_configuration, limited, records, server_configuration
from tests.figures import Figure
from tests.net.conversation import Error, State, spin

pytestmark = pytest.mark.figure("R17")

_MESSAGES = [b"", b"a", b"pay 100 to Bob", b"x" * 16384, b"y" * 40_000, b"the end"]
both_versions = pytest.mark.parametrize("version", VERSIONS)


class Stream:
    """What a sender says, as ciphertext, and where the plaintext of each record ends."""

    def __init__(self, pki: PublicKeyInfrastructure, version: Version, *, fromServer: bool) -> None:
        self.pair = Pair(
            limited(client_configuration([pki.ca.certificate]), version),
            limited(server_configuration(pki.server), version),
        ).established()
        sender, self.receiver = (
            (self.pair.server, self.pair.client) if fromServer else (self.pair.client, self.pair.server)
        )
        self.plaintext = b"".join(_MESSAGES)
        for message in _MESSAGES:
            sender.stream.write(message)
        self.data = sender.take()
        sender.stream.close()
        self.goodbye = sender.take()

    def cutAt(self, size: int) -> None:
        """The receiver gets so many bytes of it, and the end of the transport."""
        self.receiver.stream.receive((self.data + self.goodbye)[:size])
        self.receiver.drain()
        self.receiver.stream.receive_end()
        self.receiver.settle()


def cuts(stream: Stream) -> list[int]:
    """Every boundary, every byte next to one, the middles, and some more."""
    chooser = random.Random(17)
    places, position = {0}, 0
    for record in records(stream.data + stream.goodbye):
        end = position + len(record)
        places |= {position + 1, position + 4, position + 5, position + 6, position + len(record) // 2, end - 1, end}
        places |= {chooser.randrange(position, end) for _ in range(5)}
        position = end
    return sorted(places)


def complete(stream: Stream, size: int) -> int:
    """How much plaintext is in the records that are whole."""
    whole = position = 0
    overhead = min(len(record) for record in records(stream.data)) - 1  # the record of b"a"
    for record in records(stream.data):
        position += len(record)
        if position <= size:
            whole += len(record) - overhead
    return whole


@both_versions
@pytest.mark.parametrize("fromServer", [True, False], ids=["server", "client"])
def test_r17_every_boundary(
    qtsecure_pki: PublicKeyInfrastructure, version: Version, fromServer: bool, figure: Figure
) -> None:
    """Never a clean end without the whole close_notify, never a byte lost, added or withheld."""
    places = cuts(Stream(qtsecure_pki, version, fromServer=fromServer))
    clean, wrong = [], []
    for size in places:
        stream = Stream(qtsecure_pki, version, fromServer=fromServer)
        stream.cutAt(size)
        receiver = stream.receiver
        whole = size == len(stream.data) + len(stream.goodbye)
        if bytes(receiver.plaintext) != stream.plaintext[: complete(stream, size)]:
            wrong.append(size)
        if receiver.stream.peer_closed_cleanly != whole or bool(receiver.of(PeerClosed)) != whole:
            clean.append(size)
        kinds = [event.kind for event in receiver.of(StreamFailed)]
        if kinds != ([] if whole else [FailureKind.TRUNCATED]):
            clean.append(size)
    sender = "server" if fromServer else "client"
    variant = f"cut by the {sender}, TLS {version}"
    figure.none("cuts taken for a clean end", len(set(clean)), len(places), variant)
    figure.none("cuts after which data was lost, added or withheld", len(wrong), len(places), variant)
    assert clean == []
    assert wrong == []


class CutServer:
    """A sender in memory behind a socket pair, whose stream is cut."""

    def __init__(self, pki: PublicKeyInfrastructure, far: socket.socket) -> None:
        self.pair = Pair(client_configuration([pki.ca.certificate]), server_configuration(pki.server))
        self.side = self.pair.server
        self.side.stream.start()
        self.far = far
        far.setblocking(False)

    def exchange(self) -> None:
        """Carry what there is."""
        try:
            data = self.far.recv(65536)
        except BlockingIOError:
            data = b""
        if data:
            self.side.stream.receive(data)
            self.side.settle()
        if out := self.side.take():
            self.far.sendall(out)


@pytest.mark.usefixtures("transport_mode")
@pytest.mark.parametrize("cut", ["boundary", "mid-record", "no close_notify", "half a close_notify", "whole"])
def test_r17_as_the_program_sees_it(qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure, cut: str) -> None:
    """One error, all complete data, and peerClosedCleanly() tells the truth."""
    listener = socket.create_server(("127.0.0.1", 0))
    client = SslSocket()
    configuration = SslConfiguration.forClient([qtsecure_pki.ca.certificate])
    configuration.setProtocol(Protocol.TlsV1_3)
    client.setSslConfiguration(configuration)
    client.setPeerVerifyName("localhost")
    errors: list[Error] = []
    client.errorOccurred.connect(errors.append)
    client.connectToHostEncrypted("127.0.0.1", listener.getsockname()[1])
    server = CutServer(qtsecure_pki, listener.accept()[0])

    def ready() -> bool:
        server.exchange()
        return client.isEncrypted() and server.side.completed

    spin(ready)
    server.exchange()
    server.side.stream.write(b"first")
    first = server.side.take()
    server.side.stream.write(b"second")
    second = server.side.take()
    server.side.stream.close()
    goodbye = server.side.take()
    sent = {
        "boundary": first,
        "mid-record": first + second[:-1],
        "no close_notify": first + second,
        "half a close_notify": first + second + goodbye[:-1],
        "whole": first + second + goodbye,
    }[cut]
    server.far.sendall(sent)
    server.far.shutdown(socket.SHUT_WR)
    spin(lambda: client.state() == State.UnconnectedState)
    assert client.readBytes() == (b"first" if cut in ("boundary", "mid-record") else b"firstsecond")
    assert client.peerClosedCleanly() == (cut == "whole")
    assert errors == [Error.RemoteHostClosedError]
    assert ("data may be missing" in client.errorString()) == (cut != "whole")
    server.far.close()
    listener.close()
