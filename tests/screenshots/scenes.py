"""What is to be seen on the pictures; each scene is a generator that yields the widget when it is ready."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QWidget

from qtsecure import CertificateRequest, SslCertificate, SslConfiguration, SslError, TrustDecisions
from qtsecure.engine.verification import IssueCode, VerificationIssue
from qtsecure.testing import CertificateAuthority, PublicKeyInfrastructure, connectedTlsPair, waitFor
from qtsecure.testing.certificates import selfSignedCertificate
from qtsecure.widgets import CertificateView, ConnectionBadge, HandshakeLog, PreSharedKeys, PskPrompt, TrustDialog
from qtsecure.widgets.connection_watch import ConnectionState

__all__ = ["SCENES"]

PKI = PublicKeyInfrastructure()


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
    leaf = SslCertificate(PKI.expired.certificate)
    view.setCertificateChain([leaf], [_error(IssueCode.CERT_HAS_EXPIRED, leaf)])
    yield view


def _selfSigned() -> CertificateRequest:
    leaf = SslCertificate(selfSignedCertificate(["nas.local"]).certificate)
    return CertificateRequest([leaf], [_error(IssueCode.DEPTH_ZERO_SELF_SIGNED_CERT, leaf)], "nas.local", port=4433)


def _decisions() -> TrustDecisions:
    from PySide6.QtCore import QDir

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
    leaf = SslCertificate(PKI.wrongHost.certificate)
    errors = [_error(IssueCode.HOSTNAME_MISMATCH, leaf), _error(IssueCode.CERT_HAS_EXPIRED, leaf)]
    request = CertificateRequest([leaf], errors, "shop.example", port=443)
    dialog = TrustDialog(request, decisions)
    dialog.setWaiting(2)
    yield dialog


def trust_refused() -> Iterator[QWidget]:
    """What nobody may override."""
    leaf = SslCertificate(PKI.server.certificate)
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


SCENES = {
    scene.__name__.replace("_", "-"): scene
    for scene in (badges, certificate, certificate_errors, trust, trust_details, trust_several, trust_refused, psk, log)
}
