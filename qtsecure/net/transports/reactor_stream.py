"""A non-blocking TCP socket of our own, served by the thread's reactor."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Callable

from PySide6.QtNetwork import QAbstractSocket, QHostAddress

from qtsecure.engine._openssl_pipes import LANDING_SIZE, buffers_of_this_thread
from qtsecure.net.event_loop.reactor import READ, WRITE, Registration, reactorOfThisThread
from qtsecure.net.event_loop.scheduler import schedulerOfThisThread
from qtsecure.net.native_sockets.addresses import Ends, nativeAddress
from qtsecure.net.native_sockets.local_addresses import boundSocket, targetFor
from qtsecure.net.native_sockets.socket_errors import socketError
from qtsecure.net.native_sockets.socket_options import nativeOption, setNativeOption
from qtsecure.net.transports.stream import NULL_OWNER, StreamOwner, StreamTransport

__all__ = ["ReactorStream"]

_familyOf: Callable[[socket.socket], int] = socket.SocketType.family.__get__
"""As a plain number: socket.socket makes an enum of it each time."""
_READS_PER_EVENT = 3
"""After the first one; each is at most the size of the landing buffer."""
_LINGER_MS = 1000
"""How long an ended connection may take to deliver what is unsent and to see the peer's end."""


class ReactorStream(StreamTransport):
    """The transport on platforms with epoll or kqueue."""

    __slots__ = (
        "_broken",
        "_connecting",
        "_ended",
        "_landing",
        "_peer",
        "_reactor",
        "_reading",
        "_registration",
        "_socket",
        "_waiting",
    )

    def __init__(self, owner: StreamOwner) -> None:
        super().__init__(owner)
        self._socket: socket.socket | None = None
        self._registration: Registration | None = None
        self._reactor = reactorOfThisThread()
        self._landing = buffers_of_this_thread().landing_view
        self._waiting: list[memoryview] = []
        self._peer: object = None
        self._connecting = False
        self._reading = True
        self._ended = False
        self._broken = False

    @classmethod
    def adopt(cls, owner: StreamOwner, descriptor: int) -> ReactorStream:
        """Take over a connected descriptor; OSError when it is none."""
        transport = cls(owner)
        adopted = socket.socket(fileno=descriptor)
        try:
            transport._peer = adopted.getpeername()
            adopted.setblocking(False)
            transport._use(adopted)
            transport._watch()
        except BaseException:
            adopted.detach()  # it stays the caller's, or another socket's
            raise
        return transport

    def connectTo(self, address: QHostAddress, port: int) -> None:
        try:
            if self._socket is None:
                family, target = nativeAddress(address, port)
                self._use(_openStream(family))
            else:
                target = targetFor(self._socket, address, port)
            self._peer = target
            assert self._socket is not None
            number = self._socket.connect_ex(target)
        except OSError as error:
            number = error.errno or errno.EIO
        if number not in (0, errno.EINPROGRESS, errno.EWOULDBLOCK):
            # Always reported from the event loop, whether the kernel refuses at once or later.
            self._failLater(*socketError(number))
            return
        self._connecting = True
        self._watch()

    def bind(
        self, address: QHostAddress, port: int, mode: QAbstractSocket.BindFlag
    ) -> tuple[QAbstractSocket.SocketError, str] | None:
        try:
            bound = boundSocket(address, port, mode)
            bound.setblocking(False)
            self._use(bound)
        except OSError as error:
            return socketError(error.errno or errno.EIO)
        return None

    def _use(self, native: socket.socket) -> None:
        if _familyOf(native) in (socket.AF_INET, socket.AF_INET6):
            # Writes are coalesced before encryption, so Nagle's delay could only hurt.
            native.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = native

    def _watch(self) -> None:
        assert self._socket is not None
        self._registration = self._reactor.register(self._socket.fileno(), self._interest(), self._onEvents)

    def _interest(self) -> int:
        if self._connecting:
            return WRITE
        return (READ if self._reading and not self._ended else 0) | (WRITE if self.unsent else 0)

    def _updateInterest(self) -> None:
        if self._registration is not None:
            self._reactor.setInterest(self._registration, self._interest())

    # ------------------------------------------------------------------------ events

    def _onEvents(self, events: int) -> None:
        if events == READ and self._reading:  # written out: the hot path
            native = self._socket
            if native is None:
                return
            try:
                count = native.recv_into(self._landing)
            except OSError as error:
                self._receivingFailed(error)
                return
            if count:
                (self._owner() or NULL_OWNER).transportLanded(count)
                if count == LANDING_SIZE:
                    self._receive()
            else:
                self._receivedEnd()
            return
        if self._connecting:
            self._finishConnecting()
            return
        if events & WRITE and self.unsent:
            self._sendWaiting()
        if events & ~WRITE and self._reading:
            self._receive()

    def _finishConnecting(self) -> None:
        assert self._socket is not None
        number = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            self._break(number)
            return
        self._connecting = False
        self._updateInterest()
        self.owner()._transportConnected()

    def _receive(self) -> None:
        for _ in range(_READS_PER_EVENT):
            native = self._socket
            if native is None or not self._reading or self._ended:
                return
            try:
                count = native.recv_into(self._landing)
            except OSError as error:
                self._receivingFailed(error)
                return
            if not count:
                self._receivedEnd()
                return
            self.owner().transportLanded(count)
            if count < LANDING_SIZE:
                return

    def _receivedEnd(self) -> None:
        self._ended = True
        self._updateInterest()
        self.owner()._transportEnded()

    def _receivingFailed(self, error: OSError) -> None:
        if not isinstance(error, (BlockingIOError, InterruptedError)):
            self._break(error.errno or errno.EIO)

    def _break(self, number: int) -> None:
        owner = self.owner()
        self.abort()
        owner._transportFailed(*socketError(number))

    # ----------------------------------------------------------------------- sending

    def send(self, data: memoryview) -> int:
        native = self._socket
        if native is None:
            return 0
        sent = 0
        if not self.unsent:
            try:
                sent = native.send(data)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError as error:
                # The peer's reset; what it sent before may still be readable, so reading reports it, or the next event.
                if error.errno not in (errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN):
                    self._failLater(*socketError(error.errno or errno.EIO))
                if self._failure is not None or not self._ended:
                    return len(data)
            if sent == len(data):
                return sent
        self._waiting.append(memoryview(bytes(data[sent:])))
        self.unsent += len(data) - sent
        self._updateInterest()
        return sent

    def _sendWaiting(self) -> None:
        total = 0
        try:
            while self._waiting and self._socket is not None:
                part = self._waiting[0]
                sent = self._socket.send(part)
                total += sent
                if sent < len(part):
                    self._waiting[0] = part[sent:]
                else:
                    self._waiting.pop(0)
        except (BlockingIOError, InterruptedError):
            pass  # the rest waits for the next event
        except OSError:
            # Nothing can go out any more; reading tells the reason once the data has been read.
            if self._ended:
                self._lose()
                return
            total = self.unsent
            self._waiting.clear()
        self.unsent -= total
        self._updateInterest()
        if total:
            self.owner().transportSent(total)

    def _lose(self) -> None:
        """A peer that had ended its own direction takes nothing any more: its end is all there is to tell."""
        self._broken = True
        self._waiting.clear()
        self.unsent = 0
        self._updateInterest()
        self.owner()._transportEnded()

    def isWritable(self) -> bool:
        return not self._broken

    def setReading(self, wanted: bool) -> None:
        if self._reading != wanted:
            self._reading = wanted
            self._updateInterest()

    def setPiece(self, size: int) -> None:
        self._landing = buffers_of_this_thread().landing_view[:size]

    def wait(self, milliseconds: int, *, writing: bool) -> bool:
        return self._registration is not None and self._reactor.serveOne(self._registration, milliseconds)

    def takeWhatWaits(self) -> bool:
        return self._registration is not None and self._reactor.serveReady(self._registration)

    # ----------------------------------------------------------------------- closing

    def endOutput(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):  # the peer has reset the connection, which reading reports
                self._socket.shutdown(socket.SHUT_WR)

    def closeGracefully(self) -> None:
        native, waiting, unsent, ended = self._socket, self._waiting, self.unsent, self._ended
        self._release()
        if native is None:
            return
        if ended and not unsent:
            native.close()  # nothing is left to send or to wait for
        else:
            _Lingering(native, waiting, unsent, ended)

    def abort(self) -> None:
        native = self._socket
        self._release()
        if native is not None:
            native.close()

    def _release(self) -> None:
        self._letGo()
        if self._registration is not None:
            self._reactor.unregister(self._registration)
        self._registration = None
        self._socket = None
        self._connecting = False
        self._waiting = []
        self.unsent = 0

    # ------------------------------------------------------------------------- facts

    def setOption(self, option: QAbstractSocket.SocketOption, value: int) -> None:
        if self._socket is not None:
            setNativeOption(self._socket, option, value)

    def option(self, option: QAbstractSocket.SocketOption) -> int | None:
        return nativeOption(self._socket, option) if self._socket is not None else None

    def descriptor(self) -> int:
        return self._socket.fileno() if self._socket is not None else -1

    def ends(self) -> Ends:
        return Ends(self._socket.getsockname(), self._peer) if self._socket is not None else Ends()


def _openStream(family: socket.AddressFamily) -> socket.socket:
    """A new non-blocking socket, where the system can do it with one call."""
    flag = getattr(socket, "SOCK_NONBLOCK", 0)
    native = socket.socket(family, socket.SOCK_STREAM | flag)
    if not flag:
        native.setblocking(False)
    return native


class _Lingering:
    """Delivers the last bytes of a closed connection without its socket object.

    Closing a descriptor with unread input makes the kernel send a reset, which can destroy our
    last alert before the peer has read it. So the direction is ended first, and what still comes
    is read and dropped until the peer ends, too, or the time is up.
    """

    def __init__(self, native: socket.socket, waiting: list[memoryview], unsent: int, ended: bool) -> None:
        self._reactor = reactorOfThisThread()
        self._socket = native
        self._waiting = waiting
        self._ended = ended
        self._outputDone = False
        self._registration: Registration | None = self._reactor.register(
            native.fileno(), (0 if ended else READ) | (WRITE if unsent else 0), self._onEvents
        )
        self._deadline = schedulerOfThisThread().callLater(_LINGER_MS, self._close)
        if not unsent:
            self._endOutput()

    def _onEvents(self, events: int) -> None:
        try:
            # Whether or not it can take more now, what it says is read: it may want to say it before it reads.
            with contextlib.suppress(BlockingIOError, InterruptedError):
                self._sendWaiting()
            if not self._waiting and not self._outputDone:
                self._endOutput()
            if self._registration is not None and events & ~WRITE and not self._socket.recv(65536):
                self._ended = True
                self._reactor.setInterest(self._registration, WRITE)  # its end could be read again and again
                self._maybeClose()
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._close()  # the peer is gone; there is nobody left to tell

    def _sendWaiting(self) -> None:
        while self._waiting:
            sent = self._socket.send(self._waiting[0])
            if sent < len(self._waiting[0]):
                self._waiting[0] = self._waiting[0][sent:]
                break
            self._waiting.pop(0)

    def _endOutput(self) -> None:
        self._outputDone = True
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            self._close()  # the peer is gone already
            return
        if self._registration is not None:
            self._reactor.setInterest(self._registration, READ)
        self._maybeClose()

    def _maybeClose(self) -> None:
        if self._ended and self._outputDone:
            self._close()

    def _close(self) -> None:
        self._deadline.cancel()
        if self._registration is not None:
            self._reactor.unregister(self._registration)
            self._registration = None
            self._socket.close()

    def __del__(self) -> None:
        self._socket.close()  # the thread has ended
