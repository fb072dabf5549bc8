"""A form that was made with Qt Designer, loaded at run time: python main.py

``qtsecure designer connection.ui`` opens the form. ``pyside6-uic connection.ui -o ui_connection.py`` would make Python
of it, which needs no QUiLoader.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, cast

from PySide6.QtCore import QObject, Slot
from PySide6.QtUiTools import QUiLoader
from PySide6.QtWidgets import QApplication

from qtsecure import SslConfiguration, SslServer, SslSocket
from qtsecure.testing import PublicKeyInfrastructure
from qtsecure.widgets import registerWith

FORM = Path(__file__).parent / "connection.ui"


class Controller(QObject):
    """Gives the widgets of the form a connection: sockets are made in code, forms only show them.

    Args:
        pki: Whose certificates to use.
    """

    def __init__(self, pki: PublicKeyInfrastructure) -> None:
        super().__init__()
        loader = QUiLoader()
        registerWith(loader)
        self.form = cast("Any", loader.load(str(FORM)))  # its widgets are attributes
        self.server, self.socket = SslServer(self), SslSocket(self)
        self.server.setSslConfiguration(SslConfiguration.forServer(list(pki.server.chain), pki.server.privateKey))
        self.socket.setSslConfiguration(SslConfiguration.forClient([pki.ca.certificate]))
        self.form.badge.setConnection(self.socket)
        self.form.handshakeLog.addConnection(self.socket, "client")
        self.form.connectButton.clicked.connect(self.connectNow)
        self.socket.encrypted.connect(self._show)

    @Slot()
    def connectNow(self) -> None:
        """Connect to a server in the same process."""
        if self.server.isListening() or self.server.listen("127.0.0.1", 0):
            self.socket.abort()
            self.socket.connectToHostEncrypted("localhost", self.server.serverPort())

    @Slot()
    def _show(self) -> None:
        self.form.certificateView.setCertificateChain(
            self.socket.peerCertificateChain(), self.socket.sslHandshakeErrors()
        )


def main() -> int:
    """Show the form until it is closed."""
    app = QApplication.instance() or QApplication(sys.argv)
    controller = Controller(PublicKeyInfrastructure())
    controller.form.show()
    controller.connectNow()
    return app.exec()


if __name__ == "__main__":
    sys.exit(main())
