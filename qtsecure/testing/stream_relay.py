"""A simulated bad connection between sockets of the system: whatever connects to it, whatever listens behind it.

Example:
    A server that is reset in the middle of its answer, whatever transport both ends use::

        link = StreamLink(seed=1, rate=10_000)
        link.resetAt("server", 5000)
        with StreamRelay(link, server.serverPort()) as relay:
            client.connectToHostEncrypted("127.0.0.1", relay.port)
            assert relay.run(lambda: client.failure() is not None, seconds=10)
"""

from __future__ import annotations

import contextlib
import functools
import selectors
import socket
from types import TracebackType

from qtsecure.testing.link_clock import Linked
from qtsecure.testing.peers._threads import resetConnection
from qtsecure.testing.stream_link import LinkedPiece, StreamEnding, StreamLink

__all__ = ["StreamRelay"]

_PATIENCE = 0.001
"""Seconds of real time that the system may need to carry bytes from one of its sockets to another."""


class StreamRelay(Linked[LinkedPiece]):
    """A context in which one TCP connection goes through a StreamLink, by whose clock the thread's timers run.

    Both ends have to live in this thread: time passes only in run(). A second client is not accepted.

    Args:
        link: The network; its first end is the client's.
        port: Where the server listens, on ``127.0.0.1``.

    Attributes:
        link: The same.
        port: Where the client is to connect to, on ``127.0.0.1``.
    """

    def __init__(self, link: StreamLink, port: int) -> None:
        super().__init__(link)
        self.link = link
        self._serverPort = port
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._sides: dict[str, _Side] = {}

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._listener.close()
        for side in self._sides.values():
            side.socket.close()
        super().__exit__(kind, error, traceback)

    def _settle(self) -> None:
        super()._settle()
        while self._pump():
            super()._settle()

    def _deliverDue(self) -> None:
        for piece in self.link.deliveries():
            self._sides[piece.to].take(piece)

    def _pump(self) -> bool:
        """Carry what the system has for us, waiting a moment for it; whether there was anything."""
        for side in self._sides.values():
            side.flush()
        with selectors.DefaultSelector() as selector:
            if not self._sides:
                selector.register(self._listener, selectors.EVENT_READ, self._accept)
            for end, side in self._sides.items():
                if side.reads and self._hasRoom(end):
                    selector.register(side.socket, selectors.EVENT_READ, functools.partial(self._read, end))
            if not selector.get_map():
                return False
            ready = [key.data for key, _ in selector.select(_PATIENCE)]
        for act in ready:
            act()
        return bool(ready)

    def _hasRoom(self, end: str) -> bool:
        return not self.link.window or self.link.onTheWay(end) < self.link.window

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        try:
            server = socket.create_connection(("127.0.0.1", self._serverPort))
        except OSError:
            resetConnection(client)  # the test has named the wrong port, or stopped its server
            raise
        self._listener.close()
        for end, native in zip(self.link.ends, (client, server), strict=True):
            native.setblocking(False)
            self._sides[end] = _Side(native)

    def _read(self, end: str) -> None:
        side = self._sides[end]
        room = self.link.window - self.link.onTheWay(end) if self.link.window else 65536
        try:
            data = side.socket.recv(room)
        except OSError:  # a reset
            side.reads = False
            self.link.abort(end)
            return
        if data:
            self.link.send(end, data)
        else:
            side.reads = False
            self.link.end(end)


class _Side:
    """The socket towards one end."""

    def __init__(self, native: socket.socket) -> None:
        self.socket = native
        self.reads = True
        self._waiting = bytearray()
        self._ends = False

    def take(self, piece: LinkedPiece) -> None:
        """Give the end what has come for it."""
        if piece.ending is StreamEnding.Reset:
            self.reads = False
            resetConnection(self.socket)
            return
        self._waiting += piece.data
        self._ends |= piece.ending is StreamEnding.End
        self.flush()

    def flush(self) -> None:
        """Hand over what the system takes."""
        # Who has reset the connection is told by reading.
        with contextlib.suppress(OSError):
            while self._waiting:
                del self._waiting[: self.socket.send(self._waiting)]
            if self._ends:
                self._ends = False
                self.socket.shutdown(socket.SHUT_WR)
