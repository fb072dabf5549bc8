"""Every part of a user interface that QtSecure has, in each of its states.

Start it: ``python main.py``, or ``python main.py --images DIRECTORY`` to save pictures in light and dark.
"""

import os
import runpy
import sys
import tempfile
from pathlib import Path

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtNetwork import QSslError
from PySide6.QtQml import QQmlApplicationEngine
from PySide6.QtQuick import QQuickWindow
from PySide6.QtTest import QTest

import qtsecure.qml
from qtsecure import CertificateRequest, PreSharedKeyAuthenticator, SslCertificate, SslError
from qtsecure.qml.certificate_question import CertificateQuestion
from qtsecure.qml.psk_question import PskQuestion
from qtsecure.qml.trust_decisions import TrustDecisionsItem
from qtsecure.qml.values import certificateMaps
from qtsecure.testing import PublicKeyInfrastructure, waitFor

HEIGHTS = {"badges": 180, "progress": 420, "certificate": 270, "trust": 480, "psk": 300}
ROLES = QPalette.ColorRole
DARK = {
    **dict.fromkeys((ROLES.Window, ROLES.Button), "#2e3138"),
    **dict.fromkeys((ROLES.Base, ROLES.AlternateBase, ROLES.ToolTipBase), "#1e2025"),
    **dict.fromkeys((ROLES.WindowText, ROLES.Text, ROLES.ButtonText, ROLES.ToolTipText), "#eceef2"),
    ROLES.Highlight: "#4f8fe8",
    ROLES.HighlightedText: "#0b0d10",
    ROLES.PlaceholderText: "#9aa0aa",
    ROLES.Mid: "#4a4e57",
    ROLES.Dark: "#17191d",
    ROLES.Light: "#4d515a",
    ROLES.Midlight: "#3b3f47",
}


def darkPalette() -> QPalette:
    """The offscreen platform has no colour scheme of its own."""
    palette = QPalette()
    for role, colour in DARK.items():
        palette.setColor(role, QColor(colour))
    for role in (ROLES.WindowText, ROLES.Text, ROLES.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor("#7d828c"))
    return palette


class Questions(QObject):
    """Makes questions that no connection has asked."""

    def __init__(self) -> None:
        super().__init__()
        self.pki = PublicKeyInfrastructure()
        self.decisions = TrustDecisionsItem(self)

    @Slot(result=CertificateQuestion)
    def certificate(self) -> CertificateQuestion:
        """A self-signed certificate."""
        chain = SslCertificate.fromData(self.pki.selfSigned.chainPem())
        error = SslError(QSslError.SslError.SelfSignedCertificate, chain[0])
        request = CertificateRequest(chain, [error], "mail.example.org", self, port=993)
        return CertificateQuestion(request, self.decisions, self)

    @Slot(result=PskQuestion)
    def key(self) -> PskQuestion:
        """A client's question."""
        return PskQuestion(PreSharedKeyAuthenticator.forClient(b"weather stations"), self)

    @Slot(result="QVariantList")
    def chain(self) -> list[dict[str, object]]:
        """A certificate and its authority."""
        pem = self.pki.viaIntermediate.chainPem()
        return certificateMaps(SslCertificate.fromData(pem))


def load(questions: Questions) -> QQmlApplicationEngine:
    """Show the window."""
    qtsecure.qml.register()  # before the engine is made
    engine = QQmlApplicationEngine()
    engine.setInitialProperties({"questions": questions})
    engine.load(Path(__file__).parent / "Gallery.qml")
    return engine


def saveImages(app: QGuiApplication, window: QQuickWindow, directory: Path) -> None:
    """Save each page in light and dark."""
    light = app.palette()
    for scheme, palette in (("light", light), ("dark", darkPalette())):
        app.setPalette(palette)
        for page in HEIGHTS:
            window.setProperty("page", page)
            window.setProperty("height", HEIGHTS[page])
            QTest.qWait(300)  # until dialogs have faded in
            window.grabWindow().save(str(directory / f"qml-{page}-{scheme}.png"))
        saveChat(app, directory / f"qml-chat-{scheme}.png")
    app.setPalette(light)


def saveChat(app: QGuiApplication, file: Path) -> None:
    """Save the chat of the other example, after a few words."""
    with tempfile.TemporaryDirectory() as directory:
        chat = runpy.run_path(str(Path(__file__).parents[1] / "qml_chat" / "main.py"))
        engine = chat["load"](f"{directory}/decisions.ini")
        window = engine.rootObjects()[0]
        palette = app.palette()
        for each in (QPalette(), palette):  # a new window has the platform's colours until these change
            app.setPalette(each)
        window.connectClient()
        prompt = window.findChild(QObject, "trustPrompt")
        waitFor(lambda: prompt.property("opened"))
        prompt.decide(True)
        waitFor(lambda: window.findChild(QObject, "serverChat").property("connected"))
        for pane, text in (("clientChat", "Is anybody there?"), ("serverChat", "Nobody but us two.")):
            window.findChild(QObject, pane).send(text)
            QTest.qWait(100)
        window.grabWindow().save(str(file))
        del engine


if __name__ == "__main__":
    if "--images" in sys.argv:  # nobody looks, so there need be no display
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
        os.environ.setdefault("QT_QUICK_BACKEND", "software")
    app = QGuiApplication(sys.argv)
    questions = Questions()
    engine = load(questions)
    if not engine.rootObjects():
        raise SystemExit(1)
    code = 0
    if "--images" in sys.argv:
        window = engine.rootObjects()[0]
        assert isinstance(window, QQuickWindow)
        saveImages(app, window, Path(sys.argv[sys.argv.index("--images") + 1]))
    else:
        code = app.exec()
    del engine  # before the application
    raise SystemExit(code)
