"""The badge says what the connection is, whatever happens to it."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QObject, Qt, QThread
from PySide6.QtGui import QColor, QImage, QPalette
from PySide6.QtNetwork import QSslSocket
from PySide6.QtTest import QTest
from shiboken6 import delete, isValid

from qtsecure import DtlsPeer, DtlsServer, SslConfiguration, SslServer, SslSocket, TlsOptions
from qtsecure.net.questions.peer_proof import isUnproven
from qtsecure.testing import Fault, connectedDtlsPair, connectedTlsPair, waitFor
from qtsecure.widgets import ConnectionBadge, ConnectionState, PreSharedKeys, Symbol
from qtsecure.widgets.symbols import symbolPixmap
from tests.screenshots.palettes import PALETTES


@pytest.fixture
def badge(qtbot) -> ConnectionBadge:
    """One that is shown."""
    widget = ConnectionBadge()
    qtbot.addWidget(widget)
    widget.show()
    return widget


def recordedStates(badge: ConnectionBadge) -> list[ConnectionState]:
    """What it has shown from now on."""
    states: list[ConnectionState] = []
    badge.stateChanged.connect(states.append)
    return states


def test_a_life(badge, makeClient, serve, pki) -> None:
    """From nothing to encrypted to nothing, with the facts in the tool tip."""
    client, server, states = makeClient(), serve(pki.server), recordedStates(badge)
    badge.setConnection(client)
    assert badge.connection() is client
    client.connectToHostEncrypted("localhost", server.serverPort())
    waitFor(lambda: badge.state() is ConnectionState.Encrypted)
    for part in ("Encrypted", "localhost", "TLS 1.3", client.sessionCipher().name(), client.keyExchangeGroup()):
        assert part in badge.toolTip()
        assert part in badge.accessibleDescription()
    client.disconnectFromHost()
    waitFor(lambda: badge.state() is ConnectionState.NotConnected)
    # A handshake with this computer may be over before anybody can see it.
    seen = [state for state in states if state is not ConnectionState.Connecting]
    assert seen == [ConnectionState.Encrypted, ConnectionState.NotConnected]


def test_accepted_errors(badge, makeClient, serve, pki) -> None:
    """A connection that nobody has verified does not look like one that is safe."""
    client, server = makeClient(), serve(pki.selfSigned)
    badge.setConnection(client)
    client.acceptCertificate.connect(_accept)
    client.connectToHostEncrypted("localhost", server.serverPort())
    waitFor(lambda: badge.state() is ConnectionState.EncryptedWithErrors)
    assert "signed by itself" in badge.toolTip()


def test_sec_nothing_has_proved_who_the_server_is(badge, makeClient, serve, pki) -> None:
    """Where nothing is verified nothing is wrong either, and yet it is not safe; a pin is a proof."""
    client, server = makeClient(), serve(pki.selfSigned)
    badge.setConnection(client)
    configuration = SslConfiguration()
    configuration.setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyNone)
    client.setSslConfiguration(configuration)
    client.connectToHostEncrypted("localhost", server.serverPort())
    waitFor(client.isEncrypted)
    waitFor(lambda: badge.state() is ConnectionState.EncryptedWithErrors)
    configuration.setPinnedCertificates(pki.selfSigned.certificate)
    client.setSslConfiguration(configuration)  # for the next connection
    assert isUnproven(client)
    client.abort()
    client.connectToHostEncrypted("localhost", server.serverPort())
    waitFor(lambda: badge.state() is ConnectionState.Encrypted)


@pytest.mark.parametrize(
    ("options", "unproven"),
    [
        (lambda pki: TlsOptions.clientUnsafe(), True),
        (lambda pki: TlsOptions.clientUnsafe(pki.ca.certificate), True),
        (lambda pki: TlsOptions.client(pki.ca.certificate), False),
    ],
    ids=["nothing", "no name", "all"],
)
def test_sec_what_unsafe_options_show(makeClient, serve, pki, options, unproven: bool) -> None:
    """Neither no verification nor one for just any name says who the server is. The server has asked for nothing."""
    client, server = makeClient(), serve(pki.server)
    client.setSslConfiguration(options(pki))
    client.connectToHostEncrypted("localhost", server.serverPort())
    waitFor(client.isEncrypted)
    assert isUnproven(client) is unproven
    waitFor(server.hasPendingConnections)
    assert not isUnproven(server.nextPendingConnection())


@pytest.mark.parametrize(("server", "client"), [(SslServer, SslSocket), (DtlsServer, DtlsPeer)])
def test_a_key_is_a_proof(qtbot, server, client) -> None:
    """Of pre-shared keys there is no certificate to verify."""
    configuration = SslConfiguration()
    configuration.setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyNone)
    listener, connection, keys = server(), client(), PreSharedKeys()
    keys.remember("sensor", bytes(16))
    for each in (listener, connection):
        each.setSslConfiguration(configuration)
        each.preSharedKeyAuthenticationRequired.connect(keys.answer)
    assert listener.listen("127.0.0.1", 0)
    connect = connection.connectToHostEncrypted if client is SslSocket else connection.connectToHost
    connect("127.0.0.1", listener.serverPort())
    waitFor(connection.isEncrypted)
    assert not isUnproven(connection)
    connection.abort()
    listener.close()


def test_refused(badge, makeClient, serve, pki, qtsecure_faulty_server) -> None:
    """The reason is there."""
    client, server = makeClient(), serve(pki.expired)
    badge.setConnection(client)
    client.connectToHostEncrypted("localhost", server.serverPort())
    waitFor(lambda: badge.state() is ConnectionState.Failed)
    assert client.errorString() in badge.accessibleDescription()
    client.connectToHostEncrypted("localhost", qtsecure_faulty_server(Fault.Silent).port)
    waitFor(lambda: badge.state() is ConnectionState.Connecting)


def test_without_encryption(badge, makeClient, serve, pki) -> None:
    """Before STARTTLS anybody may read along."""
    client, server = makeClient(), serve(pki.server)
    badge.setConnection(client)
    client.connectToHost("localhost", server.serverPort())
    waitFor(lambda: badge.state() is ConnectionState.Unencrypted)
    client.startClientEncryption()
    waitFor(lambda: badge.state() is ConnectionState.Encrypted)


def test_a_peer_of_dtls(badge, pki) -> None:
    """The same for datagrams."""
    pair, states = connectedDtlsPair(pki), recordedStates(badge)
    badge.setConnection(pair.client)
    assert "DTLS 1.2" in badge.toolTip()
    pair.client.close()
    waitFor(lambda: badge.state() is ConnectionState.NotConnected)
    badge.setConnection(pair.peer)
    assert states[:2] == [ConnectionState.Encrypted, ConnectionState.NotConnected]


def test_the_connection_may_go(badge, makeClient, serve, pki) -> None:
    """Whoever deletes it, the badge does not keep it and shows that there is none."""
    pair = connectedTlsPair(pki)
    badge.setConnection(pair.client)
    assert badge.state() is ConnectionState.Encrypted
    delete(pair.client)
    assert badge.connection() is None
    assert badge.state() is ConnectionState.NotConnected
    badge.setConnection(pair.peer)
    assert badge.state() is ConnectionState.Encrypted
    badge.setConnection(None)
    assert badge.state() is ConnectionState.NotConnected


def test_it_does_not_keep_the_connection(badge) -> None:
    """The last reference of the program is the last one."""
    gone: list[bool] = []
    client = SslSocket()
    client.destroyed.connect(lambda: gone.append(True))
    badge.setConnection(client)
    del client
    assert gone == [True]
    assert badge.connection() is None


def test_the_badge_may_go(makeClient, serve, pki, qtbot) -> None:
    """In a slot of the very signal that it listens to."""
    client, server = makeClient(), serve(pki.server)
    badge = ConnectionBadge()
    badge.setConnection(client)
    badge.stateChanged.connect(lambda: delete(badge))
    client.connectToHostEncrypted("localhost", server.serverPort())
    waitFor(lambda: client.isEncrypted() and not isValid(badge))


def test_another_connection_replaces_it(badge, makeClient, serve, pki) -> None:
    """What the former one does is not shown any more."""
    pair, other = connectedTlsPair(pki), makeClient()
    badge.setConnection(pair.client)
    badge.setConnection(other)
    states = recordedStates(badge)
    pair.client.abort()
    delete(pair.client)
    assert states == []
    assert badge.connection() is other


def test_click_and_keyboard(badge, pki, qtbot) -> None:
    """Mouse and space bar show the certificates, in one window."""
    pair = connectedTlsPair(pki)
    badge.setConnection(pair.client)
    with qtbot.waitSignal((badge.clicked, "clicked")):
        QTest.mouseClick(badge, Qt.MouseButton.LeftButton)
    dialog = badge.certificateDialog()
    assert dialog is not None
    assert dialog.isVisible()
    assert not dialog.isModal()
    assert dialog.view().certificateChain() == pair.client.peerCertificateChain()
    badge.setFocus()
    QTest.keyClick(badge, Qt.Key.Key_Space)
    assert badge.certificateDialog() is dialog
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert badge.certificateDialog() is None
    badge.setCertificateOnClick(False)
    badge.click()
    assert badge.certificateDialog() is None


def test_the_dialog_of_the_badge_is_deleted(badge, pki, qtbot) -> None:
    """By the program; the next click makes another."""
    pair = connectedTlsPair(pki)
    badge.setConnection(pair.client)
    waitFor(lambda: badge.state() is ConnectionState.Encrypted)
    badge.click()
    delete(badge.certificateDialog())
    assert badge.certificateDialog() is None
    badge.click()
    assert badge.certificateDialog().isVisible()
    badge.setConnection(None)
    assert badge.certificateDialog() is None


def test_nothing_to_show(badge) -> None:
    """A click without a connection does no harm."""
    badge.click()
    badge.setConnection(SslSocket(badge))
    badge.click()
    assert badge.certificateDialog() is None


def test_text_of_the_peer_stays_text(badge, makeClient, serve, pki) -> None:
    """A name with HTML in it is no HTML in the tool tip."""
    evil = pki.ca.issue(["localhost"], commonName="<img src='x'><b>Trusted</b>")
    client, server = makeClient(), serve(evil)
    badge.setConnection(client)
    client.connectToHostEncrypted("localhost", server.serverPort())
    waitFor(lambda: badge.state() is ConnectionState.Encrypted)
    assert "<img" not in badge.toolTip()
    assert "&lt;img" in badge.toolTip()


@pytest.mark.parametrize("wrong", [object(), "socket", QObject])
def test_bad_arguments(badge, wrong: object) -> None:
    """They are refused, and named."""
    with pytest.raises(TypeError, match="connection must be"):
        badge.setConnection(wrong)


def test_nothing_moves_when_the_state_changes(badge, pki) -> None:
    """The size is that of the longest word."""
    before = badge.sizeHint()
    pair = connectedTlsPair(pki)
    badge.setConnection(pair.client)
    assert badge.sizeHint() == before
    badge.setTextVisible(False)
    assert badge.sizeHint().width() < before.width() / 3


def luminance(color: QColor) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color.getRgbF()[:3]]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: QColor, other: QColor) -> float:
    """Their contrast (WCAG 2.2)."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", PALETTES)
@pytest.mark.parametrize("symbol", Symbol)
@pytest.mark.parametrize("ratio", [1.0, 2.0])
def test_symbols_can_be_seen(qtbot, scheme: str, symbol: Symbol, ratio: float) -> None:
    """In both palettes, with pixels of their own on dense screens, and nothing cut off at the edge."""
    palette = PALETTES[scheme]
    image = symbolPixmap(symbol, 16, palette, ratio).toImage().convertToFormat(QImage.Format.Format_ARGB32)
    assert image.width() == 16 * ratio
    pixels = [(x, y, image.pixelColor(x, y)) for x in range(image.width()) for y in range(image.height())]
    solid = [color for _, _, color in pixels if color.alpha() > 250]
    assert len(solid) > 6 * ratio
    window = palette.color(QPalette.ColorRole.Window)
    assert max(contrast(color, window) for color in solid) >= 4.5
    edge = image.width() - 1
    assert all(color.alpha() < 200 for x, y, color in pixels if x in (0, edge) or y in (0, edge))


def test_another_thread(badge, qtbot) -> None:
    """A socket of another thread is refused instead of read without a lock."""
    thread = QThread()
    socket = SslSocket()
    socket.moveToThread(thread)
    with pytest.raises(RuntimeError, match="another thread"):
        badge.setConnection(socket)
    assert badge.connection() is None


def _accept(request) -> None:
    request.accept()
