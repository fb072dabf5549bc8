"""The example with datagrams over local sockets; its two programs talk in test_local_socket.py."""

from __future__ import annotations

import re
import sys
import uuid
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QCoreApplication
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from qtsecure import DatagramTransport, DtlsPeer, DtlsServer, TlsOptions
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.examples.running import ROOT
from tests.net.conversation import settle, spin


def test_the_how_to_shows_the_same() -> None:
    """Word for word, so that what is explained is what is tested."""
    page = (ROOT / "docs" / "howto-custom-datagrams.md").read_text("utf-8")
    (shown,) = re.findall(r"^```python\n(from PySide6.QtCore import Qt\n.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert (ROOT / "examples" / "custom_datagrams" / "local_datagrams.py").read_text("utf-8").endswith(shown)


@pytest.fixture
def ends(qapp: QCoreApplication, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[QLocalSocket, QLocalSocket]]:
    """Two connected local sockets."""
    monkeypatch.syspath_prepend(str(ROOT / "examples" / "custom_datagrams"))
    server, near = QLocalServer(), QLocalSocket()
    assert server.listen(f"qtsecure-{uuid.uuid4().hex}")
    near.connectToServer(server.serverName())
    spin(server.hasPendingConnections)
    far = server.nextPendingConnection()
    yield near, far
    for socket in (near, far):
        socket.abort()
    server.close()
    settle()
    sys.modules.pop("local_datagrams", None)


def transport(socket: QLocalSocket) -> DatagramTransport:
    from local_datagrams import LocalDatagrams  # type: ignore[import-not-found]  # found in the example's directory

    made: DatagramTransport = LocalDatagrams(socket)
    return made


def test_boundaries(ends: tuple[QLocalSocket, QLocalSocket]) -> None:
    """However the stream is cut; too large ones are not taken."""
    near, far = transport(ends[0]), ends[1]
    received: list[bytes] = []
    near.datagramReceived.connect(received.append)
    stream = b"".join(len(part).to_bytes(2, "big") + part for part in (b"a", b"b" * 300, b"c" * 2000))
    for start_ in range(0, len(stream), 7):
        far.write(stream[start_ : start_ + 7])
        far.flush()
        settle()
    spin(lambda: len(received) == 3)
    assert received == [b"a", b"b" * 300, b"c" * 2000]
    assert not near.send(bytes(2001))
    assert near.send(b"back")
    spin(lambda: far.bytesAvailable() == 6)


def test_another_protocol(ends: tuple[QLocalSocket, QLocalSocket]) -> None:
    """Ends it instead of waiting for 17 KB."""
    near = transport(ends[0])
    ends[1].write(b"GET / HTTP/1.1\r\n")
    spin(near.isClosed)


@pytest.mark.parametrize("how", ["the other side", "the program"])
def test_the_socket_closes(
    ends: tuple[QLocalSocket, QLocalSocket], qtsecure_pki: PublicKeyInfrastructure, how: str
) -> None:
    """That is an error of both associations."""
    near, far = map(transport, ends)
    client, server = DtlsPeer(), DtlsServer()
    server.setup(TlsOptions.server(qtsecure_pki.server.privateKey, list(qtsecure_pki.server.chain)))
    taken: list[DtlsPeer] = []
    far.datagramReceived.connect(lambda: taken.extend(filter(None, [server.takeConnection(far)])))
    client.connectToPeer(near, "localhost", TlsOptions.client(qtsecure_pki.ca.certificate))
    spin(lambda: client.isEncrypted() and taken[0].isEncrypted())
    assert client.mtu() == 1200
    (ends[1] if how == "the other side" else ends[0]).abort()
    spin(lambda: client.status() is DtlsPeer.Status.Error and taken[0].status() is DtlsPeer.Status.Error)
