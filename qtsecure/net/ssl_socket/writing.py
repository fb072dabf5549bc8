"""Plaintext on its way to the peer; the queue itself is in ``data_path``."""

from __future__ import annotations

from threading import get_ident

from PySide6.QtCore import QByteArray
from PySide6.QtNetwork import QAbstractSocket
from shiboken6 import isValid

from qtsecure.net.ssl_socket.reading import Reading, byteOf

__all__ = ["Writing"]

_Error = QAbstractSocket.SocketError
_UNCONNECTED = QAbstractSocket.SocketState.UnconnectedState


class Writing(Reading):
    """The writing methods of SslSocket (QIODevice's and QAbstractSocket's)."""

    def write(self, data: bytes | bytearray | memoryview | QByteArray) -> int:
        """Queue bytes for the peer; before ``encrypted`` they wait until the handshake is complete.

        Args:
            data: bytes, bytearray, memoryview or QByteArray. Text has to be encoded first.

        Returns:
            How many bytes were taken: all, or as many as setWriteBufferLimit() leaves room for;
            -1 when the socket is not open for writing or its connection is over.
        """
        if type(data) is bytes:
            plain = data
        elif isinstance(data, QByteArray):
            plain = data.data()  # type: ignore[assignment]  # data() gives bytes, whatever the stub says
        elif isinstance(data, (bytes, bytearray, memoryview)):
            plain = bytes(data)
        else:
            raise TypeError(
                f"data must be bytes, bytearray, memoryview or QByteArray, not {type(data).__name__}; "
                "encode text first, for example with text.encode()."
            )
        dataPath = self._dataPath
        if not dataPath.open or get_ident() != dataPath.thread:
            self._checkThread("write")
            self._noteRefusedWrite()
            return -1
        if dataPath.writeLimit:
            plain = plain[: max(0, dataPath.writeLimit - dataPath.outgoing.size)]
        if not plain:
            return 0
        if not dataPath.flushScheduled:  # once the slot has returned: its small writes share a record
            dataPath.flushScheduled = True
            dataPath.scheduler.defer(dataPath.flushQueued)
        return dataPath.outgoing.append(plain)

    def _noteRefusedWrite(self) -> None:
        """Say why nothing was written, unless an earlier failure says more.

        A connection that has ended well has no error because of that.
        """
        dataPath = self._dataPath
        if dataPath.error not in (_Error.UnknownSocketError, _Error.OperationError):
            return
        if dataPath.readable and not dataPath.writable and dataPath.state is not _UNCONNECTED:
            text = "The socket was not opened for writing."
        else:
            text = "The socket is not connected, so nothing can be written; connect it before."
        if not dataPath.used:
            dataPath.error = _Error.OperationError
        self.setErrorString(text)

    def putChar(self, c: int | str) -> bool:
        """Queue one byte (QIODevice::putChar); whether it was taken.

        Raises:
            ValueError: ``c`` is a number that is no byte, or not one character of Latin-1.
        """
        return self.write(bytes((byteOf(c),))) == 1

    def bytesToWrite(self) -> int:
        """Plaintext that is not yet encrypted, in bytes."""
        return self._dataPath.outgoing.size

    def encryptedBytesToWrite(self) -> int:
        """Ciphertext that the network has not yet taken, in bytes."""
        transport = self._dataPath.transport
        return transport.unsent if transport is not None else 0

    def flush(self) -> bool:
        """Encrypt and send now what can be sent without waiting.

        Returns:
            Whether bytes that were written, and not yet encrypted, are on their way.
        """
        dataPath = self._dataPath
        before = dataPath.outgoing.size
        dataPath.flushQueued()
        if not isValid(self):
            return False
        encrypted = dataPath.outgoing.size < before
        dataPath.sendNow()
        return isValid(self) and encrypted

    def writeBufferLimit(self) -> int:
        """The limit of setWriteBufferLimit(), in bytes; 0 for none."""
        return self._dataPath.writeLimit

    def setWriteBufferLimit(self, limit: int) -> None:
        """Let write() take no more than this many bytes ahead of the network. 0 lifts the limit.

        Raises:
            TypeError: For anything but an int.
            ValueError: For a negative limit.
        """
        if isinstance(limit, bool) or not isinstance(limit, int):
            raise TypeError(f"limit must be an int, not {type(limit).__name__}.")
        if limit < 0:
            raise ValueError(f"limit must be 0 or a number of bytes, not {limit}.")
        self._dataPath.writeLimit = limit
