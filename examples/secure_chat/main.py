"""A chat over TLS: python main.py opens a server and a client, which meet for the first time.

The server's certificate is signed by itself, so that the client asks before it trusts it. Answer "always", close
everything and start again with the same certificate (``python main.py server`` keeps it in the folder), and it does
not ask any more.

    python main.py                     both, with a throw-away certificate
    python main.py server [PORT]       the server alone
    python main.py client HOST PORT    the client alone
"""

from __future__ import annotations

import sys
from pathlib import Path

from client_window import ClientWindow
from PySide6.QtWidgets import QApplication
from server_window import ServerWindow

from qtsecure import SslConfiguration, TrustDecisions
from qtsecure.testing.certificates import selfSignedCertificate

DEFAULT_PORT = 4433


def throwAway() -> SslConfiguration:
    """A certificate for this run only."""
    made = selfSignedCertificate()
    return SslConfiguration.forServer(list(made.chain), made.privateKey)


def kept() -> SslConfiguration:
    """The certificate in this folder, made at the first start."""
    certificate, key = Path("chat-server.pem"), Path("chat-server.key.pem")
    if not (certificate.exists() and key.exists()):
        selfSignedCertificate().writeTo(".", "chat-server")
    return SslConfiguration.forServer(certificate, key)


def makeWindows(words: list[str]) -> list[ServerWindow | ClientWindow]:
    """The windows for the words of the command line."""
    role = words[0] if words else "both"
    windows: list[ServerWindow | ClientWindow] = []
    port = DEFAULT_PORT
    if role in ("both", "server"):
        server = ServerWindow(kept() if role == "server" else throwAway())
        if not server.listen(int(words[1]) if len(words) > 1 else DEFAULT_PORT if role == "server" else 0):
            sys.exit(server.server.errorString())
        port = server.server.serverPort()
        windows.append(server)
    if role in ("both", "client"):
        host = words[1] if len(words) > 1 else "localhost"
        decisions = TrustDecisions("chat-trust.ini")
        windows.append(ClientWindow(decisions, host, int(words[2]) if len(words) > 2 else port))
    if not windows:
        sys.exit(__doc__)
    return windows


def main() -> int:
    """Show the windows until all are closed."""
    app = QApplication.instance() or QApplication(sys.argv)
    windows = makeWindows(sys.argv[1:])
    for window in windows:
        window.show()
    if len(windows) == 2:
        windows[0].move(windows[1].x() + windows[1].width() + 40, windows[0].y())
        if isinstance(windows[1], ClientWindow):
            windows[1].connectOrLeave()
    return app.exec()


if __name__ == "__main__":
    sys.exit(main())
