"""The client of the chat: asks before it trusts a certificate, and remembers the answer."""

from __future__ import annotations

from PySide6.QtCore import QSize, Slot
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from qtsecure import SslConfiguration, SslSocket, TrustDecisions
from qtsecure.widgets import ConnectionBadge, HandshakeLog, TrustPrompter


class ClientWindow(QWidget):
    """Where to connect to, the conversation, and how safe it is.

    Args:
        decisions: Which certificates the user has accepted.
        host: Where the server is.
        port: Its port.
    """

    def __init__(self, decisions: TrustDecisions, host: str = "localhost", port: int = 4433) -> None:
        super().__init__()
        self.setWindowTitle("Chat")
        self.socket = SslSocket(self)
        self.socket.setSslConfiguration(SslConfiguration.forClient())
        self.prompter = TrustPrompter(decisions, self)
        self.socket.acceptCertificate.connect(self.prompter.ask)
        self.socket.encrypted.connect(self._ready)
        self.socket.readyRead.connect(self._read)
        self.socket.errorOccurred.connect(self._failed)
        self.socket.disconnected.connect(self._ended)
        self._build(host, port)
        self.badge.setConnection(self.socket)
        self.log.addConnection(self.socket, "client")

    def _build(self, host: str, port: int) -> None:
        self.host, self.port = QLineEdit(host), QSpinBox()
        self.port.setRange(1, 65535)
        self.port.setValue(port)
        self.button = QPushButton("&Connect")
        self.badge = ConnectionBadge()
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setMaximumBlockCount(1000)
        self.text.setTabChangesFocus(True)
        self.input = QLineEdit()
        self.input.setPlaceholderText("Say something")
        self.input.setMaxLength(500)
        self.input.setEnabled(False)
        self.details = QPushButton("&Log")
        self.details.setCheckable(True)
        self.log = HandshakeLog()
        self.log.setVisible(False)
        hostLabel, portLabel = QLabel("&Server:"), QLabel("&Port:")
        hostLabel.setBuddy(self.host)
        portLabel.setBuddy(self.port)
        top = QGridLayout()
        for column, widget in enumerate((hostLabel, self.host, portLabel, self.port, self.button)):
            top.addWidget(widget, 0, column)
        top.setColumnStretch(1, 1)
        bottom = QHBoxLayout()
        for widget in (self.badge, self.input, self.details):
            bottom.addWidget(widget)
        bottom.setStretchFactor(self.input, 1)
        layout = QVBoxLayout(self)
        layout.addLayout(top)
        layout.addWidget(self.text, 1)
        layout.addLayout(bottom)
        layout.addWidget(self.log, 1)
        self.button.clicked.connect(self.connectOrLeave)
        self.input.returnPressed.connect(self.say)
        self.details.toggled.connect(self.log.setVisible)

    def sizeHint(self) -> QSize:
        return QSize(560, 420)

    @Slot()
    def connectOrLeave(self) -> None:
        """The button: connect, or say goodbye."""
        if self.socket.state() is not self.socket.state().UnconnectedState:
            self.socket.disconnectFromHost()
            return
        self.button.setText("Dis&connect")
        self.socket.connectToHostEncrypted(self.host.text(), self.port.value())

    @Slot()
    def say(self) -> None:
        """Send the line that is typed."""
        text = self.input.text().strip()
        if text and self.socket.isEncrypted():
            self.socket.write(f"{text}\n".encode())
            self.input.clear()

    @Slot()
    def _ready(self) -> None:
        self.input.setEnabled(True)
        self.input.setFocus()

    @Slot()
    def _read(self) -> None:
        while self.socket.canReadLine():
            self.text.appendPlainText(bytes(self.socket.readLine().data()).decode("utf-8", "replace").rstrip("\n"))

    @Slot()
    def _failed(self) -> None:
        if not self.socket.peerClosedCleanly():
            self.text.appendPlainText(f"— {self.socket.errorString()}")
        self._ended()

    @Slot()
    def _ended(self) -> None:
        self.input.setEnabled(False)
        self.button.setText("&Connect")
