"""The log lists what happens, within bounds and without secrets."""

from __future__ import annotations

import pytest
from PySide6.QtCore import SIGNAL, Qt, QThread
from PySide6.QtGui import QGuiApplication
from shiboken6 import delete, isValid

from qtsecure import PreSharedKeyAuthenticator, SocketClient, SslConfiguration, SslServer, SslSocket
from qtsecure.testing import connectedDtlsPair, connectedTlsPair, waitFor
from qtsecure.widgets import HandshakeLog, TrustPrompter


@pytest.fixture
def log(qtbot) -> HandshakeLog:
    """One that is shown."""
    widget = HandshakeLog()
    qtbot.addWidget(widget)
    widget.show()
    return widget


def events(log: HandshakeLog) -> list[tuple[str, str]]:
    """Source and event of each entry."""
    return [(entry.source, entry.event) for entry in log.model().entries()]


def test_a_connection(log, makeClient, serve, pki) -> None:
    """Both ends, in their order, with arguments."""
    client, server = makeClient(), serve(pki.server)
    log.addConnection(client, "client")
    log.addConnection(server, "server")
    client.connectToHostEncrypted("localhost", server.serverPort())
    waitFor(lambda: ("client", "encrypted") in events(log) and ("server", "pendingConnectionAvailable") in events(log))
    entry = next(entry for entry in log.model().entries() if entry.event == "encrypted")
    assert "TlsV1_3" in entry.details
    assert client.sessionCipher().name() in entry.details
    assert events(log).index(("client", "connected")) < events(log).index(("client", "encrypted"))
    client.disconnectFromHost()
    waitFor(lambda: ("client", "alertSent") in events(log))
    assert not any(event in ("readyRead", "bytesWritten") for _, event in events(log))


def test_refused(log, makeClient, serve, pki) -> None:
    """What is bad news is marked."""
    client, server = makeClient(), serve(pki.expired)
    log.addConnection(client)
    client.connectToHostEncrypted("localhost", server.serverPort())
    waitFor(lambda: ("SslSocket", "errorOccurred") in events(log))
    tones = {entry.event: entry.tone.name for entry in log.model().entries()}
    assert tones["sslErrors"] == tones["errorOccurred"] == "Bad"
    assert tones["stateChanged"] == "Neutral"


def test_messages_of_dtls_still_arrive(log, pki) -> None:
    """Watching a peer does not take its messages away from readDatagram()."""
    pair = connectedDtlsPair(pki)
    log.addConnection(pair.peer, "peer")
    pair.client.writeDatagram(b"secret")
    waitFor(pair.peer.hasPendingDatagrams)
    assert pair.peer.readDatagram() == b"secret"
    assert "secret" not in log.toText()
    pair.client.close()
    waitFor(lambda: ("peer", "disconnected") in events(log))


def test_sec_no_keys(log) -> None:
    """It does not switch pre-shared keys on, and shows none."""
    client, server = SslSocket(), SslServer()
    log.addConnection(client)
    log.addConnection(server)
    assert client.receivers(SIGNAL("preSharedKeyAuthenticationRequired(PyObject)")) == 0
    assert not server._wantsPreSharedKeys()
    question = PreSharedKeyAuthenticator.forClient()
    question.setPreSharedKey(b"secret")
    client.preSharedKeyAuthenticationRequired.emit(question)
    assert events(log) == []


def test_it_is_bounded(log) -> None:
    """The oldest entries go."""
    log.setMaximumEntries(10)
    for number in range(25):
        log.append("me", f"event {number}")
    assert [entry.event for entry in log.model().entries()] == [f"event {number}" for number in range(15, 25)]
    log.setMaximumEntries(3)
    assert log.model().rowCount() == 3
    assert log.maximumEntries == 3
    log.append("me", "long", "x" * 100_000)
    assert len(log.model().entries()[-1].details) < 3000
    with pytest.raises(ValueError, match="1 or more"):
        log.setMaximumEntries(0)


def test_filter_copy_clear(log, qtbot) -> None:
    """What is shown is what is copied."""
    log.append("client", "encrypted", "protocol=TlsV1_3")
    log.append("server", "closed")
    log.setFilterText("tlsv1_3")
    log._copyButton.click()
    (line,) = QGuiApplication.clipboard().text().splitlines()
    assert line.split("\t")[1:] == ["client", "encrypted", "protocol=TlsV1_3"]
    log.setFilterText("")
    assert len(log.toText().splitlines()) == 2
    log._view.setCurrentIndex(log._filtered.index(1, 0))
    assert log.toText().split("\t")[2] == "closed"
    log._clearButton.click()
    assert log.model().rowCount() == 0


def test_control_characters(log) -> None:
    """What a peer says cannot reorder a line."""
    log.append("a\u202eb", "event", "x\ny\x1b[2J")
    assert "\u202e" not in log.toText()
    assert len(log.toText().splitlines()) == 1


def test_a_watched_object_goes(log, pki) -> None:
    """It is not kept, and nothing is left of it."""
    pair = connectedTlsPair(pki)
    log.addConnection(pair.client, "client")
    delete(pair.client)
    assert log._links == {}
    gone: list[bool] = []
    socket = SslSocket()
    socket.destroyed.connect(lambda: gone.append(True))
    log.addConnection(socket, "socket")
    del socket
    assert gone == [True]


def test_the_log_goes(makeClient, serve, pki, qtbot) -> None:
    """The connection goes on without it, and keeps none of its slots."""
    log, client = HandshakeLog(), makeClient()
    log.addConnection(client)
    assert client.receivers(SIGNAL("encrypted()")) == 1
    client.hostFound.connect(lambda: delete(log))
    client.connectToHostEncrypted("localhost", serve(pki.server).serverPort())
    waitFor(client.isEncrypted)
    assert not isValid(log)
    assert client.receivers(SIGNAL("encrypted()")) == 0


def test_twice_and_not_at_all(log) -> None:
    """Watched twice, an event comes once; removed, it does not come."""
    client = SslSocket()
    log.addConnection(client, "one")
    log.addConnection(client, "two")
    client.connected.emit()
    assert events(log) == [("two", "connected")]
    log.removeConnection(client)
    log.removeConnection(client)
    client.connected.emit()
    assert len(events(log)) == 1


def test_it_follows_the_end(log, qtbot) -> None:
    """As long as the user has not scrolled back."""
    bar = log._view.verticalScrollBar()
    for number in range(200):
        log.append("me", f"event {number}")
    waitFor(lambda: bar.maximum() > 0 and bar.value() == bar.maximum())
    bar.setValue(0)
    log.append("me", "one more")
    qtbot.wait(1)
    assert bar.value() == 0


@pytest.mark.parametrize("scrolledBack", [False, True])
def test_what_comes_while_it_is_hidden(log, scrolledBack: bool) -> None:
    """A log that is opened shows the newest, unless the user had scrolled back before."""
    bar = log._view.verticalScrollBar()
    for number in range(200):
        log.append("me", f"event {number}")
    waitFor(lambda: bar.maximum() > 0 and bar.value() == bar.maximum())
    if scrolledBack:
        bar.setValue(0)
    log.hide()
    for number in range(200):
        log.append("me", f"another {number}")
    log.show()
    waitFor(lambda: bar.maximum() > 200 and not log._scroll.isActive())
    assert bar.value() == (0 if scrolledBack else bar.maximum())


def test_all_of_the_details(log) -> None:
    """Where they are cut off, the tool tip has them; as text, whatever they are."""
    log.append("me", "event", "<b>" + "long " * 100)
    model = log.model()
    tip = model.index(0, 3).data(Qt.ItemDataRole.ToolTipRole)
    assert tip.startswith("<p>&lt;b&gt;long long")
    assert model.index(0, 2).data(Qt.ItemDataRole.ToolTipRole) is None


def test_the_name_of_a_message_before_the_address(log, makeClient, serve, pki) -> None:
    """The address is the same in many lines, and is what may be cut off."""
    client, server = makeClient(), serve(pki.server)
    log.addConnection(server)
    client.connectToHostEncrypted("localhost", server.serverPort())
    waitFor(lambda: ("SslServer", "handshakeMessage") in events(log))
    details = next(entry.details for entry in log.model().entries() if entry.event == "handshakeMessage")
    assert details.startswith("name=ClientHello, direction=received, size=")
    assert ", peer=127.0.0.1:" in details


def test_bad_arguments(log) -> None:
    """Something else, and something of another thread."""
    with pytest.raises(TypeError, match="watched must be"):
        log.addConnection(object())
    socket, thread = SslSocket(), QThread()
    socket.moveToThread(thread)
    with pytest.raises(RuntimeError, match="another thread"):
        log.addConnection(socket)


def test_handshake_messages(log, makeClient, serve, pki) -> None:
    """They are asked for, and listed with direction and size."""
    client, server = makeClient(), serve(pki.server)
    log.addConnection(client, "client")
    client.connectToHostEncrypted("localhost", server.serverPort())
    waitFor(client.isEncrypted)
    messages = [entry.details for entry in log.model().entries() if entry.event == "handshakeMessage"]
    assert "name=ClientHello" in messages[0]
    assert "direction=" in messages[0]


def test_a_client_of_many_connections(log, serve, pki) -> None:
    """SocketClient tells its steps, and everything of its connections."""
    client = SocketClient()
    client.setTls(True)
    client.setTlsConfiguration(SslConfiguration.forClient([pki.ca.certificate]))
    log.addConnection(client, "client")
    operation = client.connectToHost("localhost", serve(pki.server).serverPort())
    waitFor(lambda: ("client", "connected") in events(log))
    steps = [entry.details for entry in log.model().entries() if entry.event == "clientEvent"]
    assert "step=Resolving" in steps[0]
    assert "to=localhost" in steps[0]
    operation.connection().abort()


def test_a_client_that_fails(log, prompterOf, serve, pki) -> None:
    """Its certificate request has two arguments, as that of a server; no is told as bad news."""
    client = SocketClient()
    client.setTls(True)
    client.setTlsConfiguration(SslConfiguration.forClient([pki.ca.certificate]))
    prompter = prompterOf(client)
    log.addConnection(client, "client")
    operation = client.connectToHost("localhost", serve(pki.selfSigned).serverPort())
    waitFor(lambda: prompter.dialog() is not None)
    prompter.dialog().reject()
    waitFor(lambda: ("client", "failed") in events(log))
    assert operation.isFinished()
    assert {entry.event: entry.tone.name for entry in log.model().entries()}["failed"] == "Bad"


@pytest.fixture
def prompterOf(decisions, log):
    """A prompter that answers for a client."""

    def connected(client: SocketClient) -> TrustPrompter:
        prompter = TrustPrompter(decisions, log)
        client.acceptCertificate.connect(prompter.ask)
        return prompter

    return connected
