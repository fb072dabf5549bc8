"""Plaintext on its way to the program: one stream for Python's reads and Qt's own.

Python callers use the shadowed methods here, which hand out what arrived without a trip through
C++. C++ readers (QDataStream, QTextStream, QXmlStreamReader, QImageReader) reach ``readData()``
through QIODevice, which keeps a buffer of its own for peeking and transactions. Whenever that
buffer holds something, the shadowed methods go through QIODevice as well, so that no byte is lost
or reordered whoever reads.
"""

from __future__ import annotations

from collections import deque

from PySide6.QtCore import QByteArray, QIODevice, QObject
from shiboken6 import isValid

from qtsecure.net.ssl_socket.base import SocketBase

__all__ = ["Reading"]


class Reading(SocketBase):
    """The reading methods of SslSocket (QIODevice's and QAbstractSocket's)."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._incoming: deque[bytes] = deque()
        self._incomingBytes = 0
        self._readBufferSize = 0
        self._readingPaused = False
        self._emittingReadyRead = False
        self._newData = False

    # ---------------------------------------------------------------------------- public

    def bytesAvailable(self) -> int:
        """How many decrypted bytes can be read without waiting."""
        return self._incomingBytes + QIODevice.bytesAvailable(self)

    def encryptedBytesAvailable(self) -> int:
        """Always 0: what has arrived is decrypted at once, or has not been taken from the kernel."""
        return 0

    def read(self, maxSize: int) -> QByteArray:  # type: ignore[override]  # PySide adds a form that fills a bytearray
        """Up to ``maxSize`` bytes (QIODevice::read)."""
        if self._qtHoldsData():
            return QIODevice.read(self, maxSize)
        return QByteArray(self._take(maxSize)) if self._readable else QByteArray()

    def readAll(self) -> QByteArray:
        """Everything that has arrived (QIODevice::readAll)."""
        if self._qtHoldsData():
            return QIODevice.readAll(self)
        return QByteArray(self._take(self._incomingBytes)) if self._readable else QByteArray()

    def readBytes(self, maxSize: int = -1) -> bytes:
        """Up to ``maxSize`` bytes as Python bytes; -1 for everything that has arrived."""
        if self._qtHoldsData():
            data = QIODevice.readAll(self) if maxSize < 0 else QIODevice.read(self, maxSize)
            return bytes(data.data())
        if not self._readable:
            return b""
        return self._take(self._incomingBytes if maxSize < 0 else maxSize)

    def readLine(self, maxSize: int = 0) -> QByteArray:  # type: ignore[override]  # as read()
        """One line with its newline, at most ``maxSize`` bytes (0: unlimited); else what is there."""
        if self._qtHoldsData():
            return QIODevice.readLine(self, maxSize)
        if not self._readable:
            return QByteArray()
        end = self._findNewline()
        count = self._incomingBytes if end < 0 else end + 1
        return QByteArray(self._take(min(count, maxSize) if maxSize > 0 else count))

    def canReadLine(self) -> bool:
        """Whether a whole line has arrived."""
        return self._findNewline() >= 0 or QIODevice.canReadLine(self)

    def peek(self, maxSize: int) -> QByteArray:  # type: ignore[override]  # as read()
        """Up to ``maxSize`` bytes without taking them."""
        if self._qtHoldsData() or not self._readable:
            return QIODevice.peek(self, maxSize)
        parts: list[bytes] = []
        missing = maxSize
        for part in self._incoming:
            if missing <= 0:
                break
            parts.append(part[:missing])
            missing -= len(parts[-1])
        return QByteArray(b"".join(parts))

    def skip(self, maxSize: int) -> int:
        """Drop up to ``maxSize`` bytes; how many were dropped."""
        if self._qtHoldsData():
            return QIODevice.skip(self, maxSize)
        return len(self._take(maxSize)) if self._readable else -1

    def atEnd(self) -> bool:
        """Whether nothing can be read at the moment."""
        return self.bytesAvailable() == 0

    def readBufferSize(self) -> int:
        """The limit of setReadBufferSize(), in bytes; 0 for none."""
        return self._readBufferSize

    def setReadBufferSize(self, size: int) -> None:
        """Keep at most ``size`` decrypted bytes; the peer feels back-pressure. 0 lifts the limit.

        Raises:
            ValueError: For a negative size.
        """
        if size < 0:
            raise ValueError(f"size must be 0 or a number of bytes, not {size}.")
        self._readBufferSize = size
        self._resumeReading()

    def readData(self, maxlen: int) -> bytes:
        """For C++ readers; QIODevice calls this to fill its buffer."""
        return self._take(maxlen)

    # ---------------------------------------------------------------------------- inside

    def _qtHoldsData(self) -> bool:
        return QIODevice.bytesAvailable(self) > 0 or QIODevice.isTransactionStarted(self)

    def _take(self, count: int) -> bytes:
        """Remove exactly min(count, available) bytes from the queue."""
        incoming = self._incoming
        if not incoming or count <= 0:
            return b""
        if count >= self._incomingBytes:
            data = incoming[0] if len(incoming) == 1 else b"".join(incoming)
            incoming.clear()
            self._incomingBytes = 0
        else:
            parts: list[bytes] = []
            missing = count
            while missing:
                part = incoming.popleft()
                if len(part) > missing:
                    incoming.appendleft(part[missing:])
                    part = part[:missing]
                parts.append(part)
                missing -= len(part)
            data = b"".join(parts)
            self._incomingBytes -= count
        if self._readingPaused:
            self._resumeReading()
        return data

    def _findNewline(self) -> int:
        position = 0
        for part in self._incoming:
            index = part.find(b"\n")
            if index >= 0:
                return position + index
            position += len(part)
        return -1

    def _append(self, data: bytes) -> None:
        self._incoming.append(data)
        self._incomingBytes += len(data)
        self._newData = True

    def _room(self) -> int:
        """How many more bytes may be decrypted now."""
        if not self._readBufferSize:
            return 1 << 30
        return max(0, self._readBufferSize - self.bytesAvailable())

    def _announceData(self) -> bool:
        """Emit readyRead for what is new, never inside itself; False when the socket is gone."""
        if self._emittingReadyRead:
            return True  # announced when the running slot has returned
        while self._newData:
            self._newData = False
            self._emittingReadyRead = True
            try:
                self.readyRead.emit()
            finally:
                self._emittingReadyRead = False
            if not isValid(self):
                return False
            if self._newData and not self.bytesAvailable():
                self._newData = False  # a nested event loop brought it and the slot has read it
        return True

    def _dropIncoming(self) -> None:
        self._incoming.clear()
        self._incomingBytes = 0
        self._newData = False

    def _pauseReading(self) -> None:
        if not self._readingPaused and self._transport is not None:
            self._readingPaused = True
            self._transport.setReading(False)

    def _resumeReading(self) -> None:
        """There may be room again: continue outside of the caller's read."""
        if self._readingPaused and self._room() > 0:
            self._readingPaused = False
            self._scheduler.defer(self._continueReading)

    def _continueReading(self) -> None:
        """Decrypt what the engine still holds, then read on."""
        raise NotImplementedError
