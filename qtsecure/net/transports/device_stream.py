"""Any open QIODevice as transport; a QTcpSocket where the reactor is not available.

This is how connections run on Windows, through Qt's proxies, over a QLocalSocket or a serial
port, and inside another SslSocket.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable

from PySide6.QtCore import QIODevice, QObject, SignalInstance
from PySide6.QtNetwork import QAbstractSocket, QHostAddress, QTcpSocket
from shiboken6 import isValid

from qtsecure.engine._openssl import buffers_of_this_thread
from qtsecure.net.addresses import Ends
from qtsecure.net.plain_slots import plainSlot
from qtsecure.net.scheduler import schedulerOfThisThread
from qtsecure.net.transports.stream import HIGH_WATER, StreamOwner, StreamTransport

__all__ = ["DeviceStream", "QtSocketStream"]

_State = QAbstractSocket.SocketState
_LINGER_MS = 1000
_OWN_BUFFER = 64 * 1024
_oneAtATime = threading.RLock()
"""Held while a QTcpSocket makes its engine, for which Qt locks a mutex of the whole process.

Inside it, Qt tells the socket of its new child, for which PySide wants Python's lock; a second thread
may have that one and wait for the mutex, and both would wait for ever.
"""


class DeviceStream(StreamTransport):
    """Carries bytes over a QIODevice that is open for reading and writing.

    The device stays the program's; closing ends the writing but not the device, unless it is one
    that this class made.
    """

    def __init__(self, owner: StreamOwner, device: QIODevice) -> None:
        super().__init__(owner)
        self._device: QIODevice | None = device
        self._reading = True
        self._ended = False
        self._starting = False
        self._waiting = False
        self._landing = buffers_of_this_thread().landing_view
        self._signals = _DeviceSignals(self, device)
        if device.bytesAvailable():
            schedulerOfThisThread().defer(self.onReadyRead)

    def connectTo(self, address: QHostAddress, port: int) -> None:
        raise TypeError("A QIODevice that is already open cannot be connected.")

    # ------------------------------------------------------------------- device signals

    def onReadyRead(self) -> None:
        """The device has bytes."""
        size = len(self._landing)
        while self._reading:
            device = self._device
            if device is None or not isValid(device):
                return
            data = device.read(size).data()
            if not data:
                break
            self._landing[: len(data)] = data
            self.owner().transportLanded(len(data))
        if self._ended and self._reading:
            # Not from inside the device's signal: answering would write to a socket that is being
            # taken down.
            schedulerOfThisThread().defer(self._reportEnd)

    def onChannelReadyRead(self, channel: int) -> None:
        """The socket below has bytes."""
        self.onReadyRead()

    def onBytesWritten(self, count: int) -> None:
        """The device has sent bytes."""
        count = min(count, self.unsent)
        self.unsent -= count
        if count:
            self.owner().transportSent(count)

    def onReadChannelFinished(self) -> None:
        """The device will bring no more than it holds."""
        if self._ended:
            return
        self._ended = True
        if not self._writable():
            self.unsent = 0  # a QTcpSocket drops what it has not sent when its peer ends
        self.onReadyRead()  # what is not read now may be gone when the device has closed

    def _reportEnd(self) -> None:
        if self._device is not None and self._ended and self._reading:
            self._ended = False
            self.owner().transportEnded()

    def _writable(self) -> bool:
        """Whether the device takes bytes; Qt's sockets crash on a write while they disconnect."""
        device = self._device
        if device is None or not isValid(device) or not device.isOpen():
            return False
        if isinstance(device, QAbstractSocket):
            return device.state() in (_State.ConnectedState, _State.ClosingState)
        return True

    def onErrorOccurred(self, error: QAbstractSocket.SocketError) -> None:
        """The socket below broke; its end is reported by readChannelFinished."""
        device = self._device
        if error == QAbstractSocket.SocketError.RemoteHostClosedError or device is None:
            return
        if self._waiting and error == QAbstractSocket.SocketError.SocketTimeoutError:
            return  # of wait(), which says so
        text = f"{device.errorString().rstrip('.')}."
        if self._starting:
            self._failLater(error, text)  # Qt may fail inside connectToHost(); we report from the loop
            return
        owner = self.owner()
        self.abort()
        owner.transportFailed(error, text)

    def onConnected(self) -> None:
        """The socket below is connected."""
        self.owner().transportConnected()

    # -------------------------------------------------------------------------- sending

    def send(self, data: memoryview) -> int:
        device = self._device
        if device is None or not self._writable():
            return 0  # the end of the device is reported, or has been
        written = device.write(bytes(data))
        if written > 0:
            self.unsent += written
        # What a device takes counts as sent only when it says so; ciphertext is never taken in part.
        return 0

    def setReading(self, wanted: bool) -> None:
        if self._reading == wanted:
            return
        self._reading = wanted
        self._boundDevice(wanted)
        if wanted:
            schedulerOfThisThread().defer(self.onReadyRead)

    def _boundDevice(self, reading: bool) -> None:
        """A socket buffers without limit while nobody reads, unless it is told not to."""
        if isinstance(self._device, QAbstractSocket):
            self._device.setReadBufferSize(0 if reading else HIGH_WATER)

    def wait(self, milliseconds: int, *, writing: bool) -> bool:
        device = self._device
        if device is None or not isValid(device):
            return False
        if self._reading and device.bytesAvailable():
            self.onReadyRead()
            return True
        end = time.monotonic() + milliseconds / 1000
        self._waiting = True
        try:
            if self._waitForDevice(device, milliseconds, writing):
                return True
        finally:
            self._waiting = False
        # A device that has ended, or that cannot wait, answers before the time is up.
        return bool(schedulerOfThisThread().tasks) or (milliseconds >= 0 and time.monotonic() >= end)

    def _waitForDevice(self, device: QIODevice, milliseconds: int, writing: bool) -> bool:
        if writing and device.bytesToWrite():
            return device.waitForBytesWritten(milliseconds)
        return (self._reading or device.bytesToWrite() > 0) and device.waitForReadyRead(milliseconds)

    # -------------------------------------------------------------------------- closing

    def endOutput(self) -> None:
        pass  # a QIODevice closes both ways or not at all

    def closeGracefully(self) -> None:
        self._release()

    def abort(self) -> None:
        self._release()

    def _release(self) -> QIODevice | None:
        device, self._device = self._device, None
        self._letGo()
        self._signals.detach()
        self.unsent = 0
        return device if device is not None and isValid(device) else None

    # ---------------------------------------------------------------------------- facts

    def descriptor(self) -> int:
        return self._device.socketDescriptor() if isinstance(self._device, QAbstractSocket) else -1

    def ends(self) -> Ends:
        device = self._device
        if not isinstance(device, QAbstractSocket):
            return Ends()
        return Ends((device.localAddress(), device.localPort()), (device.peerAddress(), device.peerPort()))


class _DeviceSignals:
    """The connections from the device to its stream, made and undone together."""

    def __init__(self, stream: DeviceStream, device: QIODevice) -> None:
        pairs: list[tuple[SignalInstance, Callable[..., None]]] = [
            (device.bytesWritten, stream.onBytesWritten),
            (device.readChannelFinished, stream.onReadChannelFinished),
            (device.aboutToClose, stream.onReadChannelFinished),
        ]
        if isinstance(device, QAbstractSocket):
            # readyRead is not emitted while one of its slots runs an event loop; this one is.
            pairs.append((device.channelReadyRead, stream.onChannelReadyRead))
            pairs.append((device.errorOccurred, stream.onErrorOccurred))
            pairs.append((device.connected, stream.onConnected))
        else:
            pairs.append((device.readyRead, stream.onReadyRead))
        self._connections = [signal.connect(plainSlot(slot)) for signal, slot in pairs]

    def detach(self) -> None:
        connections, self._connections = self._connections, []
        for connection in connections:
            QObject.disconnect(connection)


class QtSocketStream(DeviceStream):
    """A QTcpSocket of our own: the transport where there is no reactor."""

    def __init__(self, owner: StreamOwner) -> None:
        super().__init__(owner, QTcpSocket())
        # Otherwise it takes all that the kernel has before it says so: megabytes from a fast sender.
        self._tcp().setReadBufferSize(_OWN_BUFFER)

    @classmethod
    def adopt(cls, owner: StreamOwner, descriptor: int) -> QtSocketStream:
        """Take over a connected descriptor; OSError when it is none."""
        if not 0 <= descriptor <= 0x7FFFFFFF:
            raise OSError("the number is no descriptor")  # Qt would use its lower half
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

    def onConnected(self) -> None:
        self._tcp().setSocketOption(QAbstractSocket.SocketOption.LowDelayOption, 1)
        super().onConnected()

    def endOutput(self) -> None:
        # QTcpSocket cannot do it, but another descriptor of the same connection can.
        with contextlib.suppress(OSError), socket.socket(fileno=socket.dup(self.descriptor())) as same:
            same.shutdown(socket.SHUT_WR)

    def closeGracefully(self) -> None:
        device = self._release()
        if isinstance(device, QTcpSocket):
            _Lingering(device)

    def abort(self) -> None:
        device = self._release()
        if isinstance(device, QTcpSocket):
            device.abort()
            device.deleteLater()


class _Lingering:
    """Lets a QTcpSocket deliver its last bytes; unread input would otherwise reset the connection.

    It is no QObject: as the child of a socket that nobody else refers to it would lose its slots.
    Its deadline keeps it alive, until the peer has ended, too, or the time is up, or the thread ends.
    """

    def __init__(self, device: QTcpSocket) -> None:
        self._device: QTcpSocket | None = device
        device.setReadBufferSize(0)
        self._connections = [
            device.readyRead.connect(plainSlot(self._drop)),
            device.disconnected.connect(plainSlot(self._finish)),
        ]
        self._deadline = schedulerOfThisThread().callLater(_LINGER_MS, lambda: self._finish())
        device.readAll()
        device.disconnectFromHost()
        if device.state() == QAbstractSocket.SocketState.UnconnectedState:
            self._finish()

    def _drop(self) -> None:
        if self._device is not None:
            self._device.readAll()

    def _finish(self) -> None:
        device, self._device = self._device, None
        if device is None:
            return
        self._deadline.cancel()
        for connection in self._connections:
            QObject.disconnect(connection)
        device.abort()
        device.deleteLater()
