"""Plaintext on its way to the program: one stream for Python's reads and Qt's own.

Python callers use the shadowed methods here, which hand out what arrived without a trip through
C++. C++ readers (QDataStream, QTextStream, QXmlStreamReader, QImageReader) reach ``readData()``
through QIODevice, which keeps a buffer of its own for peeking and transactions. Whenever that
buffer holds something, the shadowed methods go through QIODevice as well, so that no byte is lost
or reordered whoever reads.

The read limit counts both. A C++ reader that is served out of QIODevice's buffer is not seen here,
but sooner or later it looks at bytesAvailable() or asks for more than the buffer holds; a review of
the limit follows then, from the event loop.
"""

from __future__ import annotations

from threading import get_ident

from PySide6.QtCore import QByteArray, QIODevice
from PySide6.QtNetwork import QSslSocket
from shiboken6 import isValid

from qtsecure.net.ssl_socket.base import SocketBase

__all__ = ["Reading", "byteOf"]

_UNENCRYPTED = QSslSocket.SslMode.UnencryptedMode
_inTransaction = QIODevice.isTransactionStarted


def byteOf(c: int | str) -> int:
    """What QIODevice calls a char; ValueError if it is none."""
    data = c.encode("latin-1") if isinstance(c, str) else bytes((c,))
    if len(data) != 1:
        raise ValueError(f"c must be one character, not {len(data)}.")
    return data[0]


class Reading(SocketBase):
    """The reading methods of SslSocket (QIODevice's and QAbstractSocket's)."""

    _reviewsRoom = False

    def bytesAvailable(self) -> int:
        """How many decrypted bytes can be read without waiting."""
        dataPath = self._dataPath
        available = dataPath.incoming.size + QIODevice.bytesAvailable(self)
        if dataPath.readingPaused and available < dataPath.readLimit:
            self._reviewRoomSoon()
        return available

    def encryptedBytesAvailable(self) -> int:
        """Always 0: what has arrived is decrypted at once, or has not been taken from the kernel."""
        return 0

    def read(self, maxSize: int) -> QByteArray:  # type: ignore[override]  # PySide adds a form that fills a bytearray
        """Up to ``maxSize`` bytes (QIODevice::read)."""
        if get_ident() != self._dataPath.thread:
            self._checkThread("read")
        if self._qtHoldsData():
            return self._readThroughQt(max(maxSize, 0))
        return QByteArray(self._take(maxSize)) if self._dataPath.readable else QByteArray()

    def readAll(self) -> QByteArray:
        """Everything that has arrived (QIODevice::readAll)."""
        dataPath = self._dataPath
        if get_ident() != dataPath.thread:
            self._checkThread("readAll")
        if dataPath.qtHolds or _inTransaction(self):  # written out: the hot path
            return self._readThroughQt(-1)
        if not dataPath.readable:
            return QByteArray()
        data = QByteArray(dataPath.incoming.takeAll())
        if dataPath.readingPaused:
            Reading._roomMade(self)
        return data

    def readBytes(self, maxSize: int = -1) -> bytes:
        """Up to ``maxSize`` bytes as Python bytes; -1 for everything that has arrived."""
        if get_ident() != self._dataPath.thread:
            self._checkThread("readBytes")
        if self._qtHoldsData():
            return bytes(self._readThroughQt(maxSize).data())
        if not self._dataPath.readable:
            return b""
        return Reading._takeAll(self) if maxSize < 0 else self._take(maxSize)

    def readLine(self, maxlen: int = 0) -> QByteArray:  # type: ignore[override]  # as read()
        """One line with its newline, at most ``maxlen`` bytes (0: unlimited); else what is there."""
        if get_ident() != self._dataPath.thread:
            self._checkThread("readLine")
        if maxlen < 0:
            return QByteArray()
        if self._qtHoldsData():
            # Qt's own readLine() refuses a size of 1 and stops one byte short of any other.
            held = bytes(QIODevice.peek(self, self.bytesAvailable()).data())
            size = held.find(b"\n") + 1 or len(held)
            return self._readThroughQt(min(size, maxlen) if maxlen > 0 else size)
        if not self._dataPath.readable:
            return QByteArray()
        incoming = self._dataPath.incoming
        end = incoming.findNewline()
        count = incoming.size if end < 0 else end + 1
        return QByteArray(self._take(min(count, maxlen) if maxlen > 0 else count))

    def canReadLine(self) -> bool:
        """Whether a whole line has arrived."""
        return self._dataPath.incoming.findNewline() >= 0 or QIODevice.canReadLine(self)

    def peek(self, maxSize: int) -> QByteArray:  # type: ignore[override]  # as read()
        """Up to ``maxSize`` bytes without taking them."""
        if get_ident() != self._dataPath.thread:
            self._checkThread("peek")
        if self._qtHoldsData() or not self._dataPath.readable:
            return QIODevice.peek(self, maxSize)
        return QByteArray(self._dataPath.incoming.peek(maxSize))

    def ungetChar(self, c: int | str) -> None:
        """Put a byte back, to be read next (QIODevice::ungetChar).

        Raises:
            ValueError: ``c`` is a number that is no byte, or not one character of Latin-1.
        """
        byte = byteOf(c)
        self._dataPath.qtHolds = True
        QIODevice.ungetChar(self, byte if byte < 128 else byte - 256)  # PySide wants C's signed char

    def skip(self, maxSize: int) -> int:
        """Drop up to ``maxSize`` bytes; how many were dropped, or -1."""
        if get_ident() != self._dataPath.thread:
            self._checkThread("skip")
        if maxSize < 0:
            return -1
        if self._qtHoldsData():
            skipped = QIODevice.skip(self, maxSize)
            if self._dataPath.readingPaused:
                Reading._roomMade(self)
            return skipped
        return len(self._take(maxSize)) if self._dataPath.readable else -1

    def atEnd(self) -> bool:
        """Whether nothing can be read at the moment."""
        return self.bytesAvailable() == 0

    def readBufferSize(self) -> int:
        """The limit of setReadBufferSize(), in bytes; 0 for none."""
        return self._dataPath.readLimit

    def setReadBufferSize(self, size: int) -> None:
        """Keep at most ``size`` bytes of data, with and without TLS; the peer feels back-pressure. 0 lifts the limit.

        Raises:
            TypeError: For anything but an int.
            ValueError: For a negative size.
        """
        if isinstance(size, bool) or not isinstance(size, int):
            raise TypeError(f"size must be an int, not {type(size).__name__}.")
        if size < 0:
            raise ValueError(f"size must be 0 or a number of bytes, not {size}.")
        self._dataPath.readLimit = size
        self._dataPath.fitPieces()
        Reading._roomMade(self)

    def readData(self, maxlen: int) -> bytes:
        """For C++ readers; QIODevice calls this to fill its buffer."""
        if get_ident() != self._dataPath.thread:
            self._checkThread("readData")
        self._dataPath.qtHolds = True
        if self._dataPath.readingPaused:
            # Not now: while QIODevice waits for the bytes, its buffer claims to be full of them.
            self._reviewRoomSoon()
        return self._dataPath.incoming.take(maxlen)

    # ---------------------------------------------------------------------------- inside

    def _qtHoldsData(self) -> bool:
        return self._dataPath.qtHolds or _inTransaction(self)

    def _readThroughQt(self, count: int) -> QByteArray:
        """Up to ``count`` bytes by QIODevice's own methods; all for a negative number."""
        data = QIODevice.readAll(self) if count < 0 else QIODevice.read(self, count)
        self._dataPath.qtHolds = QIODevice.bytesAvailable(self) > 0 or _inTransaction(self)
        if self._dataPath.readingPaused:
            Reading._roomMade(self)
        return data

    def _take(self, count: int) -> bytes:
        dataPath = self._dataPath
        data = dataPath.incoming.take(count)
        if dataPath.readingPaused:
            Reading._roomMade(self)
        return data

    def _takeAll(self) -> bytes:
        dataPath = self._dataPath
        data = dataPath.incoming.takeAll()
        if dataPath.readingPaused:
            Reading._roomMade(self)
        return data

    def _roomMade(self) -> None:
        # A pending decision pauses reading, too, and what the program reads meanwhile is no answer.
        if self._attempt.request is None and not self._attempt.withheld:
            self._dataPath.roomMade()

    def _reviewRoomSoon(self) -> None:
        if not self._reviewsRoom:
            self._reviewsRoom = True
            self._dataPath.scheduler.defer(self._reviewRoom)  # bytesAvailable() answers any thread

    def _reviewRoom(self) -> None:
        if isValid(self):
            Reading._roomMade(self)
            self._reviewsRoom = False  # only now: counting the room calls bytesAvailable()

    # ---------------------------------------------------------------- of SocketClient and proxies

    def _withhold(self) -> None:
        """Nothing is read until _letRead(), whatever slots do: it is for TLS, or a program that is not there yet."""
        self._attempt.withheld = True
        self._dataPath.pauseReading()

    def _letRead(self) -> None:
        """TLS begins, or the program has the connection: reading goes on from the event loop."""
        attempt, dataPath = self._attempt, self._dataPath
        if not attempt.withheld:
            dataPath.roomMade()
            return
        attempt.withheld = False
        if not attempt.readsOn:
            attempt.readsOn = True
            dataPath.scheduler.defer(self._readOn)

    def _readOn(self) -> None:
        """Tell what came right behind a proxy's answer before there can be more, or an end."""
        attempt, dataPath = self._attempt, self._dataPath
        attempt.readsOn = False
        if attempt.withheld or dataPath.transport is None or not isValid(self):
            return
        dataPath.roomMade()  # later, but also for a slot of ours that waits
        plain = dataPath.mode is _UNENCRYPTED and not dataPath.awaitsTls  # else nobody may read it, see starttls
        if plain and dataPath.incoming.size:
            dataPath.newData = True
            dataPath.announce()
