"""Reference peers on Python's ssl module."""

from __future__ import annotations

import queue
import socket
import ssl
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from qtsecure.testing.certificates import IssuedCertificate
from qtsecure.testing.peers._threads import Peer, PeerError, ThreadedServer, Waker, readable
from qtsecure.testing.peers._waiting import waitUntil

__all__ = ["PythonTlsClient", "PythonTlsServer", "TlsConnection", "serverContext"]

ClientCertificate: TypeAlias = Literal["none", "optional", "required"]
Ending: TypeAlias = Literal["open", "closeNotify", "truncated", "reset"]

_CHUNK = 65536
_VERIFY_MODES = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}


class TlsConnection:
    """What a reference peer knows about one connection whose handshake is complete.

    Attributes:
        protocol: ``"TLSv1.3"`` or ``"TLSv1.2"``.
        cipher: OpenSSL's name of the cipher suite.
        alpn: The negotiated application protocol, or None.
        serverName: On a server, the name that the client asked for (SNI), or None.
        peerCertificate: The peer's certificate as DER, or None.
        sessionReused: Whether it resumed a session.
        session: The session as of the last time that data came, which is when TLS 1.3 has one; or None.
        ending: How the peer ended its direction: ``"open"`` (not yet), ``"closeNotify"``,
            ``"truncated"`` (end of stream without close_notify) or ``"reset"``.
    """

    def __init__(self, sock: ssl.SSLSocket, serverName: str | None) -> None:
        self.protocol = sock.version() or ""
        cipher = sock.cipher()
        self.cipher = cipher[0] if cipher else ""
        self.alpn = sock.selected_alpn_protocol()
        self.serverName = serverName
        self.peerCertificate = sock.getpeercert(binary_form=True)
        self.sessionReused = bool(sock.session_reused)
        self.session = sock.session
        self.ending: Ending = "open"
        self._received = bytearray()  # bytes would be copied with each record that comes

    @property
    def received(self) -> bytes:
        """Everything received so far."""
        return bytes(self._received)

    def receivedCount(self) -> int:
        """Return how many bytes that is."""
        return len(self._received)

    def receive(self, sock: ssl.SSLSocket) -> bytes:
        """Read what there is and note it; empty at the end, and when a non-blocking socket has nothing."""
        try:
            if not sock.pending():
                # Past the TLS layer: Python before 3.12.3 takes a reset for an end of stream.
                socket.socket.recv(sock, 1, socket.MSG_PEEK)
            data = sock.recv(_CHUNK)
            if not data:
                self.ending = "closeNotify"
        except (BlockingIOError, ssl.SSLWantReadError):
            return b""
        except ssl.SSLError as error:
            if not isTruncation(error):
                raise
            self.ending = "truncated"
            return b""
        except (ConnectionResetError, BrokenPipeError):
            self.ending = "reset"
            return b""
        self._received += data
        self.session = sock.session
        return data


class PythonTlsServer(ThreadedServer):
    """A TLS server that echoes what it receives.

    A client that ends the connection, in whatever way, is noted in
    :attr:`TlsConnection.ending`; a failed handshake is an error of the peer (see
    :meth:`waitForError`).

    Args:
        certificate: The certificate of the server; None only with ``preSharedKeys``.
        echo: Whether to return what is received.
        greeting: Sent first.
        clientCertificate: Whether to ask for a certificate of the client.
        caCertificates: Who may have issued it.
        alpn: Application protocols to accept, best first.
        minimumVersion: The lowest version to accept.
        maximumVersion: The highest version to accept.
        ciphers: TLS 1.2 ciphers in OpenSSL's format.
        preSharedKeys: Keys by identity; Python 3.13 and later.
        host: Address to listen on.
        timeout: Seconds after which a blocking call gives up.

    Attributes:
        connections: Every connection whose handshake was completed, oldest first.
    """

    def __init__(
        self,
        certificate: IssuedCertificate | None,
        *,
        echo: bool = True,
        greeting: bytes = b"",
        clientCertificate: ClientCertificate = "none",
        caCertificates: Iterable[x509.Certificate] = (),
        alpn: Sequence[str] = (),
        minimumVersion: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2,
        maximumVersion: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED,
        ciphers: str = "",
        preSharedKeys: Mapping[str, bytes] | None = None,
        host: str = "127.0.0.1",
        timeout: float = 10.0,
    ) -> None:
        self._context = serverContext(certificate)
        _restrict(self._context, alpn, minimumVersion, maximumVersion, ciphers)
        self._context.verify_mode = _VERIFY_MODES[clientCertificate]
        _trust(self._context, caCertificates)
        if preSharedKeys is not None:
            _acceptPreSharedKeys(self._context, preSharedKeys)
        self._context.sni_callback = self._noteServerName
        self._serverNames: dict[int, str | None] = {}
        self._echo = echo
        self._greeting = greeting
        self.connections: list[TlsConnection] = []
        super().__init__(host=host, timeout=timeout)

    def waitForConnection(self, count: int = 1, timeout: int = 20_000) -> TlsConnection:
        """Wait until so many handshakes were completed and return the last of these connections.

        Raises:
            PeerError: There were fewer after ``timeout`` milliseconds.
        """
        if not waitUntil(lambda: len(self.connections) >= count, timeout):
            raise PeerError(
                f"Waited {timeout} ms for {count} TLS connections, saw {len(self.connections)}; errors: {self._errors}."
            )
        return self.connections[count - 1]

    def waitForEnding(self, count: int = 1, timeout: int = 20_000) -> TlsConnection:
        """Wait until the client of connection number ``count`` has ended it and return that connection.

        Raises:
            PeerError: It was still open after ``timeout`` milliseconds.
        """
        connection = self.waitForConnection(count, timeout)
        if not waitUntil(lambda: connection.ending != "open", timeout):
            raise PeerError(f"TLS connection {count} was still open after {timeout} ms.")
        return connection

    def _noteServerName(self, sock: ssl.SSLSocket | ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        self._serverNames[id(sock)] = name

    def _serve(self, connection: socket.socket) -> None:
        with self._context.wrap_socket(
            connection, server_side=True, do_handshake_on_connect=False, suppress_ragged_eofs=False
        ) as sock:
            self._own(sock)
            try:
                sock.do_handshake()
                state = TlsConnection(sock, self._serverNames.pop(id(sock), None))
                self.connections.append(state)
                sock.sendall(self._greeting)
                self._exchange(sock, state)
            finally:
                self._release(sock)

    def _exchange(self, sock: ssl.SSLSocket, state: TlsConnection) -> None:
        # An idle client is no error; stop() wakes the read.
        sock.settimeout(None)
        while data := state.receive(sock):
            if self._echo:
                sock.settimeout(self.timeout)
                try:
                    sock.sendall(data)
                except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
                    state.ending = "reset"
                    return
                sock.settimeout(None)
        if state.ending == "closeNotify":
            sock.settimeout(self.timeout)
            _closeNotify(sock)


class PythonTlsClient(Peer):
    """A TLS client in a thread: connects when started, sends what it is told, collects the rest.

    Args:
        port: Where to connect.
        host: Address to connect to.
        caCertificates: Whom to trust; nothing is verified if there are none.
        serverName: Goes into SNI and is matched against the certificate.
        certificate: The certificate of the client, or None.
        alpn: Application protocols to offer.
        minimumVersion: The lowest version to offer.
        maximumVersion: The highest version to offer.
        ciphers: TLS 1.2 ciphers in OpenSSL's format.
        preSharedKey: Identity and key; Python 3.13 and later.
        resume: An earlier client, the settings and the session of which are taken over.
        timeout: Seconds after which a blocking call gives up.

    Attributes:
        connection: The connection once the handshake is complete, until then None.
    """

    def __init__(
        self,
        port: int,
        *,
        host: str = "127.0.0.1",
        caCertificates: Iterable[x509.Certificate] = (),
        serverName: str = "localhost",
        certificate: IssuedCertificate | None = None,
        alpn: Sequence[str] = (),
        minimumVersion: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2,
        maximumVersion: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED,
        ciphers: str = "",
        preSharedKey: tuple[str, bytes] | None = None,
        resume: PythonTlsClient | None = None,
        timeout: float = 10.0,
    ) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        noticeTruncation(context)
        authorities = list(caCertificates)
        if not authorities:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        _trust(context, authorities)
        _restrict(context, alpn, minimumVersion, maximumVersion, ciphers)
        if certificate is not None:
            _loadCertificate(context, certificate)
        if preSharedKey is not None:
            _offerPreSharedKey(context, *preSharedKey)
        super().__init__(timeout=timeout)
        self._context: ssl.SSLContext = context
        self._session: ssl.SSLSession | None = None
        if resume is not None:
            if resume.connection is None:
                raise ValueError("resume: the earlier client has had no connection.")
            # Python's sessions belong to a context.
            self._context, self._session = resume._context, resume.connection.session
        self._address = (host, port)
        self._serverName = serverName
        self._commands: queue.Queue[bytes | None] = queue.Queue()
        self._wake = Waker()
        self.connection: TlsConnection | None = None

    def start(self) -> None:
        self._spawn(self._run, "connection")

    def stop(self) -> None:
        try:
            super().stop()
        finally:
            self._wake.close()

    def send(self, data: bytes) -> None:
        """Send this once the handshake is complete and everything before it was sent."""
        self._commands.put(data)
        self._wake.set()

    def close(self) -> None:
        """Send close_notify after everything that was given to :meth:`send`."""
        self._commands.put(None)
        self._wake.set()

    def waitForConnection(self, timeout: int = 20_000) -> TlsConnection:
        """Wait until the handshake is complete.

        Raises:
            PeerError: It was not after ``timeout`` milliseconds.
        """
        waitUntil(lambda: self.connection is not None or bool(self._errors), timeout)
        if self.connection is None:
            raise PeerError(f"No TLS connection within {timeout} ms; errors: {self._errors}.")
        return self.connection

    def waitForReceived(self, count: int, timeout: int = 20_000) -> bytes:
        """Wait until at least so many bytes were received and return everything received.

        Raises:
            PeerError: There were fewer after ``timeout`` milliseconds.
        """
        connection = self.waitForConnection(timeout)
        if not waitUntil(lambda: connection.receivedCount() >= count, timeout):
            raise PeerError(f"Waited {timeout} ms for {count} bytes, received {connection.received!r}.")
        return connection.received

    def waitForEnding(self, timeout: int = 20_000) -> TlsConnection:
        """Wait until the server has ended the connection.

        Raises:
            PeerError: It was still open after ``timeout`` milliseconds.
        """
        connection = self.waitForConnection(timeout)
        if not waitUntil(lambda: connection.ending != "open", timeout):
            raise PeerError(f"The TLS connection was still open after {timeout} ms.")
        return connection

    def _run(self) -> None:
        # wrap_socket() takes the descriptor over; closing the plain socket after that does nothing.
        with (
            socket.create_connection(self._address, self.timeout) as plain,
            self._context.wrap_socket(
                plain,
                server_hostname=self._serverName,
                session=self._session,
                do_handshake_on_connect=False,
                suppress_ragged_eofs=False,
            ) as sock,
        ):
            self._own(sock)
            try:
                sock.do_handshake()
                self.connection = TlsConnection(sock, None)
                self._exchange(sock, self.connection)
            finally:
                self._release(sock)

    def _exchange(self, sock: ssl.SSLSocket, state: TlsConnection) -> None:
        while True:
            ready = [sock] if sock.pending() else readable(sock, self._wake, self._stopping)
            if self._stopping in ready:
                return
            if self._wake in ready:
                self._wake.clear()
                if not self._obey(sock):
                    state.ending = "closeNotify" if _closeNotify(sock) else "truncated"
                    return
            if sock in ready:
                # A session ticket makes the socket readable, yet there is nothing to return.
                sock.settimeout(0)
                state.receive(sock)
                sock.settimeout(self.timeout)
                if state.ending == "closeNotify":
                    _closeNotify(sock)
                if state.ending != "open":
                    return

    def _obey(self, sock: ssl.SSLSocket) -> bool:
        """Do what was asked for; False when that was to close."""
        while True:
            try:
                data = self._commands.get_nowait()
            except queue.Empty:
                return True
            if data is None:
                return False
            sock.sendall(data)


def serverContext(certificate: IssuedCertificate | None) -> ssl.SSLContext:
    """Return a server context that presents this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    noticeTruncation(context)
    if certificate is not None:
        _loadCertificate(context, certificate)
    return context


def isTruncation(error: ssl.SSLError) -> bool:
    """Whether the stream ended without close_notify; some releases of Python 3.11 have no class for that."""
    return isinstance(error, ssl.SSLEOFError) or error.reason == "UNEXPECTED_EOF_WHILE_READING"


def noticeTruncation(context: ssl.SSLContext) -> None:
    """Tell an end without close_notify from a clean one; some releases of Python 3.10 and 3.11 do not by default."""
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF


def _loadCertificate(context: ssl.SSLContext, certificate: IssuedCertificate) -> None:
    # Python's ssl module takes certificates from files only.
    with tempfile.TemporaryDirectory() as directory:
        context.load_cert_chain(*certificate.writeTo(directory))


def _trust(context: ssl.SSLContext, authorities: Iterable[x509.Certificate]) -> None:
    pem = b"".join(certificate.public_bytes(Encoding.PEM) for certificate in authorities)
    if pem:
        context.load_verify_locations(cadata=pem.decode("ascii"))


def _restrict(
    context: ssl.SSLContext,
    alpn: Sequence[str],
    minimumVersion: ssl.TLSVersion,
    maximumVersion: ssl.TLSVersion,
    ciphers: str,
) -> None:
    context.minimum_version = minimumVersion
    context.maximum_version = maximumVersion
    if alpn:
        context.set_alpn_protocols(list(alpn))
    if ciphers:
        context.set_ciphers(ciphers)


def _acceptPreSharedKeys(context: ssl.SSLContext, keys: Mapping[str, bytes]) -> None:
    if sys.version_info < (3, 13):
        raise NotImplementedError("preSharedKeys: Python's ssl module has pre-shared keys from 3.13 on.")
    # An empty key makes OpenSSL refuse the identity.
    context.set_psk_server_callback(lambda identity: keys.get(identity or "", b""))


def _offerPreSharedKey(context: ssl.SSLContext, identity: str, key: bytes) -> None:
    if sys.version_info < (3, 13):
        raise NotImplementedError("preSharedKey: Python's ssl module has pre-shared keys from 3.13 on.")
    context.set_psk_client_callback(lambda hint: (identity, key))


def _closeNotify(sock: ssl.SSLSocket) -> bool:
    """Send close_notify and wait for the peer's; tell whether both worked."""
    try:
        sock.unwrap()
    except OSError:
        # It has gone, is too slow, or still sends data.
        return False
    return True
