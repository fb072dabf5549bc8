"""Datagrams over a QLocalSocket, which carries a stream: each one goes behind its length."""

from PySide6.QtCore import Qt

from qtsecure import DatagramTransport

LARGEST = 2000  # bytes of one datagram; DTLS makes smaller ones
MOST_WAITING = 100_000  # bytes that the other side has not taken yet


class LocalDatagrams(DatagramTransport):
    """One end of a local connection.

    Args:
        socket: A connected QLocalSocket; it belongs to the transport from now on.
    """

    def __init__(self, socket):
        super().__init__(socket)  # the socket's end is the end of both
        self._socket = socket
        self._buffer = bytearray()
        # Queued, because Qt's sockets signal nothing new while a slot of this one runs, and a program may show a
        # dialog in one.
        socket.readyRead.connect(self.poll, Qt.ConnectionType.QueuedConnection)
        socket.disconnected.connect(self.ended)

    def send(self, datagram):
        if self.isClosed() or len(datagram) > LARGEST or self._socket.bytesToWrite() > MOST_WAITING:
            return False  # lost, as datagrams may be: better than to store without end
        return self._socket.write(len(datagram).to_bytes(2, "big") + datagram) > 0

    def mtuHint(self):
        return LARGEST

    def peerName(self):
        return self._socket.fullServerName()

    def poll(self):
        self._buffer += self._socket.readAll().data()
        while len(self._buffer) >= 2 and not self.isClosed():
            size = int.from_bytes(self._buffer[:2], "big")
            if size > LARGEST:  # this is somebody else's protocol
                self.close()
                return
            if len(self._buffer) < 2 + size:
                return
            datagram = bytes(self._buffer[2 : 2 + size])
            del self._buffer[: 2 + size]
            self.datagramReceived.emit(datagram)

    def ended(self):
        super().close()

    def close(self):
        super().close()
        self._socket.disconnectFromServer()
