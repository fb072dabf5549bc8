"""A QDataStream protocol over SslSocket. A C++ program with QSslSocket can be the other end."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QDataStream

from qtsecure import SocketWriter, SslSocket

VERSION = 1
MOST_READINGS = 1000


class Channel:
    """Sends and receives named lists of numbers over one socket."""

    def __init__(self, socket: SslSocket) -> None:
        self.socket = socket
        socket.setReadBufferSize(1 << 20)  # a peer that announces gigabytes gets no memory for them
        self._in = QDataStream(socket)
        # QDataStream cannot write to the socket itself; the writer hands on what it is given.
        self._out = QDataStream(SocketWriter(socket, socket))
        for stream in (self._in, self._out):
            stream.setVersion(QDataStream.Version.Qt_6_0)

    def send(self, name: str, readings: list[float]) -> None:
        """Send a message when the program returns to the event loop."""
        self._out.writeUInt8(VERSION)
        self._out.writeQString(name)
        self._out.writeUInt32(len(readings))
        for reading in readings:
            self._out.writeDouble(reading)

    def received(self) -> Iterator[tuple[str, list[float]]]:
        """The messages that have arrived whole; the rest stays for the next readyRead."""
        while self.socket.bytesAvailable():
            self._in.startTransaction()
            name, readings = self._read()
            if self._in.commitTransaction():
                yield name, readings
                continue
            if self._in.status() == QDataStream.Status.ReadCorruptData:
                self.socket.abort()  # the peer speaks another protocol
            return

    def _read(self) -> tuple[str, list[float]]:
        version, name, count = self._in.readUInt8(), self._in.readQString(), self._in.readUInt32()
        if self._in.status() != QDataStream.Status.Ok:
            return "", []  # not all of it is there
        if version != VERSION or count > MOST_READINGS:
            self._in.setStatus(QDataStream.Status.ReadCorruptData)
            return "", []
        return name, [self._in.readDouble() for _ in range(count)]
