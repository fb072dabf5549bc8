"""The server of the chat: passes on what one client says to all others, and lists who is there."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtWidgets import QGroupBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from qtsecure import SslConfiguration, SslServer, SslSocket
from qtsecure.widgets import ConnectionBadge, HandshakeLog

LONGEST_LINE = 2000
PATIENCE_MS = 5 * 60_000  # a user reads the question about the certificate; the default is for programs


class ServerWindow(QWidget):
    """Clients with a badge each, and the log of all.

    Args:
        configuration: The certificate of the server, and its key.
    """

    def __init__(self, configuration: SslConfiguration) -> None:
        super().__init__()
        self.setWindowTitle("Chat server")
        self.status = QLabel("Not listening")
        self.log = HandshakeLog()
        self.clients: dict[SslSocket, QWidget] = {}
        group = QGroupBox("Clients")
        self._list = QVBoxLayout(group)
        self._nobody = QLabel("Nobody yet")
        self._nobody.setEnabled(False)
        self._list.addWidget(self._nobody)
        layout = QVBoxLayout(self)
        layout.addWidget(self.status)
        layout.addWidget(group)
        layout.addWidget(self.log, 1)
        self.server = SslServer(self)
        self.server.setSslConfiguration(configuration)
        self.server.setHandshakeTimeout(PATIENCE_MS)
        self.server.pendingConnectionAvailable.connect(self._welcome)
        self.log.addConnection(self.server, "server")

    def listen(self, port: int = 0) -> bool:
        """Begin; the port is shown."""
        if not self.server.listen("127.0.0.1", port):
            self.status.setText(self.server.errorString())
            return False
        self.status.setText(f"Listening on 127.0.0.1:{self.server.serverPort()}")
        return True

    def sizeHint(self) -> QSize:
        return QSize(640, 520)

    @Slot()
    def _welcome(self) -> None:
        while (socket := self.server.nextPendingConnection()) is not None:
            socket.setReadBufferSize(LONGEST_LINE)
            name = f"client {socket.peerPort()}"
            socket.setObjectName(name)
            row = QWidget()
            badge = ConnectionBadge()
            badge.setConnection(socket)
            line = QHBoxLayout(row)
            line.setContentsMargins(0, 0, 0, 0)
            line.addWidget(QLabel(name))
            line.addWidget(badge, 0, Qt.AlignmentFlag.AlignRight)
            self._list.addWidget(row)
            self.clients[socket] = row
            self._nobody.hide()
            self.log.addConnection(socket, name)
            socket.readyRead.connect(self._passOn)
            socket.disconnected.connect(self._farewell)
            if socket.canReadLine():
                self._readFrom(socket)

    @Slot()
    def _passOn(self) -> None:
        speaker = self.sender()
        if isinstance(speaker, SslSocket):
            self._readFrom(speaker)

    def _readFrom(self, speaker: SslSocket) -> None:
        while speaker.canReadLine():
            text = bytes(speaker.readLine().data()).decode("utf-8", "replace").strip()
            for socket in list(self.clients):
                socket.write(f"{speaker.objectName()}: {text}\n".encode())
        if speaker.bytesAvailable() >= LONGEST_LINE:
            speaker.abort()  # no line is so long

    @Slot()
    def _farewell(self) -> None:
        socket = self.sender()
        if isinstance(socket, SslSocket) and (row := self.clients.pop(socket, None)) is not None:
            row.deleteLater()
            socket.deleteLater()
        self._nobody.setVisible(not self.clients)
