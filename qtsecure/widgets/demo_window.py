"""The window of ``qtsecure demo --gui``: a server and a client talk, and everything they report is listed."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QGroupBox,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from qtsecure.net.dtls_peer import DtlsPeer
from qtsecure.net.qt_objects.qt_signal import Signal
from qtsecure.net.servers.dtls_server import DtlsServer
from qtsecure.net.servers.ssl_server import SslServer
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.values import SslConfiguration
from qtsecure.widgets.connection_badge import ConnectionBadge
from qtsecure.widgets.handshake_log import HandshakeLog

__all__ = ["DemoWindow"]

_ADDRESS = "127.0.0.1"
_LONGEST = 1000


class DemoWindow(QWidget):
    """Two ends side by side, and the log of both below.

    Args:
        dtls: Datagrams instead of a stream.
        parent: The Qt parent.
    """

    def __init__(self, *, dtls: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._dtls = dtls
        self.setWindowTitle(self.tr("qtsecure demo"))
        self.log = HandshakeLog(self)
        self.server: SslServer | DtlsServer = DtlsServer(self) if dtls else SslServer(self)
        self.client: SslSocket | DtlsPeer = DtlsPeer(self) if dtls else SslSocket(self)
        self.clientEnd = _End(self.tr("Client"), self)
        self.serverEnd = _End(self.tr("Server"), self)
        self.clientEnd.setConnection(self.client)
        self.log.addConnection(self.server, self.tr("server"))
        self.log.addConnection(self.client, self.tr("client"))
        self.server.pendingConnectionAvailable.connect(self._welcome)
        ends = QWidget(self)
        row = QHBoxLayout(ends)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.clientEnd)
        row.addWidget(self.serverEnd)
        splitter = QSplitter(Qt.Orientation.Vertical, self)
        splitter.addWidget(ends)
        splitter.addWidget(self.log)
        layout = QVBoxLayout(self)
        layout.addWidget(splitter)

    def begin(self, serverConfiguration: SslConfiguration, clientConfiguration: SslConfiguration) -> str:
        """Listen and connect.

        Returns:
            Why that is not possible; empty if it is.
        """
        self.server.setSslConfiguration(serverConfiguration)
        self.client.setSslConfiguration(clientConfiguration)
        if not self.server.listen(_ADDRESS, 0):
            return self.server.errorString()
        port = self.server.serverPort()
        if isinstance(self.client, DtlsPeer):
            self.client.connectToHost(_ADDRESS, port)
        else:
            self.client.connectToHostEncrypted(_ADDRESS, port)
        return ""

    def end(self) -> None:
        """Say goodbye."""
        self.client.close()
        self.server.close()

    def sizeHint(self) -> QSize:
        """Wide enough for the log."""
        metrics = self.fontMetrics()
        return QSize(metrics.horizontalAdvance("n") * 110, metrics.height() * 36)

    def _welcome(self) -> None:
        peer = self.server.nextPendingConnection()
        if peer is not None:
            self.log.addConnection(peer, self.tr("peer"))
            self.serverEnd.setConnection(peer)


class _End(QGroupBox):
    """What one end says and hears."""

    #: heard(text: str): the other end has said something.
    heard = Signal(str)

    def __init__(self, title: str, parent: QWidget) -> None:
        super().__init__(title, parent)
        self._connection: SslSocket | DtlsPeer | None = None
        self.badge = ConnectionBadge(self)
        self.text = QPlainTextEdit(self)
        self.text.setReadOnly(True)
        self.text.setTabChangesFocus(True)
        self.text.setMaximumBlockCount(_LONGEST)
        self.text.setAccessibleName(self.tr("Conversation"))
        self.input = QLineEdit(self)
        self.input.setMaxLength(_LONGEST)
        self.input.setPlaceholderText(self.tr("Message"))
        self.input.setAccessibleName(self.tr("Message"))
        self.button = QPushButton(self.tr("Send"), self)
        self.input.returnPressed.connect(self.send)
        self.button.clicked.connect(self.send)
        row = QHBoxLayout()
        row.addWidget(self.input, 1)
        row.addWidget(self.button)
        layout = QVBoxLayout(self)
        layout.addWidget(self.badge, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(self.text, 1)
        layout.addLayout(row)
        self.badge.stateChanged.connect(self._refresh)
        self._refresh()

    def setConnection(self, connection: SslSocket | DtlsPeer) -> None:
        """Talk over this connection."""
        self._connection = connection
        self.badge.setConnection(connection)
        if isinstance(connection, DtlsPeer):
            connection.datagramReceived.connect(self._hear)
        else:
            connection.readyRead.connect(self._read)
            self._read()
        self._refresh()

    def send(self) -> None:
        """Say what is typed."""
        text = self.input.text()
        connection = self._connection
        if not text or connection is None or not connection.isEncrypted():
            return
        self.input.clear()
        self.text.appendPlainText(f"→ {text}")
        if isinstance(connection, DtlsPeer):
            connection.writeDatagram(text.encode())
        else:
            connection.write(f"{text}\n".encode())

    def _read(self) -> None:
        connection = self._connection
        while isinstance(connection, SslSocket) and connection.canReadLine():
            self._hear(bytes(connection.readLine().data()))

    def _hear(self, message: bytes) -> None:
        text = message.decode("utf-8", "replace").rstrip("\n")
        self.text.appendPlainText(f"← {text}")
        self.heard.emit(text)

    def _refresh(self) -> None:
        ready = self._connection is not None and self._connection.isEncrypted()
        self.input.setEnabled(ready)
        self.button.setEnabled(ready)
