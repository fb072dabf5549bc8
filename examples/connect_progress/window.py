"""A window that shows how a connection comes about: each step as it happens, the address tried, the certificate.

Without arguments it starts a server of its own, with a throw-away authority, and connects to that. Type another target,
such as example.org:443 or https://example.org, and press Connect. ``--headless`` does the same without anybody
watching, prints the steps, and exits; ``--screenshot FILE`` saves what the window shows then.
"""

from __future__ import annotations

import argparse
import os
import sys

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import (
    QApplication,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QProgressBar,
    QPushButton,
    QStyleFactory,
    QVBoxLayout,
    QWidget,
)

from qtsecure import (
    ClientEvent,
    ConnectOperation,
    SecureError,
    SocketClient,
    SocketConnectable,
    SslConfiguration,
    SslServer,
    SslSocket,
)
from qtsecure.testing import CertificateAuthority

NOT_YET = "\N{EM DASH}"


class Window(QWidget):
    """A target, its steps, and what is known about the connection."""

    def __init__(self, target: str, configuration: SslConfiguration) -> None:
        super().__init__()
        self.setWindowTitle("Secure connection")
        self.operation: ConnectOperation | None = None
        self.connection: SslSocket | None = None
        self.client = SocketClient(self)
        self.client.setTls(True)
        self.client.setTlsConfiguration(configuration)
        self.client.setOverallTimeout(20_000)
        self.client.clientEvent.connect(self.showStep)
        self.client.progressChanged.connect(self.addStep)
        self.client.connected.connect(self.succeed)
        self.client.failed.connect(self.fail)

        self.target = QLineEdit(target)
        self.target.setPlaceholderText("host, host:port or https://host")
        self.target.returnPressed.connect(self.toggle)
        self.button = QPushButton("Connect")
        self.button.setDefault(True)
        self.button.clicked.connect(self.toggle)
        self.progress = QProgressBar()
        self.progress.setRange(0, ClientEvent.Complete)
        self.progress.setTextVisible(False)
        self.progress.setMaximumHeight(8)
        self.summary = QLabel("Not connected")
        self.summary.setWordWrap(True)
        bold = QFont(self.font())
        bold.setBold(True)
        self.summary.setFont(bold)
        self.steps = QListWidget()
        self.steps.setSpacing(2)
        self.steps.setAccessibleName("Steps of the connection")
        self.facts = {
            name: QLabel(NOT_YET) for name in ("Address", "Certificate", "Issued by", "Valid until", "Cipher")
        }
        for label in (self.summary, *self.facts.values()):
            label.setTextFormat(Qt.TextFormat.PlainText)  # a certificate may be called like HTML

        top = QHBoxLayout()
        top.addWidget(self.target, 1)
        top.addWidget(self.button)
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        for name, label in self.facts.items():
            label.setWordWrap(True)
            form.addRow(f"{name}:", label)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(12)
        layout.addLayout(top)
        layout.addWidget(self.progress)
        layout.addWidget(self.summary)
        layout.addWidget(self.steps, 1)
        layout.addLayout(form)
        self.resize(520, 460)

    @Slot()
    def toggle(self) -> None:
        """Connect, or cancel what is going on."""
        if self.operation is not None:
            self.operation.cancel()
            return
        if self.connection is not None:
            self.connection.disconnectFromHost()
            self.connection = None
        self.steps.clear()
        for label in self.facts.values():
            label.setText(NOT_YET)
        text = self.target.text().strip()
        self.operation = self.client.connectToUri(text, 443) if "://" in text else self.client.connectToHost(text, 443)
        self.target.setEnabled(False)
        self.button.setText("Cancel")
        self.progress.setValue(0)
        self.summary.setText(f"Connecting to {text}")

    @Slot(object, object, object)
    def showStep(self, event: ClientEvent, connectable: SocketConnectable, connection: SslSocket | None) -> None:
        """A step of the connection; an address that fails sets the bar back."""
        if event is not ClientEvent.Complete:
            self.progress.setValue(event)
        if connection is not None and (remote := connection.remoteAddress()) is not None:
            self.facts["Address"].setText(str(remote))

    @Slot(str)
    def addStep(self, text: str) -> None:
        """Say it in words."""
        self.steps.addItem(text)
        self.steps.scrollToBottom()

    @Slot(object)
    def succeed(self, connection: SslSocket) -> None:
        """The connection belongs to the window from now on."""
        self.connection = connection
        certificate, cipher = connection.peerCertificate(), connection.sessionCipher()
        self.facts["Certificate"].setText(", ".join(certificate.subjectInfo("CN")) or connection.peerName())
        self.facts["Issued by"].setText(", ".join(certificate.issuerInfo("CN")))
        self.facts["Valid until"].setText(certificate.expiryDate().toString("d MMMM yyyy"))
        self.facts["Cipher"].setText(f"{cipher.name()}, key exchange {cipher.keyExchangeGroup()}")
        self.finish(f"Connected to {connection.peerName()}, encrypted", ClientEvent.Complete)

    @Slot(object)
    def fail(self, error: SecureError) -> None:
        """One sentence, in the summary and not in a dialog that would have to be closed."""
        self.finish(error.message, 0)

    def finish(self, summary: str, value: int) -> None:
        """Ready for the next one."""
        self.operation = None
        self.progress.setValue(value)
        self.summary.setText(summary)
        self.target.setEnabled(True)
        self.button.setText("Connect")


def ownServer(ca: CertificateAuthority) -> SslServer:
    """Somebody to connect to, without any set-up."""
    issued = ca.issue(["localhost"], commonName="localhost")
    server = SslServer()
    server.setSslConfiguration(SslConfiguration.forServer(list(issued.chain), issued.privateKey))
    if not server.listen("127.0.0.1", 0):
        raise SystemExit(server.errorString())
    return server


def main() -> int:
    """Show the window, or do without it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("target", nargs="?", help="what to connect to instead of the own server")
    parser.add_argument("--headless", action="store_true", help="connect at once, print the steps, exit")
    parser.add_argument("--screenshot", metavar="FILE", help="with --headless: save a picture of the window")
    parser.add_argument("--dark", action="store_true", help="in dark colours, whatever the desktop says")
    options = parser.parse_args()
    if options.headless:
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    application = QApplication(sys.argv[:1])
    if options.dark:
        # A palette and not QStyleHints.setColorScheme(), which few platforms obey.
        application.setStyle(QStyleFactory.create("Fusion"))
        palette = QPalette(QColor(60, 62, 66), QColor(36, 38, 41))
        palette.setColor(QPalette.ColorRole.Base, QColor(26, 27, 30))
        application.setPalette(palette)

    ca = CertificateAuthority("Throw-away authority of this example")
    server = ownServer(ca)
    configuration = SslConfiguration.forClient([ca.certificate] if options.target is None else None)
    window = Window(options.target or f"localhost:{server.serverPort()}", configuration)
    window.show()
    if options.headless:
        for signal in (window.client.connected, window.client.failed):
            signal.connect(lambda result: QTimer.singleShot(0, application.quit))
        QTimer.singleShot(0, window.toggle)
    application.exec()
    if options.headless:
        for row in range(window.steps.count()):
            print(window.steps.item(row).text())
        print(window.summary.text())
        if options.screenshot and not window.grab().save(options.screenshot):
            raise SystemExit(f"{options.screenshot} cannot be written.")
    return 0 if window.connection is not None or not options.headless else 1


if __name__ == "__main__":
    sys.exit(main())
