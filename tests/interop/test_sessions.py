"""Sessions with other implementations in both roles."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from qtsecure.testing.peers import OpensslClient
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.interop.foreign import IMPLEMENTATIONS, LINE
from tests.interop.ours import OurServer, VerifyMode
from tests.interop.programs import waitFor

MakeOurServer = Callable[..., OurServer]


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


@pytest.mark.skipif(bool(IMPLEMENTATIONS["openssl"].missing()), reason=IMPLEMENTATIONS["openssl"].missing())
def test_openssl_program_reconnects(pki: PublicKeyInfrastructure, make_our_server: MakeOurServer) -> None:
    """s_client -reconnect: five further connections with the session of TLS 1.2."""
    server = make_our_server(pki.server, "1.2")
    with OpensslClient(
        server.port, caCertificates=[pki.ca.certificate], version="tls1_2", arguments=["-reconnect"]
    ) as client:
        waitFor(lambda: len(server.sockets) == 6, "six connections")
        waitFor(lambda: len(re.findall(r"CONNECTION ESTABLISHED", client.output)) >= 1, "the program")
    assert [each.isSessionReused() for each in server.sockets] == [False] + [True] * 5
