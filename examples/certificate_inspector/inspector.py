"""Shows the certificates of any server or file, and what is wrong with them: python inspector.py [HOST:PORT|FILE].

Without a word it starts three servers of its own, one good, one expired, one signed by itself, and looks at them.
"""

from __future__ import annotations

import os
import sys

from PySide6.QtCore import QObject, QSize, Qt, Slot
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from qtsecure import SecureError, SslCertificate, SslConfiguration, SslServer, SslSocket
from qtsecure.testing import PublicKeyInfrastructure
from qtsecure.widgets import CertificateView, ConnectionBadge

TIMEOUT_MS = 10_000


class Inspector(QWidget):
    """Connects, takes the chain with its errors, and leaves without sending anything.

    Args:
        configuration: Whom to trust.
    """

    def __init__(self, configuration: SslConfiguration) -> None:
        super().__init__()
        self.setWindowTitle("Certificate inspector")
        self.target = QComboBox()
        self.target.setEditable(True)
        self.target.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        line = self.target.lineEdit()
        assert line is not None  # it is editable
        line.setPlaceholderText("HOST:PORT")
        line.returnPressed.connect(self.inspect)
        label = QLabel("&Server:")
        label.setBuddy(self.target)
        self.button, self.openButton = QPushButton("&Look"), QPushButton("&Open…")
        self.badge, self.status = ConnectionBadge(), QLabel()
        self.badge.setTextVisible(False)  # the sentence beside it says more
        self.status.setWordWrap(True)
        self.status.setTextFormat(Qt.TextFormat.PlainText)
        self.view = CertificateView()
        top, below = QHBoxLayout(), QHBoxLayout()
        for widget in (label, self.target, self.button, self.openButton):
            top.addWidget(widget)
        top.setStretchFactor(self.target, 1)
        below.addWidget(self.badge)
        below.addWidget(self.status, 1)
        layout = QVBoxLayout(self)
        layout.addLayout(top)
        layout.addLayout(below)
        layout.addWidget(self.view, 1)
        self.socket = SslSocket(self)
        self.socket.setSslConfiguration(configuration)
        self.socket.setHandshakeTimeout(TIMEOUT_MS)
        self.badge.setConnection(self.socket)
        self.socket.encrypted.connect(self._look)
        self.socket.errorOccurred.connect(self._failed)
        self.button.clicked.connect(self.inspect)
        self.openButton.clicked.connect(self._choose)

    def sizeHint(self) -> QSize:
        return QSize(640, 620)

    @Slot()
    def inspect(self) -> None:
        """Look at the server that is typed."""
        host, _, port = self.target.currentText().strip().rpartition(":")
        if not host or not port.isdigit() or not 0 < int(port) < 65536:
            self.status.setText("Type the server as HOST:PORT.")
            return
        self.socket.abort()
        self.view.setCertificateChain([])
        self.status.setText(f"Connecting to {host}…")
        self.socket.connectToHostEncrypted(host.strip("[]"), int(port))

    def inspectFile(self, path: str) -> None:
        """Look at a file."""
        try:
            chain = SslCertificate.fromPath(path)
        except SecureError as error:
            self.status.setText(error.message)
            return
        self.view.setCertificateChain(chain)
        self.status.setText(os.path.basename(path) if chain else f"{os.path.basename(path)} holds no certificate.")

    @Slot()
    def _look(self) -> None:
        self.view.setCertificateChain(self.socket.peerCertificateChain(), self.socket.sslHandshakeErrors())
        self.status.setText("The certificate is valid for this server.")

    @Slot()
    def _failed(self) -> None:
        # Nobody has answered acceptCertificate, so a bad certificate ends the handshake; its errors stay to be seen.
        self.view.setCertificateChain(self.socket.peerCertificateChain(), self.socket.sslHandshakeErrors())
        self.status.setText(self.socket.errorString())

    @Slot()
    def _choose(self) -> None:
        dialog = QFileDialog(self, "Open certificates", filter="Certificates (*.pem *.crt *.cer *.der);;All files (*)")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.inspectFile)
        dialog.open()


class ExampleServers(QObject):
    """Something to look at without a network."""

    def __init__(self, pki: PublicKeyInfrastructure) -> None:
        super().__init__()
        self.targets: list[str] = []
        for made in (pki.viaIntermediate, pki.expired, pki.selfSigned):
            server = SslServer(self)
            server.setSslConfiguration(SslConfiguration.forServer(list(made.chain), made.privateKey))
            if server.listen("127.0.0.1", 0):
                self.targets.append(f"localhost:{server.serverPort()}")


def main() -> int:
    """Show the window until it is closed."""
    app = QApplication.instance() or QApplication(sys.argv)
    if len(sys.argv) > 1:
        inspector = Inspector(SslConfiguration.forClient())
        if os.path.exists(sys.argv[1]):
            inspector.inspectFile(sys.argv[1])
        else:
            inspector.target.setEditText(sys.argv[1])
            inspector.inspect()
    else:
        pki = PublicKeyInfrastructure()
        servers = ExampleServers(pki)
        inspector = Inspector(SslConfiguration.forClient([pki.ca.certificate]))
        inspector.target.addItems(servers.targets)
        inspector.inspect()
    inspector.show()
    return app.exec()


if __name__ == "__main__":
    sys.exit(main())
