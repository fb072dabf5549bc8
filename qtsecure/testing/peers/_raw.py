"""A TCP client that sends given bytes and notes what comes back."""

from __future__ import annotations

import socket
from typing import Literal

from qtsecure.testing.peers._threads import Peer, PeerError, readable, resetConnection
from qtsecure.testing.peers._waiting import waitUntil

__all__ = ["HTTP_REQUEST", "RawClient"]

HTTP_REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
"""What somebody who forgot TLS sends to a TLS server."""


class RawClient(Peer):
    """Speaks no TLS: for hostile and mistaken clients of a TLS server.

    Args:
        port: Where to connect; done by :meth:`start`, in the kernel, without the server's help.
        data: Sent at once.
        host: Address to connect to.
        timeout: Seconds after which a blocking call gives up.

    Attributes:
        ending: How the server ended the connection: ``"open"`` (not yet), ``"eof"`` or ``"reset"``.
    """

    def __init__(self, port: int, data: bytes = b"", *, host: str = "127.0.0.1", timeout: float = 10.0) -> None:
        super().__init__(timeout=timeout)
        self._address = (host, port)
        self._data = data
        self._socket: socket.socket | None = None
        self._received = bytearray()
        self.ending: Literal["open", "eof", "reset"] = "open"

    @property
    def received(self) -> bytes:
        """Everything received so far."""
        return bytes(self._received)

    def start(self) -> None:
        self._socket = socket.create_connection(self._address, self.timeout)
        self._own(self._socket)
        if self._data:
            self._socket.sendall(self._data)
        self._spawn(self._read, "reader")

    def stop(self) -> None:
        try:
            super().stop()
        finally:
            if self._socket is not None:
                self._release(self._socket)

    def send(self, data: bytes) -> None:
        """Send more bytes.

        Raises:
            OSError: The connection has gone.
        """
        self._connected().sendall(data)

    def closeWriting(self) -> None:
        """Send FIN; go on receiving."""
        self._connected().shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Break the connection with RST; nothing is received any more."""
        sock = self._connected()
        self._stopping.set()
        # The reader must be out of its select(), which keeps the descriptor in use.
        for thread in self._threads:
            thread.join(self.timeout)
        resetConnection(sock)

    def localPort(self) -> int:
        """Return the port of this end."""
        port: int = self._connected().getsockname()[1]
        return port

    def waitForEnding(self, timeout: int = 20_000) -> None:
        """Wait until the server has ended the connection.

        Raises:
            PeerError: It was still open after ``timeout`` milliseconds.
        """
        if not waitUntil(lambda: self.ending != "open", timeout):
            raise PeerError(f"The connection was still open after {timeout} ms; received {self.received!r}.")

    def waitForReceived(self, count: int, timeout: int = 20_000) -> bytes:
        """Wait until at least so many bytes were received and return everything received.

        Raises:
            PeerError: There were fewer after ``timeout`` milliseconds.
        """
        if not waitUntil(lambda: len(self._received) >= count, timeout):
            raise PeerError(f"Waited {timeout} ms for {count} bytes, received {self.received!r}.")
        return self.received

    def _connected(self) -> socket.socket:
        if self._socket is None:
            raise RuntimeError("RawClient is not connected; use it as a context manager or call start() first.")
        return self._socket

    def _read(self) -> None:
        sock = self._connected()
        while self._stopping not in readable(sock, self._stopping):
            try:
                data = sock.recv(65536)
            except ConnectionResetError:
                self.ending = "reset"
                return
            if not data:
                self.ending = "eof"
                return
            self._received += data
