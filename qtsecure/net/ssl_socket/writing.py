"""Plaintext on its way to the peer.

``write()`` only queues: nothing of the application may reach OpenSSL before the handshake is
complete, and small writes of one slot share a record. The queue is encrypted by ``_flushQueued``,
which runs right after the slot that wrote (or on ``flush()``), one slice at a time, and only while
the transport has little left to send, so that memory stays bounded and the peer's pace is felt.
"""

from __future__ import annotations

from collections import deque

from PySide6.QtCore import QByteArray, QObject
from shiboken6 import isValid

from qtsecure.net.ssl_socket.reading import Reading
from qtsecure.net.transports.stream import HIGH_WATER

__all__ = ["Writing"]

_SLICE = 64 * 1024
"""How much is encrypted at once; the ciphertext of one slice is all that OpenSSL ever holds."""


class Writing(Reading):
    """The writing methods of SslSocket (QIODevice's and QAbstractSocket's)."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._outgoing: deque[bytes] = deque()
        self._outgoingBytes = 0
        self._writeBufferLimit = 0
        self._flushScheduled = False
        self._flushing = False

    # ---------------------------------------------------------------------------- public

    def write(self, data: bytes | bytearray | memoryview | QByteArray) -> int:
        """Queue bytes for the peer; before ``encrypted`` they wait until the handshake is complete.

        Args:
            data: bytes, bytearray, memoryview or QByteArray. Text has to be encoded first.

        Returns:
            How many bytes were taken: all, or as many as setWriteBufferLimit() leaves room for;
            -1 when the socket is not open for writing or its connection is over.
        """
        if type(data) is not bytes:
            if isinstance(data, QByteArray):
                data = bytes(data.data())
            elif isinstance(data, (bytes, bytearray, memoryview)):
                data = bytes(data)
            else:
                raise TypeError(
                    f"data must be bytes, bytearray, memoryview or QByteArray, not {type(data).__name__}; "
                    "encode text first, for example with text.encode()."
                )
        if not self._writable or not self._mayQueue():
            return -1
        if self._writeBufferLimit:
            data = data[: max(0, self._writeBufferLimit - self._outgoingBytes)]
        if data:
            self._outgoing.append(bytes(data))  # the same object: it is bytes by now
            self._outgoingBytes += len(data)
            if not self._flushScheduled:
                self._flushScheduled = True
                self._scheduler.defer(self._flushQueued)
        return len(data)

    def bytesToWrite(self) -> int:
        """Plaintext that is not yet encrypted, in bytes."""
        return self._outgoingBytes

    def encryptedBytesToWrite(self) -> int:
        """Ciphertext that the network has not yet taken, in bytes."""
        return self._transport.unsent if self._transport is not None else 0

    def flush(self) -> bool:
        """Encrypt and send now what can be sent without waiting; whether anything was sent."""
        if self._engineOnStack() or self._flushing:
            return False
        before = self._outgoingBytes
        self._flushQueued()
        return isValid(self) and self._outgoingBytes < before

    def writeBufferLimit(self) -> int:
        """The limit of setWriteBufferLimit(), in bytes; 0 for none."""
        return self._writeBufferLimit

    def setWriteBufferLimit(self, limit: int) -> None:
        """Let write() take no more than this many bytes ahead of the network. 0 lifts the limit.

        Raises:
            ValueError: For a negative limit.
        """
        if limit < 0:
            raise ValueError(f"limit must be 0 or a number of bytes, not {limit}.")
        self._writeBufferLimit = limit

    # ---------------------------------------------------------------------------- inside

    def _mayQueue(self) -> bool:
        """Whether the state of the connection lets write() take bytes."""
        raise NotImplementedError

    def _maySend(self) -> bool:
        """Whether queued bytes may go out now: the handshake is complete, or there is no TLS."""
        raise NotImplementedError

    def _queueDrained(self) -> None:
        """Everything queued has gone to the transport."""
        raise NotImplementedError

    def _flushQueued(self) -> None:
        """Encrypt the queue as far as the network keeps up, then say how far."""
        self._flushScheduled = False
        if not isValid(self) or self._flushing or not self._maySend():
            return
        self._flushing = True
        plain = sent = 0
        transport = self._transport
        while self._outgoing and transport is not None and transport.unsent < HIGH_WATER:
            data = self._nextSlice()
            plain += len(data)
            sent += self._encryptAndSend(data)
            if not self._maySend():
                break  # the engine failed; its event tells why
        self._flushing = False
        if plain:
            self.bytesWritten.emit(plain)
            if not isValid(self):
                return
        if sent:
            self.encryptedBytesWritten.emit(sent)
            if not isValid(self):
                return
        if not self._outgoing:
            self._queueDrained()

    def _nextSlice(self) -> bytes:
        """The next bytes to encrypt: small writes together, large ones in part."""
        outgoing = self._outgoing
        data = outgoing.popleft()
        if len(data) > _SLICE:
            outgoing.appendleft(data[_SLICE:])
            data = data[:_SLICE]
        elif outgoing and len(data) + len(outgoing[0]) <= _SLICE:
            parts = [data]
            size = len(data)
            while outgoing and size + len(outgoing[0]) <= _SLICE:
                size += len(outgoing[0])
                parts.append(outgoing.popleft())
            data = b"".join(parts)
        self._outgoingBytes -= len(data)
        return data

    def _encryptAndSend(self, data: bytes) -> int:
        """Send ``data``, encrypted or not; how many bytes of ciphertext went out at once."""
        transport = self._transport
        assert transport is not None
        if self._stream is None:
            return transport.send(memoryview(data))
        self._stream.write(data)
        return self._sendOutgoing()

    def _sendOutgoing(self) -> int:
        """Hand the engine's ciphertext to the transport; how many bytes went out at once."""
        stream, transport = self._stream, self._transport
        if stream is None or transport is None:
            return 0
        sent = 0
        while size := len(data := stream.take_outgoing()):
            sent += transport.send(data)
            if size < _SLICE:
                break  # a slice of plaintext makes less than two of these, so there is no more
        return sent

    def _dropOutgoing(self) -> None:
        self._outgoing.clear()
        self._outgoingBytes = 0

    # ------------------------------------------------------------------- from the transport

    def transportSent(self, count: int) -> None:
        """The network has taken bytes that had to wait."""
        self.encryptedBytesWritten.emit(count)
        if isValid(self) and self._transport is not None and self._transport.unsent < HIGH_WATER // 2:
            self._flushQueued()
