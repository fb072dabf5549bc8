"""What is to be seen on the pictures; each scene is a generator that yields the widget when it is ready."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import ModuleType

from PySide6.QtCore import QDir, Qt
from PySide6.QtWidgets import QGridLayout, QWidget

import qtsecure
from qtsecure import CertificateRequest, SslCertificate, SslConfiguration, SslError, TrustDecisions
from qtsecure.engine.verification import IssueCode, VerificationIssue
from qtsecure.testing import CertificateAuthority, PublicKeyInfrastructure, connectedTlsPair, waitFor
from qtsecure.testing.certificates import selfSignedCertificate
from qtsecure.widgets import CertificateView, ConnectionBadge, HandshakeLog, PreSharedKeys, PskPrompt, TrustDialog
from qtsecure.widgets.connection_watch import ConnectionState
from qtsecure.widgets.demo_window import DemoWindow

__all__ = ["SCENES"]

EXAMPLES = Path(qtsecure.__file__).parents[1] / "examples"
PKI = PublicKeyInfrastructure()
_AUTHORITY = CertificateAuthority("Example Issuing CA")


def _error(code: IssueCode, certificate: SslCertificate, depth: int = 0) -> SslError:
    return SslError.fromIssue(VerificationIssue(int(code), depth, bytes(certificate.toDer().data())))


def _chain() -> list[SslCertificate]:
    root = CertificateAuthority("Example Root CA")
    leaf = root.intermediate("Example Issuing CA").issue(
        ["mail.example.org", "example.org"], commonName="mail.example.org", notAfter=_inDays(81)
    )
    return [*map(SslCertificate, leaf.chain), SslCertificate(root.certificate)]


def _inDays(days: int) -> datetime:
    return datetime.now(timezone.utc) + timedelta(days=days, hours=3)


def badges() -> Iterator[QWidget]:
    """The badge in each of its states."""
    window = QWidget()
    grid = QGridLayout(window)
    for number, state in enumerate(ConnectionState):
        for column, visible in enumerate((True, False)):
            badge = ConnectionBadge()
            badge._state = state
            badge.setTextVisible(visible)
            grid.addWidget(badge, number, column, Qt.AlignmentFlag.AlignLeft)
    yield window


def certificate() -> Iterator[QWidget]:
    """A valid chain of three."""
    view = CertificateView()
    view.setContentsMargins(12, 12, 12, 12)
    view.setCertificateChain(_chain())
    yield view


def certificate_errors() -> Iterator[QWidget]:
    """A certificate that has expired."""
    view = CertificateView()
    view.setContentsMargins(12, 12, 12, 12)
    leaf = _certificate("mail.example.org", days=-3)
    view.setCertificateChain([leaf], [_error(IssueCode.CERT_HAS_EXPIRED, leaf)])
    yield view


def _certificate(name: str, *, days: int = 81) -> SslCertificate:
    issued = _AUTHORITY.issue([name], commonName=name, notBefore=_inDays(-90), notAfter=_inDays(days))
    return SslCertificate(issued.certificate)


def _selfSigned() -> CertificateRequest:
    leaf = SslCertificate(selfSignedCertificate(["nas.local"]).certificate)
    return CertificateRequest([leaf], [_error(IssueCode.DEPTH_ZERO_SELF_SIGNED_CERT, leaf)], "nas.local", port=4433)


def _decisions() -> TrustDecisions:
    return TrustDecisions(QDir.temp().filePath("qtsecure-screenshots.ini"))


def trust() -> Iterator[QWidget]:
    """The usual question."""
    decisions, request = _decisions(), _selfSigned()
    yield TrustDialog(request, decisions)


def trust_details() -> Iterator[QWidget]:
    """The same with everything about the certificate."""
    decisions, request = _decisions(), _selfSigned()
    dialog = TrustDialog(request, decisions)
    dialog.setDetailsVisible(True)
    yield dialog


def trust_several() -> Iterator[QWidget]:
    """Two errors, and other questions behind this one."""
    decisions = _decisions()
    leaf = _certificate("www.example.net", days=-3)
    errors = [_error(IssueCode.HOSTNAME_MISMATCH, leaf), _error(IssueCode.CERT_HAS_EXPIRED, leaf)]
    request = CertificateRequest([leaf], errors, "shop.example", port=443)
    dialog = TrustDialog(request, decisions)
    dialog.setWaiting(2)
    yield dialog


def trust_refused() -> Iterator[QWidget]:
    """What nobody may override."""
    leaf = _certificate("bank.example")
    request = CertificateRequest([leaf], [_error(IssueCode.CERT_REVOKED, leaf)], "bank.example", port=443)
    yield TrustDialog(request, _decisions())


def psk() -> Iterator[QWidget]:
    """The question for a key."""
    keys = PreSharedKeys()
    prompt = PskPrompt(keys, "sensor.example", "kitchen")
    prompt.form().setIdentity("kitchen")
    prompt.form()._key.setText("00112233")
    yield prompt


def log() -> Iterator[QWidget]:
    """A connection from its start to its end."""
    view = HandshakeLog()
    view.setContentsMargins(12, 12, 12, 12)
    pair = connectedTlsPair(PKI)
    view.addConnection(pair.client, "client")
    view.addConnection(pair.server, "server")
    pair.client.abort()
    pair.client.setSslConfiguration(SslConfiguration.forClient([PKI.otherCa.certificate]))
    pair.client.connectToHostEncrypted("localhost", pair.server.serverPort())
    waitFor(lambda: any(entry.event == "disconnected" for entry in view.model().entries()[4:]))
    pair.client.setSslConfiguration(SslConfiguration.forClient([PKI.ca.certificate]))
    pair.client.connectToHostEncrypted("localhost", pair.server.serverPort())
    waitFor(pair.client.isEncrypted)
    yield view
    pair.client.abort()
    pair.server.close()


def _module(folder: str, name: str) -> ModuleType:
    """A module of an example; they have the same names, so the former ones have to go."""
    path = str(EXAMPLES / folder)
    for known in ("main", "plot", "client_window", "server_window"):
        sys.modules.pop(known, None)
    sys.path.insert(0, path)
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(path)


def demo() -> Iterator[QWidget]:
    """qtsecure demo --gui."""
    window = DemoWindow()
    server = SslConfiguration.forServer(PKI.server.chain, PKI.server.privateKey)
    window.begin(server, SslConfiguration.forClient([PKI.ca.certificate]))
    ends = (window.clientEnd, window.serverEnd)
    waitFor(lambda: all(end.input.isEnabled() for end in ends))
    for end, text in zip(ends, ("Hello, server!", "Hello, client!"), strict=True):
        end.input.setText(text)
        end.send()
    waitFor(lambda: "←" in ends[0].text.toPlainText() and "←" in ends[1].text.toPlainText())
    yield window
    window.end()


def chat() -> Iterator[QWidget]:
    """The client of the chat, with its log."""
    with _inScratch():
        main = _module("secure_chat", "main")
        server, client = main.makeWindows([])
        client.connectOrLeave()
        waitFor(lambda: client.prompter.dialog() is not None)
        client.prompter.dialog().accept()
        waitFor(client.input.isEnabled)
        for text in ("hello", "is anybody there?"):
            client.input.setText(text)
            client.say()
        waitFor(lambda: "anybody" in client.text.toPlainText())
        yield client
        client.socket.abort()
        server.server.close()


def chat_server() -> Iterator[QWidget]:
    """The server of the chat with two clients."""
    with _inScratch():
        main = _module("secure_chat", "main")
        server, client = main.makeWindows([])
        other = main.ClientWindow(None, "localhost", server.server.serverPort())
        for each in (client, other):
            each.connectOrLeave()
            waitFor(lambda each=each: each.prompter.dialog() is not None)
            each.prompter.dialog().accept()
            waitFor(each.input.isEnabled)
        waitFor(lambda: len(server.clients) == 2)
        yield server
        for each in (client, other):
            each.socket.abort()
        server.server.close()


def inspector() -> Iterator[QWidget]:
    """The certificate inspector with an expired certificate."""
    module = _module("certificate_inspector", "inspector")
    servers = module.ExampleServers(PKI)
    window = module.Inspector(SslConfiguration.forClient([PKI.ca.certificate]))
    window.target.addItems(servers.targets)
    window.target.setEditText(servers.targets[1])
    window.inspect()
    waitFor(lambda: "expired" in window.status.text())
    yield window


def dashboard() -> Iterator[QWidget]:
    """The dashboard of three sensors."""
    sys.modules["pyqtgraph"] = None  # the plot that needs nothing
    module = _module("dtls_dashboard", "dashboard")
    module.PERIOD_MS = 2
    window, sensors = module.makeAll()
    for sensor in sensors:
        sensor.start()
    waitFor(lambda: len(window.plot.curves) == 3 and min(map(len, window.plot.curves.values())) > 200, 30_000)
    yield window
    for sensor in sensors:
        sensor.stop()
    window.server.close()


def form() -> Iterator[QWidget]:
    """The form of Qt Designer."""
    controller = _module("designer_form", "main").Controller(PKI)
    controller.connectNow()
    waitFor(lambda: controller.form.badge.state() is ConnectionState.Encrypted)
    yield controller.form
    controller.socket.abort()
    controller.server.close()


@contextlib.contextmanager
def _inScratch() -> Iterator[None]:
    """The chat keeps its decisions in the present folder."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        try:
            yield
        finally:
            os.chdir(before)


WIDGETS = (badges, certificate, certificate_errors, trust, trust_details, trust_several, trust_refused, psk, log)
PROGRAMS = (demo, chat, chat_server, inspector, dashboard, form)
SCENES = {scene.__name__.replace("_", "-"): scene for scene in (*WIDGETS, *PROGRAMS)}
