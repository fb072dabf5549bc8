"""A small secure client: asks before it trusts an unknown certificate, and reconnects when the network fails.

Start it with ``python app.py [HOST PORT]``; ``tests/`` shows how to test such a program.
"""

from __future__ import annotations

import sys

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QApplication, QLabel, QMessageBox, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from qtsecure import CertificateRequest, SecureError, SslConfiguration, SslSocket

# What is no better after a while: the user has to do something.
FINAL = {SecureError.Code.BadCertificate, SecureError.Code.NotTls, SecureError.Code.HandshakeRefused}


class TrustPrompt(QMessageBox):
    """Asks about a certificate without stopping the event loop; goes away with the connection."""

    def __init__(self, request: CertificateRequest, parent: QWidget) -> None:
        super().__init__(parent)
        self._request = request
        request.defer()
        request.cancelled.connect(self.close)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setIcon(QMessageBox.Icon.Warning)
        self.setText(f"The identity of {request.hostName()} could not be verified.")
        self.setInformativeText("\n".join(error.errorString() for error in request.errors()))
        self.trustButton = self.addButton("Trust this once", QMessageBox.ButtonRole.AcceptRole)
        self.rejectButton = self.addButton("Disconnect", QMessageBox.ButtonRole.RejectRole)
        self.setDefaultButton(self.rejectButton)
        self.setEscapeButton(self.rejectButton)
        self.finished.connect(self._answer)

    @Slot(int)
    def _answer(self) -> None:
        if self.clickedButton() is self.trustButton:
            self._request.accept()
        else:
            self._request.reject()


class Client(QWidget):
    """A button, a status, and what the server says."""

    #: promptShown(prompt: TrustPrompt): the user is being asked.
    promptShown = Signal(object)

    def __init__(self, host: str, port: int, configuration: SslConfiguration | None = None) -> None:
        super().__init__()
        self.setWindowTitle("Secure client")
        self._host, self._port = host, port
        self.retryDelay = 1000
        self.status = QLabel("Not connected")
        self.button = QPushButton("&Connect")
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        layout = QVBoxLayout(self)
        for widget in (self.status, self.text, self.button):
            layout.addWidget(widget)
        self.socket = SslSocket(self)
        if configuration is not None:
            self.socket.setSslConfiguration(configuration)
        self._retry = QTimer(self, singleShot=True)
        self._retry.timeout.connect(self.connectNow)
        self.button.clicked.connect(self.connectNow)
        self.socket.encrypted.connect(self._encrypted)
        self.socket.readyRead.connect(self._read)
        self.socket.errorOccurred.connect(self._failed)
        self.socket.acceptCertificate.connect(self._ask)

    @Slot()
    def connectNow(self) -> None:
        """Begin, or begin anew."""
        self._retry.stop()
        self.button.setEnabled(False)
        self.status.setText(f"Connecting to {self._host}…")
        self.socket.abort()
        self.socket.connectToHostEncrypted(self._host, self._port)

    @Slot()
    def _encrypted(self) -> None:
        self.status.setText(f"Connected with {self.socket.sessionCipher().name()}")
        self.socket.write(b"hello\n")

    @Slot()
    def _read(self) -> None:
        self.text.appendPlainText(self.socket.readBytes().decode("utf-8", "replace").rstrip("\n"))

    @Slot()
    def _failed(self) -> None:
        failure = self.socket.failure()
        if failure is None or failure.code in FINAL:
            self.status.setText(self.socket.errorString())
            self.button.setEnabled(True)
        else:
            self.status.setText(f"{failure.message} Trying again…")
            self._retry.start(self.retryDelay)

    @Slot(object)
    def _ask(self, request: CertificateRequest) -> None:
        prompt = TrustPrompt(request, self)
        prompt.open()
        self.promptShown.emit(prompt)


if __name__ == "__main__":
    app = QApplication(sys.argv)
    arguments = app.arguments()[1:]
    client = Client(arguments[0] if arguments else "localhost", int(arguments[1]) if len(arguments) > 1 else 4433)
    client.show()
    sys.exit(app.exec())
