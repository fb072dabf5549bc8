"""Servers that break the rules of TLS, each in one way."""

from __future__ import annotations

import contextlib
import socket
import ssl

from qtsecure.testing.certificates import IssuedCertificate
from qtsecure.testing.peers._python_tls import serverContext
from qtsecure.testing.peers._threads import ThreadedServer, leaveInOrder, resetConnection

__all__ = [
    "AlertingServer",
    "GarbageServer",
    "PlainHttpServer",
    "ResettingServer",
    "SilentServer",
    "SlowServer",
    "TruncatingServer",
]

HTTP_RESPONSE = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
# Not a TLS record: the first byte is no content type.
GARBAGE = bytes(range(255, 127, -1))
# The header of a handshake record that announces more than will ever come.
_LONG_HANDSHAKE_RECORD = b"\x16\x03\x03\x3f\xff"


class SilentServer(ThreadedServer):
    """Accepts, reads and never says a word.

    Args:
        host: Address to listen on.
        timeout: Has no effect: nothing here blocks but the wait for a client that says nothing.
    """

    def __init__(self, *, host: str = "127.0.0.1", timeout: float = 10.0) -> None:
        super().__init__(host=host, timeout=timeout)
        self._received = bytearray()

    @property
    def received(self) -> bytes:
        """What the clients sent, all together."""
        return bytes(self._received)

    def _serve(self, connection: socket.socket) -> None:
        # A client that waits is what it is for; stop() wakes the read.
        connection.settimeout(None)
        try:
            while data := connection.recv(65536):
                self._received += data
        except ConnectionResetError:
            # The client lost patience.
            return


class _AnsweringServer(ThreadedServer):
    """Sends fixed bytes after the first bytes of the client, then FIN."""

    def __init__(self, answer: bytes, *, host: str = "127.0.0.1", timeout: float = 10.0) -> None:
        super().__init__(host=host, timeout=timeout)
        self._answer = answer

    def _serve(self, connection: socket.socket) -> None:
        try:
            if connection.recv(65536):
                connection.sendall(self._answer)
                leaveInOrder(connection)
        except (ConnectionResetError, BrokenPipeError):
            # The client did not want to hear it.
            return


class PlainHttpServer(_AnsweringServer):
    """Answers a ClientHello like an HTTP server that knows no TLS.

    Args:
        host: Address to listen on.
        timeout: Seconds after which a blocking call gives up.
    """

    def __init__(self, *, host: str = "127.0.0.1", timeout: float = 10.0) -> None:
        super().__init__(HTTP_RESPONSE, host=host, timeout=timeout)


class GarbageServer(_AnsweringServer):
    """Answers a ClientHello with bytes that are not TLS.

    Args:
        garbage: The bytes.
        host: Address to listen on.
        timeout: Seconds after which a blocking call gives up.
    """

    def __init__(self, garbage: bytes = GARBAGE, *, host: str = "127.0.0.1", timeout: float = 10.0) -> None:
        super().__init__(garbage, host=host, timeout=timeout)


class ResettingServer(ThreadedServer):
    """Breaks the connection with RST at the first byte of the client, or of its application data.

    Args:
        certificate: Completes the handshake with it first; None breaks the handshake.
        host: Address to listen on.
        timeout: Seconds after which a blocking call gives up.
    """

    def __init__(
        self, certificate: IssuedCertificate | None = None, *, host: str = "127.0.0.1", timeout: float = 10.0
    ) -> None:
        self._context = None if certificate is None else serverContext(certificate)
        super().__init__(host=host, timeout=timeout)

    def _serve(self, connection: socket.socket) -> None:
        if self._context is None:
            connection.recv(1)
            resetConnection(connection)
            return
        with self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as sock:
            self._own(sock)
            try:
                sock.do_handshake()
                # RST drops what was not read yet: wait until the client has something to say.
                sock.recv(1)
                resetConnection(sock)
            finally:
                self._release(sock)


class TruncatingServer(ThreadedServer):
    """Completes the handshake, sends data, then FIN without close_notify (a truncation attack).

    Args:
        certificate: The certificate of the server.
        data: What to send before the end.
        maximumVersion: The highest version to accept.
        host: Address to listen on.
        timeout: Seconds after which a blocking call gives up.
    """

    def __init__(
        self,
        certificate: IssuedCertificate,
        data: bytes = b"truncated",
        *,
        maximumVersion: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED,
        host: str = "127.0.0.1",
        timeout: float = 10.0,
    ) -> None:
        self._context = serverContext(certificate)
        self._context.maximum_version = maximumVersion
        self._data = data
        super().__init__(host=host, timeout=timeout)

    def _serve(self, connection: socket.socket) -> None:
        with self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as sock:
            self._own(sock)
            try:
                sock.do_handshake()
                sock.sendall(self._data)
                leaveInOrder(sock)
            except (ConnectionResetError, BrokenPipeError):
                return
            finally:
                self._release(sock)


class AlertingServer(ThreadedServer):
    """Completes the handshake, and answers the first data with the fatal alert bad_record_mac.

    Args:
        certificate: The certificate of the server.
        host: Address to listen on.
        timeout: Seconds after which a blocking call gives up.
    """

    def __init__(self, certificate: IssuedCertificate, *, host: str = "127.0.0.1", timeout: float = 10.0) -> None:
        self._context = serverContext(certificate)
        super().__init__(host=host, timeout=timeout)

    def _serve(self, connection: socket.socket) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self._context.wrap_bio(incoming, outgoing, server_side=True)
        received = b""
        complete = False
        # The client may leave at once when it has the alert.
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            while data := connection.recv(65536):
                received += data
                # Record by record: the first data may come together with the end of the handshake.
                while len(received) >= 5 and len(received) >= (end := 5 + int.from_bytes(received[3:5], "big")):
                    record, received = received[:end], received[end:]
                    if complete:
                        record = record[:-1] + bytes((record[-1] ^ 1,))
                    incoming.write(record)
                    with contextlib.suppress(ssl.SSLError):  # of the damage, and for want of more
                        if complete:
                            tls.read(1)
                        tls.do_handshake()
                        complete = True
                    connection.sendall(outgoing.read())


class SlowServer(ThreadedServer):
    """Drips a handshake record that never ends, one byte at a time.

    Args:
        interval: Milliseconds between two bytes.
        host: Address to listen on.
        timeout: Seconds after which a blocking call gives up.
    """

    def __init__(self, interval: int = 20, *, host: str = "127.0.0.1", timeout: float = 10.0) -> None:
        super().__init__(host=host, timeout=timeout)
        self._interval = interval

    def _serve(self, connection: socket.socket) -> None:
        try:
            connection.sendall(_LONG_HANDSHAKE_RECORD)
            while not self._stopping.wait(self._interval / 1000):
                connection.sendall(b"\2")
        except (BrokenPipeError, ConnectionResetError):
            # The client lost patience.
            return
