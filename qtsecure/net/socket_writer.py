"""A way for Qt's C++ writers to an SslSocket: QDataStream, QTextStream, QXmlStreamWriter, QImageWriter.

They cannot write to the socket itself: PySide hands what C++ writes to Python as text, cut at the
first zero byte, and crashes on what is no UTF-8. So an SslSocket is read-only for C++, and a C++ writer
fails at once. A QBuffer takes what they write without any Python in between.
"""

from __future__ import annotations

from PySide6.QtCore import QBuffer, QIODevice, QObject
from shiboken6 import isValid

from qtsecure.net.ssl_socket import SslSocket

__all__ = ["SocketWriter"]


class SocketWriter(QBuffer):
    """An open device whose bytes go to an SslSocket, from the event loop or with flush().

    One writer may serve a whole connection, and the next one of the same socket. To keep the order
    with what Python writes to the socket itself, flush() before. Use it in the socket's thread.

    Args:
        socket: Where the bytes go.
        parent: The QObject that owns it.

    Raises:
        TypeError: ``socket`` is no SslSocket.
    """

    def __init__(self, socket: SslSocket, parent: QObject | None = None) -> None:
        if not isinstance(socket, SslSocket):
            raise TypeError(f"socket must be an SslSocket, not {type(socket).__name__}.")
        super().__init__(parent)
        self._socket = socket
        self._waitsForRoom = False
        self.open(QIODevice.OpenModeFlag.WriteOnly)
        self.bytesWritten.connect(self._written)  # QBuffer emits it from the event loop

    def flush(self) -> bool:
        """Hand over now what has been written, as much as setWriteBufferLimit() leaves room for.

        Returns:
            Whether the socket has taken everything. What it has no room for follows later; what is
            written to a connection that is over is dropped.
        """
        data = self.data()
        if not data.size() or not isValid(self._socket):
            return not data.size()
        taken = self._socket.write(data)
        self.buffer().remove(0, taken if taken >= 0 else data.size())
        self.seek(self.size())
        if 0 <= taken < data.size() and not self._waitsForRoom:
            self._waitsForRoom = True
            self._socket.bytesWritten.connect(self._written)
        return taken == data.size()

    def _written(self, count: int) -> None:
        self.flush()
