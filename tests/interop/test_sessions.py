"""Sessions with other implementations in both roles."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qtsecure.net.session_cache import sharedSessions
from qtsecure.net.values import TlsSession
from qtsecure.testing.peers import OpensslClient, PythonTlsServer
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.interop.foreign import LINE, ForeignServer, Implementations, waitFor
from tests.interop.ours import OurClient, OurServer, VerifyMode

MakeServer = type[ForeignServer]
MakeOurServer = Callable[..., OurServer]


@pytest.fixture(autouse=True)
def _emptyCache() -> Iterator[None]:
    sharedSessions.reset()
    yield
    sharedSessions.reset()


def onceMore(
    pki: PublicKeyInfrastructure, port: int, version: str, answer: bytes, session: TlsSession | None
) -> tuple[bool, TlsSession | None]:
    """One connection of our client with data: whether it was resumed, and its session."""
    sharedSessions.reset()
    client = OurClient()
    try:
        if session is not None:
            # The configuration has to be there first; connectTo() sets an equal one.
            client.socket.setSslConfiguration(client.configurationFor(version, pki.ca.certificate))
            client.socket.setSession(TlsSession.fromBytes(session.toBytes()))
        client.connectTo(port, version, trust=pki.ca.certificate)
        client.socket.write(LINE)
        client.waitForReceived(answer)
        reused = client.socket.isSessionReused()
        assert client.socket.peerCertificate().toCryptography() == pki.server.certificate
        session = client.socket.session()
        client.socket.disconnectFromHost()
        client.waitForEnd()
        return reused, session
    finally:
        client.close()


def test_our_client_resumes(pki: PublicKeyInfrastructure, make_server: MakeServer, version: str, foreign: str) -> None:
    """Three connections, each with the session of the one before."""
    with make_server(pki.server, version) as server:
        resumed = []
        session = None
        for _ in range(3):
            reused, session = onceMore(pki, server.port, version, server.answerTo(LINE), session)
            resumed.append(reused)
    # Qt makes a context for each connection, and that has the ticket keys.
    assert resumed == ([False] * 3 if foreign == "qt" else [False, True, True])


def test_the_other_side_knows_it(pki: PublicKeyInfrastructure, version: str, qapp: object) -> None:
    """Python's ssl module agrees."""
    assert Implementations.servers["python"]
    kind = getattr(ssl.TLSVersion, f"TLSv{version.replace('.', '_')}")
    with PythonTlsServer(pki.server, minimumVersion=kind, maximumVersion=kind) as server:
        _, session = onceMore(pki, server.port, version, LINE, None)
        onceMore(pki, server.port, version, LINE, session)
        assert [connection.sessionReused for connection in server.connections] == [False, True]


@pytest.mark.parametrize("mode", [VerifyMode.VerifyNone, VerifyMode.QueryPeer])
def test_python_client_resumes(
    pki: PublicKeyInfrastructure, version: str, make_our_server: MakeOurServer, mode: VerifyMode, tmp_path: Path
) -> None:
    """All connections of a server share their tickets; both ends agree about that."""
    server = make_our_server(pki.server, version)
    configuration = server.server.sslConfiguration()
    configuration.setPeerVerifyMode(mode)
    server.server.setSslConfiguration(configuration)
    context = ssl.create_default_context(cadata=pki.ca.certificatePem().decode())
    resumed = []
    session: ssl.SSLSession | None = None
    for number in range(3):
        with socket.create_connection(("127.0.0.1", server.port), 8) as plain:
            reused, session = _talk(context, plain, session, server, number)
        resumed.append(reused)
        assert server.sockets[number].isSessionReused() is reused
        assert server.sockets[number].serverName() == "localhost"
    assert resumed == [False, True, True]


def _talk(
    context: ssl.SSLContext, plain: socket.socket, session: ssl.SSLSession | None, server: OurServer, number: int
) -> tuple[bool, ssl.SSLSession | None]:
    """A line there and back, without blocking the loop that the server lives in."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname="localhost", session=session)
    plain.setblocking(False)

    def step(action: Callable[[], object]) -> object:
        try:
            result = action()
        except ssl.SSLWantReadError:
            result = None
        if data := outgoing.read():
            plain.sendall(data)
        with contextlib.suppress(BlockingIOError):
            incoming.write(plain.recv(65536))
        return result

    done: list[object] = []

    def handshake() -> bool:
        client.do_handshake()
        return True

    waitFor(lambda: step(handshake), "a handshake")
    client.write(LINE)

    def read() -> bool:
        done.append(step(lambda: client.read(100)))
        return LINE in done

    waitFor(read, "the line")
    waitFor(lambda: len(server.sockets) > number, "the server's socket")
    return bool(client.session_reused), client.session


@pytest.mark.skipif(bool(Implementations.missing("openssl")), reason=Implementations.missing("openssl"))
def test_openssl_program_stores_and_resumes(
    pki: PublicKeyInfrastructure, version: str, make_our_server: MakeOurServer, tmp_path: Path
) -> None:
    """s_client -sess_out, then -sess_in in another process."""
    server = make_our_server(pki.server, version)
    stored = tmp_path / "session.pem"
    for option in ("-sess_out", "-sess_in"):
        with OpensslClient(
            server.port,
            caCertificates=[pki.ca.certificate],
            version=f"tls{version.replace('.', '_')}",  # type: ignore[arg-type]  # a literal of the two
            arguments=[option, str(stored)],
        ) as client:
            client.send(LINE)
            waitFor(lambda: client.output.count(LINE.decode()), "the line")
            client.close()
            waitFor(lambda: len(server.ended) == len(server.sockets), "the end")
    assert stored.exists()
    assert [each.isSessionReused() for each in server.sockets] == [False, True]


@pytest.mark.skipif(bool(Implementations.missing("openssl")), reason=Implementations.missing("openssl"))
def test_openssl_program_reconnects(pki: PublicKeyInfrastructure, make_our_server: MakeOurServer) -> None:
    """s_client -reconnect: five further connections with the session of TLS 1.2."""
    server = make_our_server(pki.server, "1.2")
    with OpensslClient(
        server.port, caCertificates=[pki.ca.certificate], version="tls1_2", arguments=["-reconnect"]
    ) as client:
        waitFor(lambda: len(server.sockets) == 6, "six connections")
        waitFor(lambda: len(re.findall(r"CONNECTION ESTABLISHED", client.output)) >= 1, "the program")
    assert [each.isSessionReused() for each in server.sockets] == [False] + [True] * 5
