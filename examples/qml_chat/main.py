"""A secure chat between a client and a server in one window.

Start it: ``python main.py``. Certificates are made on the spot, and the server's first one is signed by
itself, so that you are asked whether to trust it.
"""

import sys
from pathlib import Path

from PySide6.QtGui import QGuiApplication
from PySide6.QtQml import QQmlApplicationEngine

import qtsecure.qml
from qtsecure.testing import CertificateAuthority
from qtsecure.testing.certificates import selfSignedCertificate


def load(decisions: str = "") -> QQmlApplicationEngine:
    """Show the window; decisions are kept in a file, or else in the application's settings."""
    qtsecure.qml.register()  # before the engine is made
    authority = CertificateAuthority()
    issued, selfSigned = authority.issue(), selfSignedCertificate()
    engine = QQmlApplicationEngine()
    engine.setInitialProperties(
        {
            "authority": authority.certificatePem().decode(),
            "issued": {"certificate": issued.chainPem().decode(), "key": issued.keyPem().decode()},
            "selfSigned": {"certificate": selfSigned.chainPem().decode(), "key": selfSigned.keyPem().decode()},
            "decisionsFile": decisions,
        }
    )
    engine.load(Path(__file__).parent / "Main.qml")
    return engine


if __name__ == "__main__":
    app = QGuiApplication(sys.argv)
    app.setOrganizationName("qtsecure")
    app.setApplicationName("qml_chat")
    engine = load()
    if not engine.rootObjects():
        raise SystemExit(1)
    code = app.exec()
    del engine  # before the application
    raise SystemExit(code)
