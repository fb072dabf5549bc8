"""What a program writes while an https proxy is asked is for the server behind it, whatever the program does then."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QCoreApplication
from shiboken6 import delete, isValid

from qtsecure.errors import SecureError
from qtsecure.net.proxies.proxy_address import ProxyAddress
from qtsecure.net.servers.ssl_server import SslServer
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.values import Protocol, SslConfiguration
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.net.conversation import PROTOCOLS, FakeClock, State, settle, spin
from tests.net.proxies.rig import Negotiating, connectedTo

_SECRET = b"for the server alone"


class Scene(Negotiating):
    """A negotiator whose proxy has TLS, and says what the test lets it say.

    Attributes:
        heard: What the proxy has been told inside TLS.
        ended: The proxy's end has been told of the connection's.
    """

    def __init__(self, pki: PublicKeyInfrastructure, protocol: Protocol) -> None:
        self.server = SslServer()
        configuration = SslConfiguration.forServer(list(pki.server.chain), pki.server.privateKey)
        configuration.setProtocol(protocol)
        self.server.setSslConfiguration(configuration)
        self.server.pendingConnectionAvailable.connect(self._serve)
        assert self.server.listen("127.0.0.1", 0)
        self.ends: list[SslSocket] = []
        self.heard = bytearray()
        self.ended = False
        port = self.server.serverPort()
        socket = connectedTo(port)
        uri = f"https://localhost:{port}"
        self.early: Callable[[], object] = lambda: None
        socket.encrypted.connect(lambda: self.early())  # before the negotiator's own
        super().__init__(socket, ProxyAddress(uri, "127.0.0.1", "far.example", 993, "imaps"))
        self.negotiator.setSslConfiguration(SslConfiguration.forClient([pki.ca.certificate]))

    def _serve(self) -> None:
        while (end := self.server.nextPendingConnection()) is not None:
            self.ends.append(end)
            end.readyRead.connect(self._hear)
            end.disconnected.connect(self._over)
            self._hear()

    def _hear(self) -> None:
        self.heard += self.ends[0].readBytes()

    def _over(self) -> None:
        self.ended = True

    def close(self) -> None:
        for each in (self.negotiator, self.socket, self.server):
            if isValid(each):
                each.deleteLater()
        settle()


@pytest.fixture(params=PROTOCOLS.values(), ids=PROTOCOLS)
def scene(
    request: pytest.FixtureRequest, qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure, transport_mode: str
) -> Iterator[Scene]:
    """One of each version, over each kind of socket."""
    made = Scene(qtsecure_pki, request.param)
    yield made
    made.close()


ENDS: dict[str, Callable[[Scene], object]] = {
    "disconnectFromHost": lambda scene: scene.socket.disconnectFromHost(),
    "close": lambda scene: scene.socket.close(),
    "abort": lambda scene: scene.socket.abort(),
    "delete": lambda scene: delete(scene.socket),
    "abort the negotiator": lambda scene: scene.negotiator.abort(),
}
ends = pytest.mark.parametrize("end", ENDS)


@ends
@pytest.mark.parametrize("loop", [False, True], ids=["at once", "after an event loop"])
@pytest.mark.parametrize("when", ["in the handshake", "encrypted", "asked"])
def test_the_program_ends_it(scene: Scene, clock: FakeClock, when: str, loop: bool, end: str) -> None:
    """The proxy hears nothing of what was written, though it is queued, and the end comes at once."""

    def act() -> None:
        scene.socket.write(_SECRET)
        if loop:
            settle()
        ENDS[end](scene)

    if when == "encrypted":
        scene.early = act
    scene.start()
    if when == "in the handshake":
        act()
    elif when == "asked":
        spin(lambda: b"CONNECT" in scene.heard)
        act()
    spin(lambda: not isValid(scene.socket) or scene.socket.state() == State.UnconnectedState)
    spin(lambda: scene.ended or scene.server.statistics().failed + scene.server.statistics().encrypted > 0)
    settle()
    assert _SECRET not in scene.heard
    if end == "abort the negotiator":
        assert scene.outcomes == []
    else:
        assert scene.failure().code in (SecureError.Code.Closed, SecureError.Code.ProxyFailed)


@pytest.mark.parametrize("when", ["encrypted", "asked"])
@pytest.mark.parametrize("how", ["disconnectFromHost", "abort"])
def test_the_proxy_leaves(scene: Scene, when: str, how: str) -> None:
    """Its close_notify is answered, and what is queued is still not for it."""

    def act() -> None:
        scene.socket.write(_SECRET)
        spin(lambda: bool(scene.ends))
        getattr(scene.ends[0], how)()
        settle()

    if when == "encrypted":
        scene.early = act
    scene.start()
    if when == "asked":
        spin(lambda: b"CONNECT" in scene.heard)
        act()
    assert scene.failure().code in (SecureError.Code.Closed, SecureError.Code.ProxyFailed)
    spin(lambda: scene.ended)
    assert _SECRET not in scene.heard


@pytest.mark.parametrize("when", ["in the handshake", "encrypted"])
def test_the_negotiator_is_deleted(scene: Scene, when: str) -> None:
    """The queue stays where it is; the connection can be ended, and used for something else."""

    def act() -> None:
        scene.socket.write(_SECRET)
        delete(scene.negotiator)

    scene.early = act if when == "encrypted" else lambda: None
    scene.start()
    if when == "in the handshake":
        act()
    spin(scene.socket.isEncrypted)
    spin(lambda: bool(scene.ends))
    settle()
    assert scene.socket.bytesToWrite() == len(_SECRET)
    scene.socket.disconnectFromHost()
    spin(lambda: scene.socket.state() == State.UnconnectedState)
    spin(lambda: scene.ended)
    assert scene.heard == b""
    scene.ends.clear()
    scene.socket.connectToHostEncrypted("localhost", scene.server.serverPort())
    scene.early = lambda: None
    scene.socket.write(b"to the next")
    spin(lambda: scene.heard == b"to the next")
    assert scene.outcomes == []


@pytest.mark.parametrize("limit", [0, 1, 7, 25, 1000])
def test_an_end_right_behind_the_answer(scene: Scene, limit: int) -> None:
    """In one piece with what the server says: first the connection, then that, then the end."""
    story: list[str] = []
    heard = bytearray()

    def go(connection: SslSocket) -> None:
        story.append("negotiated")
        connection.readyRead.connect(lambda: heard.extend(connection.readBytes()))
        connection.disconnected.connect(lambda: story.append(heard.decode()))

    scene.negotiator.negotiated.connect(go)
    scene.negotiator.failed.connect(lambda error: story.extend(["failed", error.message]))
    scene.socket.setReadBufferSize(limit)
    scene.start()
    spin(lambda: scene.heard.endswith(b"\r\n\r\n"))
    scene.ends[0].write(b"HTTP/1.1 200 OK\r\n\r\n220 hello\r\n")
    scene.ends[0].disconnectFromHost()
    spin(lambda: len(story) == 2)
    assert story == ["negotiated", "220 hello\r\n"]
