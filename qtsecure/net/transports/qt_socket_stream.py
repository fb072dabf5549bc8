"""A QTcpSocket of our own: the transport where there is no reactor, as on Windows."""

from __future__ import annotations

import contextlib
import socket
from selectors import EVENT_READ, EVENT_WRITE
from typing import Any

from PySide6.QtCore import QIODevice, QObject
from PySide6.QtNetwork import QAbstractSocket, QHostAddress, QNetworkProxy, QTcpSocket
from shiboken6 import isValid

from qtsecure.locks import Lock
from qtsecure.net.event_loop.scheduler import schedulerOfThisThread
from qtsecure.net.native_sockets.readiness import checkConnected, isBroken, isReady
from qtsecure.net.qt_objects.plain_slots import plainSlot
from qtsecure.net.transports.device_stream import DeviceStream
from qtsecure.net.transports.stream import StreamOwner

__all__ = ["QtSocketStream"]

_State = QAbstractSocket.SocketState
_LINGER_MS = 1000
_AT_ONCE_MS = 30_000
"""For input that the kernel has already: a QTcpSocket that is given less may not come to look."""
_OWN_BUFFER = 64 * 1024
_oneAtATime = Lock()
"""Held while a QTcpSocket makes its engine, for which Qt locks a mutex of the whole process.

Inside it, Qt tells the socket of its new child, for which PySide wants Python's lock; a second thread
may have that one and wait for the mutex, and both would wait for ever.
"""


class QtSocketStream(DeviceStream):
    """A connection over a QTcpSocket that nobody else knows.

    Args:
        owner: Whom to tell what happens.
        proxy: A proxy to connect through; none by default, whatever the application's proxy is.
    """

    def __init__(self, owner: StreamOwner, proxy: QNetworkProxy | None = None) -> None:
        tcp = QTcpSocket()
        tcp.setProxy(proxy if proxy is not None else QNetworkProxy(QNetworkProxy.ProxyType.NoProxy))
        # Otherwise it takes all that the kernel has before it says so: megabytes from a fast sender.
        tcp.setReadBufferSize(_OWN_BUFFER)
        self._turn = schedulerOfThisThread().turn
        self._untold = False  # that it is connected
        self._readsLater = False
        self._tellsLater = False  # what was written
        self._kept = bytearray()  # of a QTcpSocket that has been closed
        self._reason: tuple[QAbstractSocket.SocketError, str] | None = None  # why, if it is no ordinary end
        super().__init__(owner, tcp)

    @classmethod
    def adopt(cls, owner: StreamOwner, descriptor: int) -> QtSocketStream:
        """Take over a connected descriptor; OSError when it is none."""
        if not 0 <= descriptor <= 0x7FFFFFFF:
            raise OSError("the number is no descriptor")  # Qt would use its lower half
        checkConnected(descriptor)  # QTcpSocket would believe it of a file, too
        transport = cls(owner)
        with _oneAtATime:
            adopted = transport._tcp().setSocketDescriptor(descriptor)
        if not adopted:
            text = transport._tcp().errorString()
            transport.abort()
            raise OSError(text)
        transport._tcp().setSocketOption(QAbstractSocket.SocketOption.LowDelayOption, 1)
        return transport

    def _tcp(self) -> QTcpSocket:
        assert isinstance(self._device, QTcpSocket)
        return self._device

    def bind(
        self, address: QHostAddress, port: int, mode: QAbstractSocket.BindFlag
    ) -> tuple[QAbstractSocket.SocketError, str] | None:
        tcp = self._tcp()
        tcp.blockSignals(True)  # the answer is in our return value
        with _oneAtATime:
            bound = tcp.bind(address, port, mode)
        tcp.blockSignals(False)
        return None if bound else (tcp.error(), f"{tcp.errorString().rstrip('.')}.")

    def connectTo(self, address: QHostAddress, port: int) -> None:
        self._starting = True
        with _oneAtATime:
            self._tcp().connectToHost(address, port)
        self._starting = False

    def _boundDevice(self, reading: bool) -> None:
        pass  # always bounded

    def _waitForDevice(self, device: QIODevice, milliseconds: int, writing: bool) -> bool:
        if self._tcp().state() in (_State.HostLookupState, _State.ConnectingState):
            return self._tcp().waitForConnected(milliseconds)
        return super()._waitForDevice(device, milliseconds, writing)

    def takeWhatWaits(self) -> bool | None:
        if self.descriptor() < 0 or self._tcp().state() != _State.ConnectedState:
            return None  # it connects, or has ended, which is told from the event loop; reading a bound one breaks it
        came = self._untold or self._tellsLater
        if came:
            self._tellConnected()
            self._tellWritten()
            if self._device is None:
                return True  # a slot has ended it
        if self._reading and (self._tcp().bytesAvailable() > 0 or self._isReady(EVENT_READ)):
            came = True
            self.wait(_AT_ONCE_MS, writing=False)
        if self._isReady(EVENT_WRITE) and self._tcp().bytesToWrite():
            # Not by waiting: short of memory for TCP, the kernel calls a socket ready and takes nothing.
            self._waiting = True
            try:
                came = self._tcp().flush() or came
            finally:
                self._waiting = False
        return None if self._ended else came

    def _isReady(self, event: int) -> bool:
        descriptor = self.descriptor()
        return descriptor >= 0 and isReady(descriptor, event)

    # Qt tells all its sockets what there is before it looks at a timer: who has no time defers. A program that
    # waits with one of its own sockets may have no event loop; of these nobody else knows.

    def _hasTime(self) -> bool:
        return self._waiting or self._turn.hasTime()

    def onConnected(self) -> None:
        self._tcp().setSocketOption(QAbstractSocket.SocketOption.LowDelayOption, 1)
        self._untold = True
        if self._hasTime():
            self._tellConnected()
        else:
            schedulerOfThisThread().defer(self.onReadyRead)

    def _tellConnected(self) -> None:
        """If that has yet to be told: once, and before anything else that comes meanwhile."""
        if self._untold:
            self._untold = False
            super().onConnected()

    def onChannelReadyRead(self, channel: int) -> None:
        self._readInTurn()

    def _readLast(self) -> None:
        if self._kept:
            self.readSoon()  # what is written to a QTcpSocket in slots of this makes it crash
        else:
            self._readInTurn()  # a QTcpSocket keeps what it holds when its peer ends

    def onAboutToClose(self) -> None:
        self._keep()
        super().onAboutToClose()

    def _keep(self) -> None:
        """A write has failed, and what the QTcpSocket holds goes with it; what it sent before is still to be read."""
        device = self._device
        if device is not None and isValid(device) and device.bytesAvailable():
            self._kept += device.readAll().data()

    def _take(self, device: QIODevice, size: int) -> bytes:
        if self._kept:
            data = bytes(self._kept[:size])
            del self._kept[:size]
            return data
        return super()._take(device, size) if device.isOpen() else b""

    def _holds(self, device: QIODevice) -> bool:
        return bool(self._kept) or super()._holds(device)

    def _readInTurn(self) -> None:
        if self._hasTime():
            self.onReadyRead()
        elif not self._readsLater and not self._untold:
            self._readsLater = True
            schedulerOfThisThread().defer(self._readLater)

    def _readLater(self) -> None:
        self._readsLater = False
        self.onReadyRead()

    def onBytesWritten(self, count: int) -> None:
        if self._writing or self._hasTime():
            super().onBytesWritten(count)
        elif not self._tellsLater:
            self._tellsLater = True
            schedulerOfThisThread().defer(self._tellWritten)

    def _tellWritten(self) -> None:
        self._tellsLater = False
        super().onBytesWritten(0)  # what it was is seen from what waits still

    def _read(self) -> None:
        if self._untold:
            self._tellConnected()
            schedulerOfThisThread().defer(self.onReadyRead)  # behind what its slots defer, as the beginning of TLS
        else:
            super()._read()

    def _fail(self, error: QAbstractSocket.SocketError, text: str) -> None:
        self._tellConnected()
        self._keep()
        if self._kept:
            self._ended = True
            self._reason = (error, text)
            self.readSoon()
        else:
            super()._fail(error, text)

    def _reportEnd(self) -> None:
        if self._reason is not None and self._device is not None and self._reading:
            super()._fail(*self._reason)
        else:
            super()._reportEnd()

    def onErrorOccurred(self, error: Any) -> None:
        if not self._ended:  # else that is told: Qt writes to a connection through a proxy although it has closed
            super().onErrorOccurred(error)

    def sendNow(self) -> int:
        # A QTcpSocket sends at the next turn of the event loop, and drops what it holds when there is none.
        # One whose connection is broken would drop what has come, too: the loop reads that first.
        if self._writing or not self.isWritable() or isBroken(self.descriptor()):
            return 0
        self._writing = True  # what comes of it is told later, as of a write()
        try:
            self._tcp().flush()
        finally:
            self._writing = False
        return self._credit(0)

    def endOutput(self) -> None:
        with contextlib.suppress(OSError):
            _shutDown(self.descriptor())

    def closeGracefully(self) -> None:
        self._part(_Lingering)

    def abort(self) -> None:
        self._part(_abort)


def _shutDown(descriptor: int) -> None:
    """End one direction: QTcpSocket cannot do it, but another descriptor of the same connection can."""
    with socket.socket(fileno=socket.dup(descriptor)) as same:
        same.shutdown(socket.SHUT_WR)


def _abort(device: Any) -> None:
    device.flush()  # as with sockets of our own, an alert is on its way whatever slots do
    device.abort()
    device.deleteLater()


class _Lingering:
    """Lets a QTcpSocket deliver its last bytes.

    Input that nobody reads, also what comes after the descriptor was closed, makes the kernel reset the
    connection and drop what it has not sent yet. So the direction is ended first, and what still comes is read
    and dropped until the peer ends, too, or the time is up.

    It is no QObject: as the child of a socket that nobody else refers to it would lose its slots.
    Its deadline keeps it alive, until the peer has ended, too, or the time is up, or the thread ends.
    """

    def __init__(self, device: Any) -> None:
        self._device: QTcpSocket | None = device
        device.flush()  # the program may end before its event loop runs again
        device.setReadBufferSize(0)
        self._connections = [
            device.readyRead.connect(plainSlot(self._drop)),
            device.bytesWritten.connect(plainSlot(self._endOutput)),
            device.disconnected.connect(plainSlot(self._finish)),
        ]
        self._deadline = schedulerOfThisThread().callLater(_LINGER_MS, lambda: self._finish())
        self._drop()
        self._endOutput()

    def _endOutput(self, *_: object) -> None:
        device = self._device
        if device is None or device.bytesToWrite():
            return
        if device.proxy().type() != QNetworkProxy.ProxyType.NoProxy:
            device.disconnectFromHost()  # which knows of the socket below, and of what that has not sent yet
            if device.state() == _State.UnconnectedState:
                self._finish()
            return
        try:
            _shutDown(device.socketDescriptor())
        except OSError:
            self._finish()  # the peer is gone already

    def _drop(self) -> None:
        if self._device is not None and self._device.isOpen():
            self._device.readAll()

    def _finish(self) -> None:
        device, self._device = self._device, None
        if device is None:
            return
        self._deadline.cancel()
        for connection in self._connections:
            QObject.disconnect(connection)
        if isValid(device):  # otherwise it went with the application
            device.abort()
            device.deleteLater()
