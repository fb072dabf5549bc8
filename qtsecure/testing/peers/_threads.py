"""Peers that run in threads: starting, stopping, and bringing their errors to the test."""

from __future__ import annotations

import contextlib
import errno
import functools
import selectors
import socket
import struct
import sys
import threading
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import TypeVar

from qtsecure.testing.peers._waiting import waitUntil

__all__ = ["Peer", "PeerError", "ThreadedServer", "Waker", "leaveInOrder", "readable", "resetConnection"]

_Self = TypeVar("_Self", bound="Peer")

JOIN_TIMEOUT = 10.0


class PeerError(AssertionError):
    """A peer failed, or something that was waited for did not happen."""


class Waker:
    """A flag that threads can wait for, alone or together with sockets in :func:`readable`."""

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._flag = threading.Event()

    def fileno(self) -> int:
        return self._reader.fileno()

    def set(self) -> None:
        if not self._flag.is_set():
            self._flag.set()
            self._writer.send(b"\0")

    def clear(self) -> None:
        # In this order: the byte of a set() in between would be taken, and the flag say that it is there.
        with contextlib.suppress(BlockingIOError):
            self._reader.recv(4096)
        self._flag.clear()

    def isSet(self) -> bool:
        return self._flag.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait until the flag is set, at most so long; tell whether it is."""
        return self._flag.wait(seconds)

    def close(self) -> None:
        self._reader.close()
        self._writer.close()


def readable(*sources: socket.socket | Waker) -> list[socket.socket | Waker]:
    """Wait until something can be read from one of the sources, and return those."""
    # Not select(): a test with many connections has descriptors beyond its limit of 1024.
    with selectors.DefaultSelector() as selector:
        for source in sources:
            selector.register(source, selectors.EVENT_READ, source)
        return [key.data for key, _ in selector.select()]


class Peer:
    """Threads with a common end. Subclasses start them with ``_spawn``.

    Args:
        timeout: Seconds after which a blocking call of the peer gives up.
    """

    def __init__(self, *, timeout: float = 10.0) -> None:
        self.timeout = timeout
        self._stopping = Waker()
        self._threads: list[threading.Thread] = []
        self._errors: list[Exception] = []
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()

    def __enter__(self: _Self) -> _Self:
        try:
            self.start()
        except BaseException:
            self.__exit__(*sys.exc_info())  # nobody else does: what is open would be found as garbage, in another test
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.stop()
            return
        try:
            self.stop()
        except PeerError as peerError:
            # The block has failed by itself and that is the news; this is told beside it.
            traceback.print_exception(peerError, file=sys.stderr)

    def start(self) -> None:
        """Start; ``with`` does it."""
        raise NotImplementedError

    def stop(self) -> None:
        """End every connection and thread; ``with`` does it. May be called again.

        Raises:
            PeerError: Something went wrong in a thread and nobody took it with :meth:`takeErrors`.
        """
        self._stopping.set()
        with self._lock:
            for sock in self._sockets:
                # Wakes a thread that blocks in it. The other end may have gone already.
                # SSLSocket's own shutdown() would take the TLS state away from the thread.
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)
        # A thread may start another one, hence not a loop over a copy.
        for thread in self._threads:
            thread.join(JOIN_TIMEOUT)
        alive = [thread.name for thread in self._threads if thread.is_alive()]
        self._threads.clear()
        if alive:
            raise PeerError(f"These threads did not end within {JOIN_TIMEOUT:g} s: {', '.join(alive)}.")
        self._stopping.close()
        errors = self.takeErrors()
        if errors:
            raise PeerError(f"{type(self).__name__} failed: {'; '.join(map(repr, errors))}") from errors[0]

    def takeErrors(self) -> list[Exception]:
        """Return what went wrong in the threads so far; the end of the peer does not raise it any more."""
        with self._lock:
            errors, self._errors = self._errors, []
        return errors

    def waitForError(self, timeout: int = 20_000) -> Exception:
        """Wait until something goes wrong in a thread and take it.

        Args:
            timeout: Milliseconds to wait at most.

        Raises:
            PeerError: Nothing went wrong in time.
        """
        if not waitUntil(lambda: bool(self._errors), timeout):
            raise PeerError(f"Nothing went wrong in {type(self).__name__} within {timeout} ms.")
        with self._lock:
            return self._errors.pop(0)

    def _spawn(self, target: Callable[[], None], name: str) -> None:
        def run() -> None:
            try:
                target()
            except Exception as error:  # noqa: BLE001 - handed to the thread of the test
                # After stop() every blocking call fails; that is how the thread is ended.
                if not self._stopping.isSet():
                    with self._lock:
                        self._errors.append(error)

        thread = threading.Thread(target=run, name=f"{type(self).__name__} {name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _own(self, sock: socket.socket) -> None:
        """Let :meth:`stop` wake threads that block in this socket."""
        with self._lock:
            self._sockets.add(sock)
        # stop() may have run in between.
        if self._stopping.isSet():
            raise ConnectionAbortedError("the peer was stopped")

    def _release(self, sock: socket.socket) -> None:
        """Close a socket; nothing happens if its owner did so already."""
        with self._lock:
            self._sockets.discard(sock)
        sock.close()


class ThreadedServer(Peer):
    """Accepts on a free port and serves each connection in a thread of its own.

    Args:
        host: Address to listen on.
        timeout: Seconds after which a blocking call of a connection gives up.

    Attributes:
        host: The address.
        port: The port, valid as soon as the object exists; the kernel queues connections from then on.
    """

    def __init__(self, *, host: str = "127.0.0.1", timeout: float = 10.0) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family, backlog=128)
        self._listener.setblocking(False)
        super().__init__(timeout=timeout)
        self.host = host
        self.port: int = self._listener.getsockname()[1]
        self._accepted = 0

    def start(self) -> None:
        self._spawn(self._accept, "accept")

    def stop(self) -> None:
        try:
            super().stop()
        finally:
            self._listener.close()

    def acceptedCount(self) -> int:
        """Return how many connections were accepted."""
        return self._accepted

    def waitForAccepted(self, count: int = 1, timeout: int = 20_000) -> None:
        """Wait until so many connections were accepted.

        Raises:
            PeerError: There were fewer after ``timeout`` milliseconds.
        """
        if not waitUntil(lambda: self._accepted >= count, timeout):
            raise PeerError(f"Waited {timeout} ms for {count} connections, saw {self._accepted}.")

    def _accept(self) -> None:
        while True:
            if self._stopping in readable(self._listener, self._stopping):
                return
            try:
                connection, _ = self._listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                # It was reset while it waited in the queue.
                continue
            connection.settimeout(self.timeout)
            self._accepted += 1
            self._spawn(functools.partial(self._run, connection), f"connection {self._accepted}")

    def _run(self, connection: socket.socket) -> None:
        try:
            self._own(connection)
            self._serve(connection)
        finally:
            self._release(connection)

    def _serve(self, connection: socket.socket) -> None:
        """Serve one accepted connection; it is closed after that."""
        raise NotImplementedError


def leaveInOrder(sock: socket.socket) -> None:
    """Send FIN, past a TLS layer, and wait for the other end to go, which may have gone already.

    Closing with unread data would send RST, and that would overtake what was sent before.
    """
    try:
        socket.socket.shutdown(sock, socket.SHUT_WR)
        while socket.socket.recv(sock, 65536):
            pass
    except ConnectionResetError:
        return
    except OSError as error:
        if error.errno != errno.ENOTCONN:  # it was reset before
            raise


def resetConnection(sock: socket.socket) -> None:
    """Close a TCP socket with a reset instead of an orderly end."""
    # struct linger {on, 0 seconds}, of shorts on Windows: close() drops what is queued and sends RST.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0))
    sock.close()
