"""Any open QIODevice as transport: a proxied QTcpSocket, a QLocalSocket, a serial port, another SslSocket.

The device stays the program's, but the connection's end is its end, too: it is closed as it closes
itself, and never deleted. Whatever happens to it meanwhile (it is closed, it breaks, it is deleted)
is reported like the same fault of a socket.

A device may do anything inside its ``write()``: report progress, bring input, break. None of that
is passed on before ``write()`` has returned, because the caller is in the middle of sending.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from PySide6.QtCore import QByteArray, QIODevice, QObject
from PySide6.QtNetwork import QAbstractSocket, QHostAddress
from shiboken6 import isValid

from qtsecure.engine._openssl_pipes import buffers_of_this_thread
from qtsecure.net.event_loop.scheduler import schedulerOfThisThread
from qtsecure.net.native_sockets.addresses import Ends
from qtsecure.net.qt_objects.plain_slots import plainSlot
from qtsecure.net.transports.devices import (
    abortDevice,
    deviceEnds,
    deviceSocketError,
    finishDevice,
    isClosing,
    isConnected,
)
from qtsecure.net.transports.stream import HIGH_WATER, StreamOwner, StreamTransport

__all__ = ["DeviceStream"]

_Error = QAbstractSocket.SocketError
_READS_PER_EVENT = 16
_PATIENCE_MS = 30_000
"""How long a device that was told to finish may take, before it is aborted."""


class DeviceStream(StreamTransport):
    """Carries bytes over a QIODevice that is open for reading and writing."""

    def __init__(self, owner: StreamOwner, device: QIODevice) -> None:
        super().__init__(owner)
        self._device: QIODevice | None = device
        self._reading = True
        self._readLimit = 0  # the device's own, while reading is paused
        self._ended = False
        self._starting = False
        self._waiting = False  # a blocking wait of ours is under way
        self._depth = 0  # how many slots of the device's signals are running
        self._ending: Callable[[], object] | None = None  # what happens to the device after them
        self._landing = buffers_of_this_thread().landing_view
        self._writing = False  # the device's write() is on the stack
        self._reported = 0  # what the device has reported as written inside its write()
        self._notOurs = device.bytesToWrite()  # what the program wrote to it goes out first
        self._untaken = bytearray()  # what the device did not take
        self._signals = _DeviceSignals(self, device)
        if device.bytesAvailable():
            schedulerOfThisThread().defer(self.onReadyRead)

    def connectTo(self, address: QHostAddress, port: int) -> None:
        raise TypeError("A QIODevice that is already open cannot be connected.")

    def bind(self, address: QHostAddress, port: int, mode: QAbstractSocket.BindFlag) -> tuple[_Error, str] | None:
        raise TypeError("A QIODevice that is already open cannot be bound.")

    def _inSlot(self, call: Callable[..., None], *arguments: object) -> None:
        """Call what may run slots of the program, and part with the device only afterwards.

        They may end the connection, also in an event loop of their own, while Qt's code that has
        emitted the device's signal is on the stack and will go on.
        """
        self._depth += 1
        try:
            call(*arguments)
        finally:
            self._slotReturned()

    def _slotReturned(self) -> None:
        self._depth -= 1
        ending = self._ending
        if not self._depth and ending is not None:
            self._ending = None  # before slots of the device run event loops, in which this is called again
            ending()

    def _part(self, end: Callable[[QIODevice], object]) -> None:
        """Let go of owner and device, and end the device as soon as that is safe."""
        device = self._release()
        if device is None:
            return
        if self._depth:
            self._ending = partial(end, device)
        else:
            end(device)

    # ------------------------------------------------------------------- device signals

    def onReadyRead(self) -> None:
        """The device has bytes."""
        if self._writing:
            schedulerOfThisThread().defer(self.onReadyRead)
        else:
            self._inSlot(self._read)

    def _read(self) -> None:
        for _ in range(_READS_PER_EVENT):
            size = len(self._landing)  # whoever took the last piece may have chosen another one
            device = self._device
            if not self._reading or device is None or not isValid(device):
                return
            raw = self._take(device, size)
            if not raw:
                break
            if len(raw) > size:
                self._fail(_Error.NetworkError, "The device below gave more bytes than it was asked for.")
                return
            self._landing[: len(raw)] = raw
            self.owner().transportLanded(len(raw))
        else:
            schedulerOfThisThread().defer(self.onReadyRead)  # the others get a turn
            return
        if self._ended and self._reading:
            # Not from inside the device's signal: answering would write to a socket that is being
            # taken down.
            schedulerOfThisThread().defer(self._reportEnd)

    def _take(self, device: QIODevice, size: int) -> bytes:
        """What the device holds, at most so many bytes; it may misunderstand that."""
        # A QLocalSocket whose end is under way complains about being read, unless it holds something.
        if not device.bytesAvailable() and not isConnected(device):
            return b""
        data: object = device.read(size)  # bytes of a device written in Python; the stub's data() is wrong
        return cast("bytes", data.data() if isinstance(data, QByteArray) else data)

    def _holds(self, device: QIODevice) -> bool:
        """Whether there is something to read."""
        return device.bytesAvailable() > 0

    def onChannelReadyRead(self, channel: int) -> None:
        """The socket below has bytes; inside a slot of its readyRead this is emitted, too."""
        self.onReadyRead()

    def readSoon(self) -> None:
        """The device has bytes; it would bring no more while a slot that runs inside its signal waits for them."""
        schedulerOfThisThread().defer(self.onReadyRead)

    def onBytesWritten(self, count: int) -> None:
        """The device has sent bytes."""
        if self._writing:
            self._reported += count
            return
        sent = self._credit(count)
        if self._untaken and self.isWritable():
            data = bytes(self._untaken)
            self._untaken.clear()
            sent += self._handOver(data)
        if sent:
            self._inSlot(self.owner().transportSent, sent)

    def onChannelBytesWritten(self, channel: int, count: int) -> None:
        """The socket below has sent bytes; inside a slot of its bytesWritten this is emitted, too."""
        self.onBytesWritten(count)

    def onReadChannelFinished(self) -> None:
        """The device will bring no more than it holds."""
        if not self.isWritable():
            self.unsent = 0  # a QTcpSocket drops what it has not sent when its peer ends
            self._untaken.clear()
        if self._ended:
            return  # a socket says it twice: first while it may still be connected, then when it is not
        self._ended = True
        self._readLast()

    def _readLast(self) -> None:
        """What is not read now may be gone when the device has closed."""
        self.onReadyRead()

    def onAboutToClose(self) -> None:
        """The device will have nothing any more, not even what it holds."""
        self.onReadChannelFinished()

    def onDestroyed(self) -> None:
        """The program has deleted the device."""
        if self._device is not None:
            self._failLater(_Error.NetworkError, "The device that carried this connection was deleted.")

    def _reportEnd(self) -> None:
        if self._device is not None and isValid(self._device) and self._ended and self._reading:
            self._ended = False
            self.owner()._transportEnded()

    def isWritable(self) -> bool:
        device = self._device
        return device is not None and isValid(device) and isConnected(device)

    def onErrorOccurred(self, error: Any) -> None:
        """The socket below broke; its end is reported by readChannelFinished."""
        device = self._device
        kind = deviceSocketError(error)
        if kind == _Error.RemoteHostClosedError or device is None:
            return
        if self._waiting and kind == _Error.SocketTimeoutError:
            return  # of wait(), which says so
        if kind in (_Error.SocketTimeoutError, _Error.TemporaryError) and self.isWritable():
            return  # of a waitFor...() of the program's; the connection stands
        text = self._errorText(kind, f"{device.errorString().rstrip('.')}.")
        if self._starting or self._writing:
            self._failLater(kind, text)  # Qt may fail inside connectToHost(); we report from the loop
        else:
            self._inSlot(self._fail, kind, text)

    def _errorText(self, error: QAbstractSocket.SocketError, text: str) -> str:
        """A better sentence than the device's own."""
        return text

    def _fail(self, error: QAbstractSocket.SocketError, text: str) -> None:
        owner = self.owner()
        self.abort()
        owner._transportFailed(error, text)

    def onConnected(self) -> None:
        """The socket below is connected."""
        self._inSlot(self.owner()._transportConnected)

    # -------------------------------------------------------------------------- sending

    def send(self, data: memoryview) -> int:
        if self._device is None or not self.isWritable():
            return 0  # the end of the device is reported, or has been
        copy = bytes(data)
        self.unsent += len(copy)
        if self._untaken or self._writing:
            self._untaken += copy
            return 0
        return self._handOver(copy)

    def _handOver(self, data: bytes) -> int:
        """Let the device take what it will; how much of ours it has written out meanwhile."""
        device = self._device
        self._reported = 0
        while data and device is not None:
            taken: object = None
            self._writing = True
            try:
                taken = device.write(data)
            finally:
                self._writing = False
                if not isinstance(taken, int) or not 0 <= taken <= len(data):
                    taken = 0
                    if not isClosing(device):  # otherwise its end follows, and is reported
                        self._failLater(_Error.NetworkError, "The device below failed to take bytes to send.")
            if self._device is None or not isValid(device):
                return 0  # its write() has ended the connection
            if taken != len(data):
                self._untaken[:0] = data[taken:]
                break
            data = bytes(self._untaken)  # what was sent inside its write()
            self._untaken.clear()
        if device is None or device.bytesToWrite():
            return self._credit(self._reported)
        self._notOurs = 0  # a device without a buffer need not report what it has written
        return self._credit(self.unsent)

    def _credit(self, count: int) -> int:
        """Note that the device has written so many bytes; how many of them were ours."""
        device = self._device
        if isinstance(device, QAbstractSocket) and isValid(device):
            # It emits no bytesWritten inside of bytesWritten, and both signals for the same bytes otherwise.
            count = max(0, self._notOurs + self.unsent - len(self._untaken) - device.bytesToWrite())
        others = min(self._notOurs, count)
        self._notOurs -= others
        ours = min(count - others, self.unsent - len(self._untaken))
        self.unsent -= ours
        return ours

    def setReading(self, wanted: bool) -> None:
        if self._reading == wanted:
            return
        self._reading = wanted
        self._boundDevice(wanted)
        if wanted:
            schedulerOfThisThread().defer(self.onReadyRead)

    def setPiece(self, size: int) -> None:
        self._landing = buffers_of_this_thread().landing_view[:size]

    def _boundDevice(self, reading: bool) -> None:
        """A socket buffers without limit while nobody reads, unless it is told not to."""
        device: Any = self._device
        if hasattr(device, "setReadBufferSize") and isValid(device):
            if not reading:
                self._readLimit = device.readBufferSize()
            device.setReadBufferSize(self._readLimit if reading else self._readLimit or HIGH_WATER)

    def wait(self, milliseconds: int, *, writing: bool) -> bool:
        device = self._device
        if device is None or not isValid(device):
            return False
        if self._reading and self._holds(device):
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
        return milliseconds >= 0 and time.monotonic() >= end

    def _waitForDevice(self, device: QIODevice, milliseconds: int, writing: bool) -> bool:
        if writing and device.bytesToWrite():
            return device.waitForBytesWritten(milliseconds)
        return (self._reading or device.bytesToWrite() > 0) and device.waitForReadyRead(milliseconds)

    # -------------------------------------------------------------------------- closing

    def endOutput(self) -> None:
        pass  # a QIODevice closes both ways or not at all

    def closeGracefully(self) -> None:
        self._part(_Parting)

    def abort(self) -> None:
        self._part(partial(_Parting, abort=True))

    def _release(self) -> QIODevice | None:
        device, self._device = self._device, None
        self._letGo()
        self._signals.detach()
        self._untaken.clear()
        self.unsent = 0
        return device if device is not None and isValid(device) else None

    # ---------------------------------------------------------------------------- facts

    def setOption(self, option: QAbstractSocket.SocketOption, value: int) -> None:
        device: Any = self._device
        if hasattr(device, "setSocketOption") and isValid(device):
            device.setSocketOption(option, value)

    def option(self, option: QAbstractSocket.SocketOption) -> int | None:
        device: Any = self._device
        value = device.socketOption(option) if hasattr(device, "socketOption") and isValid(device) else None
        return value if isinstance(value, int) else None

    def descriptor(self) -> int:
        device: Any = self._device
        return int(device.socketDescriptor()) if hasattr(device, "socketDescriptor") and isValid(device) else -1

    def ends(self) -> Ends:
        return deviceEnds(self._device)


class _DeviceSignals:
    """The connections from the device to its stream, made and undone together."""

    def __init__(self, stream: DeviceStream, device: Any) -> None:
        pairs: list[tuple[Any, Callable[..., None]]] = [
            (device.bytesWritten, stream.onBytesWritten),
            (device.readChannelFinished, stream.onReadChannelFinished),
            (device.aboutToClose, stream.onAboutToClose),
            (device.destroyed, stream.onDestroyed),
        ]
        if isinstance(device, QAbstractSocket):
            pairs.append((device.channelReadyRead, stream.onChannelReadyRead))
            pairs.append((device.channelBytesWritten, stream.onChannelBytesWritten))
            pairs.append((device.connected, stream.onConnected))
        else:
            pairs.append((device.readyRead, stream.readSoon))
        if hasattr(device, "disconnected"):
            pairs.append((device.disconnected, stream.onReadChannelFinished))
        if hasattr(device, "state") and hasattr(device, "errorOccurred"):
            pairs.append((device.errorOccurred, stream.onErrorOccurred))
        self._connections = [signal.connect(plainSlot(slot)) for signal, slot in pairs]

    def detach(self) -> None:
        connections, self._connections = self._connections, []
        for connection in connections:
            QObject.disconnect(connection)


class _Parting:
    """Sees a device of the program to its end, and keeps it alive until then.

    The connection may have held the last reference, and be ended in a slot of one of the device's
    own signals; Qt's sockets do not survive their deletion there. The deadline, and then the deferred
    call, keep this alive: neither outlives the thread.
    """

    def __init__(self, device: Any, *, abort: bool = False) -> None:
        if not isValid(device):
            return
        self._device = device
        names = ("disconnected", "finished", "bytesWritten")  # of sockets, QProcess, anything
        signal = next(getattr(device, name) for name in names if hasattr(device, name))
        self._deadline = schedulerOfThisThread().callLater(_PATIENCE_MS, lambda: self._giveUp())
        self._connection = signal.connect(plainSlot(self._advance))
        if abort:
            abortDevice(device)
        self._advance()

    def _advance(self, *_: object) -> None:
        if self._deadline.isPending and isValid(self._device) and isConnected(self._device):
            finishDevice(self._device)
        if self._deadline.isPending and not (isValid(self._device) and isConnected(self._device)):
            self._deadline.cancel()
            schedulerOfThisThread().defer(self._forget)

    def _giveUp(self) -> None:
        if isValid(self._device):
            abortDevice(self._device)
        self._forget()

    def _forget(self) -> None:
        QObject.disconnect(self._connection)
