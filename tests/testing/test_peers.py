"""The reference peers understand each other, and the misbehaving ones misbehave as promised."""

from __future__ import annotations

import errno
import gc
import socket
import ssl
import sys
import threading
import time

import pytest
from PySide6.QtCore import QObject, QTimer

from qtsecure.testing.peers import (
    HTTP_REQUEST,
    AlertingServer,
    GarbageServer,
    OpensslClient,
    OpensslServer,
    PeerError,
    PlainHttpServer,
    PythonTlsClient,
    PythonTlsServer,
    RawClient,
    ResettingServer,
    SilentServer,
    SlowServer,
    TlsConnection,
    TruncatingServer,
    opensslVersion,
)
from qtsecure.testing.peers._threads import Waker, resetConnection
from qtsecure.testing.peers._waiting import waitUntil
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.ports import closedPort

needsOpenssl = pytest.mark.skipif(opensslVersion() is None, reason="there is no openssl command")


@pytest.fixture
def trust(qtsecure_pki: PublicKeyInfrastructure) -> list:
    """What clients of good servers trust."""
    return [qtsecure_pki.ca.certificate]


@pytest.fixture(autouse=True)
def _noThreadsLeft():
    """Every peer ends its threads."""
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def test_a_peer_that_cannot_start_leaves_nothing() -> None:
    """What is still open would be an unclosed socket, in whatever test the garbage is collected."""
    with closedPort() as port:
        client = RawClient(port)
        with pytest.raises(ConnectionRefusedError), client:
            pass
    assert client._stopping.fileno() == -1
    with pytest.raises(OSError, match=r"192\.0\.2\.1"):
        SilentServer(host="192.0.2.1")
    gc.collect()


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_python_echo(qtsecure_pki, trust, version) -> None:
    """Client and server on Python's ssl module: echo, ALPN, SNI, version, orderly end."""
    only = ssl.TLSVersion[version]
    with (
        PythonTlsServer(qtsecure_pki.server, alpn=["b", "a"], minimumVersion=only, maximumVersion=only) as server,
        PythonTlsClient(server.port, caCertificates=trust, alpn=["a"]) as client,
    ):
        client.send(b"one")
        client.send(b"two")
        assert client.waitForReceived(6) == b"onetwo"
        client.close()
        connection = server.waitForEnding()
        client.waitForEnding()
        assert client.connection is not None
        assert (client.connection.protocol, client.connection.alpn) == (version.replace("_", "."), "a")
        assert client.connection.peerCertificate is not None
    assert (connection.received, connection.ending, connection.serverName) == (b"onetwo", "closeNotify", "localhost")
    assert client.connection.ending == "closeNotify"


def test_python_echo_of_much_data(qtsecure_pki, trust) -> None:
    """More than the socket buffers hold comes back."""
    data = bytes(range(256)) * 4096
    with (
        PythonTlsServer(qtsecure_pki.server) as server,
        PythonTlsClient(server.port, caCertificates=trust) as client,
    ):
        for start in range(0, len(data), 65536):
            client.send(data[start : start + 65536])
            client.waitForReceived(start + 65536)
        assert client.connection.received == data


class _EndlessSocket:
    """The socket of a peer that sends without end."""

    session_reused, session = False, None

    def version(self) -> str:
        return "TLSv1.3"

    def cipher(self) -> None:
        return None

    def selected_alpn_protocol(self) -> None:
        return None

    def getpeercert(self, *, binary_form: bool) -> None:
        return None

    def pending(self) -> int:
        return 1

    def recv(self, size: int) -> bytes:
        return bytes(16384)  # a whole record is the most


def test_much_data_is_noted_in_linear_time() -> None:
    """Each record costs the same, whatever came before."""
    sock = _EndlessSocket()
    connection = TlsConnection(sock, None)
    began = time.process_time()  # the others on this machine do not count
    for _ in range(4096):
        connection.receive(sock)
    assert time.process_time() - began < 1
    assert connection.receivedCount() == 4096 * 16384
    assert not any(connection.received)


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_python_resumes(qtsecure_pki, trust, version) -> None:
    """A client that takes over the session of an earlier one; both sides know."""
    only = ssl.TLSVersion[version]
    with PythonTlsServer(qtsecure_pki.server, minimumVersion=only, maximumVersion=only) as server:
        with PythonTlsClient(server.port, caCertificates=trust) as first:
            first.send(b"one")
            first.waitForReceived(3)
            first.close()
            first.waitForEnding()
        with PythonTlsClient(server.port, caCertificates=trust, resume=first) as second:
            second.send(b"two")
            second.waitForReceived(3)
            assert (first.connection.sessionReused, second.connection.sessionReused) == (False, True)
        assert [connection.sessionReused for connection in server.connections] == [False, True]


def test_greeting(qtsecure_pki, trust) -> None:
    """A server may speak first."""
    with (
        PythonTlsServer(qtsecure_pki.server, echo=False, greeting=b"hello") as server,
        PythonTlsClient(server.port, caCertificates=trust) as client,
    ):
        assert client.waitForReceived(5) == b"hello"


def test_required_client_certificate(qtsecure_pki, trust) -> None:
    """A required client certificate arrives at the server."""
    with (
        PythonTlsServer(qtsecure_pki.server, clientCertificate="required", caCertificates=trust) as server,
        PythonTlsClient(server.port, caCertificates=trust, certificate=qtsecure_pki.client) as client,
    ):
        client.waitForConnection()
        assert server.waitForConnection().peerCertificate is not None


@pytest.mark.parametrize("member", [None, "clientUnknownCa"])
def test_bad_client_certificate_is_an_error_of_the_server(qtsecure_pki, trust, member) -> None:
    """Without a good certificate the handshake of the server fails, and the test can take that."""
    with PythonTlsServer(qtsecure_pki.server, clientCertificate="required", caCertificates=trust) as server:
        certificate = member and getattr(qtsecure_pki, member)
        with PythonTlsClient(server.port, caCertificates=trust, certificate=certificate) as client:
            assert isinstance(server.waitForError(), ssl.SSLError)
            client.waitForError()
        assert server.connections == []


@pytest.mark.parametrize("member", ["expired", "notYetValid", "wrongHost", "selfSigned", "unknownCa", "badPurpose"])
def test_client_refuses_bad_servers(qtsecure_pki, trust, member) -> None:
    """The reference client verifies."""
    with (
        PythonTlsServer(getattr(qtsecure_pki, member)) as server,
        PythonTlsClient(server.port, caCertificates=trust) as client,
    ):
        assert isinstance(client.waitForError(), ssl.SSLCertVerificationError)
        server.waitForError()


def test_nobody_took_the_error(qtsecure_pki) -> None:
    """An error in a thread fails the test at the end of the peer."""
    server = PythonTlsServer(qtsecure_pki.server)
    server.start()
    with RawClient(server.port, HTTP_REQUEST) as client:
        client.waitForEnding()
    assert waitUntil(lambda: bool(server._errors), 20_000)  # the client knows before the server has said why
    with pytest.raises(PeerError, match=r"PythonTlsServer failed: SSLError"):
        server.stop()
    server.stop()


def test_error_of_the_peer_does_not_hide_the_failure_of_the_test(qtsecure_pki, capsys) -> None:
    """The failure in the block goes on; the error of the peer is printed."""

    def failAfterARefusedClient() -> None:
        with PythonTlsServer(qtsecure_pki.server) as server:
            with RawClient(server.port, HTTP_REQUEST) as client:
                client.waitForEnding()
            assert waitUntil(lambda: bool(server._errors), 20_000)  # the client knows before the server has said why
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failAfterARefusedClient()
    assert "HTTP_REQUEST" in capsys.readouterr().err


def test_abrupt_clients_are_noted(qtsecure_pki) -> None:
    """FIN without close_notify and RST are told apart."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with PythonTlsServer(qtsecure_pki.server) as server:
        with context.wrap_socket(socket.create_connection(("127.0.0.1", server.port), 5)) as sock:
            server.waitForConnection(1)
            socket.socket.shutdown(sock, socket.SHUT_WR)
            assert server.waitForEnding(1).ending == "truncated"
        with context.wrap_socket(socket.create_connection(("127.0.0.1", server.port), 5)) as sock:
            server.waitForConnection(2)
            resetConnection(sock)
            assert server.waitForEnding(2).ending == "reset"


def test_stopping_is_quick_with_open_connections(qtsecure_pki, trust) -> None:
    """Threads that block are woken and report no error."""
    before = time.monotonic()
    with PythonTlsServer(qtsecure_pki.server) as server, SilentServer() as silent, RawClient(silent.port) as raw:
        with PythonTlsClient(server.port, caCertificates=trust) as client:
            client.waitForConnection()
            silent.waitForAccepted()
            assert raw.ending == "open"
        server.stop()
    assert time.monotonic() - before < 30


def test_waits_in_vain(qtsecure_pki) -> None:
    """Each wait fails with what there was."""
    with PythonTlsServer(qtsecure_pki.server) as server:
        with pytest.raises(PeerError, match=r"Waited 1 ms for 1 TLS connections, saw 0; errors: \[\]"):
            server.waitForConnection(timeout=1)
        with pytest.raises(PeerError, match="Waited 1 ms for 1 connections, saw 0"):
            server.waitForAccepted(timeout=1)
        with pytest.raises(PeerError, match="Nothing went wrong in PythonTlsServer within 1 ms"):
            server.waitForError(timeout=1)


def test_waits_run_the_event_loop(qapp) -> None:
    """A wait in the thread of the application lets Qt objects go on."""
    with SilentServer() as server, RawClient(server.port) as client:
        context = QObject()
        QTimer.singleShot(0, context, lambda: client.send(b"from the event loop"))
        server.waitForAccepted()
        with pytest.raises(PeerError):
            client.waitForReceived(1, timeout=50)
        client.closeWriting()
        client.waitForEnding()
    assert server.received == b"from the event loop"


def test_waits_in_a_thread_without_event_loop() -> None:
    """A wait in another thread needs no Qt."""
    flag = threading.Event()
    outcomes: list[bool] = []

    def wait() -> None:
        outcomes.append(waitUntil(lambda: False, 1))
        outcomes.append(waitUntil(flag.is_set, 5000))

    thread = threading.Thread(target=wait)
    thread.start()
    flag.set()
    thread.join(10)
    assert outcomes == [False, True]


def test_a_wake_is_not_lost_while_another_one_is_taken() -> None:
    """A thread that obeys may be given more to do at any moment."""

    class Flag(threading.Event):
        def clear(self) -> None:
            super().clear()
            waker.set()

    waker = Waker()
    waker._flag = Flag()
    waker.set()
    waker.clear()
    waker.set()
    assert waker._reader.recv(2) == b"\0"
    waker.close()


@pytest.mark.skipif(sys.version_info < (3, 13), reason="Python's ssl module has pre-shared keys from 3.13 on")
def test_python_psk() -> None:
    """Pre-shared keys without any certificate, where Python has them."""
    last = ssl.TLSVersion.TLSv1_2
    with (
        PythonTlsServer(None, preSharedKeys={"me": b"\1" * 16}, maximumVersion=last, ciphers="PSK") as server,
        PythonTlsClient(server.port, preSharedKey=("me", b"\1" * 16), maximumVersion=last, ciphers="PSK") as client,
    ):
        client.send(b"psk")
        assert client.waitForReceived(3) == b"psk"


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="Python's ssl module has pre-shared keys")
def test_python_psk_is_refused_where_there_is_none() -> None:
    """The reason is told."""
    with pytest.raises(NotImplementedError, match=r"from 3\.13 on"):
        PythonTlsClient(1, preSharedKey=("me", b"\1" * 16))


def handshake(port: int) -> ssl.SSLSocket:
    """Connect with TLS, verifying nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF  # on by default in some releases of Python 3.10 and 3.11
    plain = socket.create_connection(("127.0.0.1", port), 5)
    try:
        return context.wrap_socket(plain, suppress_ragged_eofs=False)
    except BaseException:
        plain.close()
        raise


def drain(sock: ssl.SSLSocket) -> None:
    """Read what is left past the TLS layer, which does not always tell a reset from an end of stream."""
    while socket.socket.recv(sock, 65536):
        pass


def test_silent_server() -> None:
    """It keeps what it hears to itself."""
    with SilentServer() as server:
        with RawClient(server.port, b"anybody there?") as client:
            client.closeWriting()
            client.waitForEnding()
            assert (client.received, client.ending) == (b"", "eof")
        assert server.received == b"anybody there?"


@pytest.mark.parametrize(("server", "start"), [(GarbageServer, b"\xff\xfe"), (PlainHttpServer, b"HTTP/1.1 400")])
def test_answering_servers(server, start) -> None:
    """They answer anything with bytes that are not TLS, and the answer arrives."""
    with server() as running:
        with RawClient(running.port, b"\x16\x03\x01") as client:
            client.waitForReceived(len(start))
            client.closeWriting()
            client.waitForEnding()
            assert client.ending == "eof"
        assert client.received.startswith(start)
        with pytest.raises(ssl.SSLError, match=r"WRONG_VERSION_NUMBER|RECORD_LAYER_FAILURE|PACKET_LENGTH"):
            handshake(running.port)


@pytest.mark.parametrize("server", [GarbageServer, PlainHttpServer])
def test_answering_servers_whose_client_resets_at_once(server, monkeypatch) -> None:
    """The reset may come between the answer and its end: that is the client's affair, and no error of the server."""
    monkeypatch.setattr(socket.socket, "shutdown", _notConnected)
    with server() as running, RawClient(running.port, b"\x16\x03\x01") as client:
        client.waitForReceived(1)
        monkeypatch.undo()
        client.waitForEnding()
    assert running.takeErrors() == []


def _notConnected(sock: socket.socket, how: int) -> None:
    raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")


def test_resetting_server_during_the_handshake() -> None:
    """The ClientHello is answered with RST."""
    with ResettingServer() as server, pytest.raises(ConnectionResetError):
        handshake(server.port)


def test_resetting_server_after_the_handshake(qtsecure_pki) -> None:
    """The first application data is answered with RST."""
    with ResettingServer(qtsecure_pki.server) as server, handshake(server.port) as sock:
        sock.sendall(b"x")
        with pytest.raises(ConnectionResetError):
            drain(sock)


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_truncating_server(qtsecure_pki, version) -> None:
    """Data arrives, then the stream ends without close_notify."""
    with (
        TruncatingServer(qtsecure_pki.server, b"abc", maximumVersion=ssl.TLSVersion[version]) as server,
        handshake(server.port) as sock,
    ):
        assert sock.recv(10) == b"abc"
        with pytest.raises(ssl.SSLError, match=r"UNEXPECTED_EOF|EOF occurred"):
            sock.recv(10)


def test_alerting_server(qtsecure_pki) -> None:
    """The handshake completes; the first data, also together with its end, get an alert."""
    with AlertingServer(qtsecure_pki.server) as server, handshake(server.port) as sock:
        sock.sendall(b"data")
        with pytest.raises(ssl.SSLError, match=r"(?i)bad.record.mac"):
            sock.recv(10)


def test_alerting_server_whose_client_breaks_off(qtsecure_pki) -> None:
    """A client may take the alert badly: that is no error of the server's."""
    with AlertingServer(qtsecure_pki.server) as server:
        sock = handshake(server.port)
        server.waitForAccepted()
        sock.sendall(b"data")
        resetConnection(sock)
        assert waitUntil(lambda: not any(thread.is_alive() for thread in server._threads[1:]), 20_000)
        assert server.takeErrors() == []


def test_slow_server() -> None:
    """Bytes keep coming, a record does not."""
    with SlowServer(interval=1) as server:
        with RawClient(server.port) as client:
            assert client.waitForReceived(20).startswith(b"\x16\x03\x03\x3f\xff\x02\x02")
            client.reset()
        server.waitForAccepted()


def test_raw_client_is_told_of_a_reset() -> None:
    """A reset is not an orderly end."""
    with ResettingServer() as server, RawClient(server.port, b"x") as client:
        client.waitForEnding()
        assert client.ending == "reset"


def test_ipv6(qtsecure_pki, trust) -> None:
    """Peers also work on ::1."""
    if not socket.has_ipv6:
        pytest.skip("there is no IPv6")
    try:
        server = PythonTlsServer(qtsecure_pki.server, host="::1")
    except OSError:
        pytest.skip("there is no IPv6 loopback")
    with server, PythonTlsClient(server.port, host="::1", caCertificates=trust) as client:
        client.waitForConnection()


@needsOpenssl
def test_openssl_sends_more_than_fits_on_the_way(qapp, qtsecure_echo_server, trust) -> None:
    """The event loop runs meanwhile: the server may live in this thread. It waited for ever."""
    with OpensslClient(qtsecure_echo_server.serverPort(), caCertificates=trust) as client:
        client.waitForOutput("CONNECTION ESTABLISHED")
        client.send(b"0123456789abcde\n" * 500_000)
        client.send(b"the end\n")
        client.waitForOutput("the end")


@needsOpenssl
def test_openssl_that_takes_nothing(trust) -> None:
    """Is told after the time, and not waited for."""
    with (
        SilentServer() as silent,
        OpensslClient(silent.port) as client,
        pytest.raises(PeerError, match="within 100 ms"),
    ):
        client.send(b"0123456789abcde\n" * 100_000, timeout=100)


@needsOpenssl
@pytest.mark.parametrize("version", ["tls1_2", "tls1_3"])
def test_openssl_pair(qtsecure_pki, trust, version) -> None:
    """s_client talks to s_server, both ways, with ALPN and a client certificate, and ends in order."""
    pki = qtsecure_pki
    with (
        OpensslServer(
            pki.viaIntermediate, version=version, alpn=["a"], clientCertificate="required", caCertificates=trust
        ) as server,
        OpensslClient(server.port, caCertificates=trust, certificate=pki.client, alpn=["a"]) as client,
    ):
        output = client.waitForOutput("Verification: OK")
        assert f"Protocol version: {version.upper().replace('TLS', 'TLSv').replace('_', '.')}" in output
        client.send(b"from the client\n")
        server.waitForOutput("from the client")
        server.send(b"from the server\n")
        client.waitForOutput("from the server")
        client.close()
        assert client.waitForExit() == 0
        server.waitForOutput("DONE")


@needsOpenssl
def test_openssl_client_verifies(qtsecure_pki, trust) -> None:
    """A server for another host is refused."""
    with PythonTlsServer(qtsecure_pki.wrongHost) as server:
        with OpensslClient(server.port, caCertificates=trust) as client:
            assert client.waitForExit() != 0
            assert "hostname mismatch" in client.output
        server.waitForError()


@needsOpenssl
def test_openssl_reverse_server(qtsecure_pki, trust) -> None:
    """s_server -rev answers by itself."""
    with (
        OpensslServer(qtsecure_pki.server, reverse=True) as server,
        PythonTlsClient(server.port, caCertificates=trust) as client,
    ):
        client.send(b"abc\n")
        assert client.waitForReceived(4) == b"cba\n"


@needsOpenssl
@pytest.mark.parametrize("version", ["tls1_2", "tls1_3", "dtls1_2"])
def test_openssl_psk(version) -> None:
    """Pre-shared keys without certificates; DTLS works as well."""
    psk = ("me", bytes(range(32)))
    with (
        OpensslServer(None, version=version, psk=psk) as server,
        OpensslClient(server.port, version=version, psk=psk) as client,
    ):
        client.waitForOutput("CONNECTION ESTABLISHED")
        client.send(b"secret\n")
        server.waitForOutput("secret")


@needsOpenssl
def test_openssl_server_that_cannot_start(qtsecure_pki) -> None:
    """What openssl says is told."""
    with pytest.raises(PeerError, match=r"(?s)did not start to listen.*[Uu]nknown option"):
        OpensslServer(qtsecure_pki.server, arguments=["-no-such-option"]).start()


@needsOpenssl
def test_openssl_waits_in_vain(qtsecure_pki) -> None:
    """The output is part of the message."""
    with OpensslServer(qtsecure_pki.server) as server:
        with pytest.raises(PeerError, match=r"(?s)for 'never'.*ACCEPT"):
            server.waitForOutput("never", timeout=1)
        with pytest.raises(PeerError, match="still ran after 1 ms"):
            server.waitForExit(timeout=1)


def test_missing_openssl_is_told(monkeypatch) -> None:
    """Without openssl the message says what to install."""
    monkeypatch.setenv("PATH", "")
    assert opensslVersion() is None
    with pytest.raises(FileNotFoundError, match="install the package openssl"):
        OpensslClient(1)
