"""Connections that QML makes and accepts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QByteArray, QCoreApplication, QObject

from qtsecure import DtlsPeer, DtlsServer, SocketClient, SslServer, SslSocket
from qtsecure.qml.certificate_question import CertificateQuestion
from qtsecure.qml.dtls_peer import DtlsConnection
from qtsecure.qml.psk_question import PskQuestion
from qtsecure.qml.tls_socket import TlsConnection
from qtsecure.testing import waitFor
from qtsecure.testing.peers import SilentServer
from tests.qml.conftest import Document, Load
from tests.qml.documents import HEAD, SERVER_CONFIGURATION, TLS


def test_conversation(load: Load, transport_mode: str) -> None:
    """Text goes there and back, and nothing but plain classes is in Python's hands."""
    document = load(TLS)
    document.call("start")
    waitFor(lambda: document.get("done"))
    assert document.get("log").toVariant() == ["echo hällo"]
    assert type(document.get("server")) is SslServer
    assert type(document.get("socket")) is SslSocket


def test_python_sees_methods(load: Load) -> None:
    """The properties are in QML only."""
    document = load(TLS)
    socket = document.get("socket")
    assert socket.state().name == "UnconnectedState"
    assert socket.isEncrypted() is False
    assert not isinstance(type(socket).peerName, property)


STATES = TLS.replace(
    "onEncrypted: write",
    "onStateChanged: root.note(state + (encrypted ? ' encrypted ' : ' ') + protocol)\n"
    "        onPeerVerifyNameChanged: root.note('verifying ' + peerVerifyName)\n        onEncrypted: write",
)


def test_states_in_order(load: Load) -> None:
    """Properties have changed when their handlers run; plain text is not a state on the way to encryption."""
    document = load(STATES)
    document.call("start")
    waitFor(lambda: document.get("done"))
    log = document.get("log").toVariant()
    assert log == ["1 ", "2 ", "3 ", "5 encrypted TLS 1.3", "echo hällo", "7 encrypted TLS 1.3", "0 "]


def test_facts(load: Load) -> None:
    """What the handshake has shown, as values of JavaScript."""
    document = load(
        TLS.replace(
            "onEncrypted: write",
            """onEncryptedChanged: if (encrypted) {
                root.note(certificate.subject)
                root.note(certificate.validTo > new Date())
                root.note(certificate.serialNumber.length > 20)
                root.note(certificateChain.length > 0 && certificateErrors.length === 0)
                root.note(cipher !== "" && keyExchangeGroup !== "" && !overridden && !sessionReused)
                root.note(peerName + " " + (peerPort === server.port) + " " + (localPort > 0))
            }
            onEncrypted: write""",
        )
    )
    document.call("start")
    waitFor(lambda: document.get("done"))
    log = document.get("log").toVariant()
    assert log[1:] == [True, True, True, True, "localhost true true", "echo hällo"]
    assert isinstance(log[0], str)


def test_binary(load: Load) -> None:
    """An ArrayBuffer goes there and comes back, NUL and all."""
    document = load(
        TLS.replace('write("h\u00e4llo")', "write(new Uint8Array([0, 255, 7]).buffer)")
        .replace('peer.write("echo " + peer.readText())', "peer.write(peer.readAll())")
        .replace("root.note(readText())", "root.note(new Uint8Array(readAll()).join())")
    )
    document.call("start")
    waitFor(lambda: document.get("done"))
    assert document.get("log").toVariant() == ["0,255,7"]


def test_text_in_pieces(load: Load) -> None:
    """A character whose bytes come in two records is one character."""
    document = load(TLS.replace("disconnectFromHost()", "if (root.log.length > 2) disconnectFromHost()"))
    document.call("start")
    waitFor(lambda: len(document.get("log").toVariant()) == 1)
    socket = document.get("connection").socket()
    euro = "€".encode()
    socket.write(b"a" + euro[:1])
    waitFor(lambda: len(document.get("log").toVariant()) == 2)
    socket.write(euro[1:] + b"\xff!")
    waitFor(lambda: document.get("done"))
    assert document.get("log").toVariant()[1:] == ["a", "€\ufffd!"]


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ('certificate: "nowhere.pem"', "nowhere.pem"),
        ('caCertificates: ["-----BEGIN NOTHING"]', "certificate"),
        ("certificate: root.good.certificate; privateKey: root.bad.key", "key"),
    ],
)
def test_configuration_that_cannot_be_used(load: Load, setting: str, text: str) -> None:
    """Nothing is connected, and the sentence says why; check() says it before."""
    document = load(
        TLS.replace("caCertificates: [root.ca]", setting).replace(
            "function start", "function check() { return socket.configuration.check() }\n    function start"
        )
    )
    document.call("start")
    (line,) = document.get("log").toVariant()
    assert line.startswith("failed: ")
    assert text in line
    assert document.get("socket").state().name == "UnconnectedState"
    assert document.call("check") == line.removeprefix("failed: ")


def test_passphrase_cannot_be_read(load: Load) -> None:
    """A secret goes in and does not come out."""
    document = load(
        "QtObject {" + HEAD + 'property TlsConfiguration c: TlsConfiguration { passphrase: "secret" }'
        "\nfunction read() { return c.passphrase + JSON.stringify(c) } }"
    )
    assert "secret" not in str(document.call("read"))


def test_nobody_answers_the_question(load: Load) -> None:
    """No handler means no, and both sides hear of the alert."""
    document = load(TLS.replace("identity: good", "identity: bad"))
    document.call("start")
    waitFor(lambda: len(document.get("log").toVariant()) == 3)
    log = sorted(document.get("log").toVariant())
    assert log[0].startswith("failed: ")
    assert log[1].startswith("sent ")
    assert log[2].startswith("server: ")


DTLS = (
    "QtObject { id: root\n"
    + HEAD
    + """
    property bool done: false
    property QtObject server: DtlsServer {
        configuration: TlsConfiguration { certificate: root.good.certificate; privateKey: root.good.key }
        onPendingConnectionAvailable: {
            const peer = nextPendingConnection()
            peer.datagramReceived.connect(data => peer.writeDatagram(data))
            peer.disconnected.connect(() => peer.discard())
        }
    }
    property QtObject peer: DtlsPeer {
        configuration: TlsConfiguration { caCertificates: [root.ca] }
        onEncrypted: { writeDatagram("p\u00fcng"); writeDatagram(new Uint8Array([0, 1]).buffer) }
        onDatagramReceived: data => {
            root.note(data.byteLength)
            if (root.log.length === 2) { root.note(protocol); close() }
        }
        onStateChanged: if (state === Tls.State.Unconnected) root.done = true
        onFailed: message => root.note(message)
    }
    function start() { server.listen("127.0.0.1", 0); peer.connectToHost("localhost", server.port) }
}
"""
)


def test_datagrams(load: Load) -> None:
    """Datagrams are whole, as text and as bytes."""
    document = load(DTLS)
    document.call("start")
    waitFor(lambda: document.get("done"))
    assert document.get("log").toVariant() == [5, 2, "DTLS 1.2"]
    assert type(document.get("peer")) is DtlsPeer
    assert type(document.get("server")) is DtlsServer


CLIENT = TLS.replace(
    "    function start",
    """    property QtObject client: SocketClient {
        configuration: TlsConfiguration { caCertificates: [root.ca] }
        onStepChanged: root.note(step)
        onConnectionMade: connection => {
            root.note(connection.encrypted + " " + connecting)
            connection.readyRead.connect(() => {
                root.note(connection.readText())
                connection.discard()
                root.done = true
            })
            connection.write("hello")
        }
        onConnectionFailed: message => { root.note("failed: " + message); root.done = true }
    }
    function startClient() { server.listen("127.0.0.1", 0); client.connectToHost("localhost:" + server.port, 1) }
    function startNowhere() { client.connectToHost("not a host", 1); client.cancel() }
    function start""",
)


def test_socket_client(load: Load) -> None:
    """Steps for the user, then a connection."""
    document = load(CLIENT)
    document.call("startClient")
    waitFor(lambda: document.get("done"))
    log = document.get("log").toVariant()
    assert log[-2:] == ["true false", "echo hello"]
    assert "Looking up localhost" in log
    assert type(document.get("client")) is SocketClient


def test_socket_client_fails(load: Load) -> None:
    """What cannot be understood is told."""
    document = load(CLIENT)
    document.call("startNowhere")
    waitFor(lambda: document.get("done"))
    assert document.get("log").toVariant()[-1].startswith("failed: ")


def test_server_that_cannot_listen(load: Load) -> None:
    """False, and a sentence."""
    document = load(
        TLS.replace(
            "function start()",
            """function listen() {
        if (!server.listen("192.0.2.1", 1) && server.errorString !== "" && !server.listening)
            note("cannot listen")
    }
    function start()""",
        )
    )
    document.call("listen")
    log = document.get("log").toVariant()
    assert log[0].startswith("server: ")
    assert log[1] == "cannot listen"


PSK = (
    TLS.replace("property QtObject server: TlsServer {", "property QtObject server: TlsServer { preSharedKeys: true\n"
        "        onPskQuestion: question => { root.note(question.identity); question.answerHex('', 'a1:b2 c3') }")
    .replace("property QtObject socket: TlsSocket {", "property QtObject socket: TlsSocket { preSharedKeys: true\n"
        "        onPskQuestion: question => { QUESTION }")
    .replace(SERVER_CONFIGURATION,
             "configuration: TlsConfiguration { verifyMode: Tls.VerifyMode.NotAtAll }")
    .replace("caCertificates: [root.ca]", "verifyMode: Tls.VerifyMode.NotAtAll")
)  # fmt: skip


@pytest.mark.parametrize(
    "answer",
    [
        "question.answerHex('sensor', 'A1B2C3')",
        "question.answer('sensor', new Uint8Array([161, 178, 195]).buffer)",
        "question.defer(); Qt.callLater(() => question.answerHex('sensor', 'a1b2c3'))",
    ],
)
def test_pre_shared_key(load: Load, answer: str) -> None:
    """Answered at once or later."""
    document = load(PSK.replace("QUESTION", answer))
    document.call("start")
    waitFor(lambda: document.get("done"))
    log = document.get("log").toVariant()
    assert "sensor" in log
    assert log[-1] == "echo hällo"


def test_key_that_cannot_be_used(load: Load) -> None:
    """The sentence comes back, and the question is still there."""
    document = load(
        PSK.replace(
            "QUESTION",
            "root.note(question.answerHex('sensor', 'xyz')); root.note(question.answer('sensor', ''));"
            "root.note(question.answer('x'.repeat(70000), 'key'));"
            "root.note(question.pending); root.note(question.answerHex('sensor', 'a1b2c3'));"
            "root.note(question.pending); root.note(question.answerHex('sensor', 'a1b2c3'))",
        )
    )
    document.call("start")
    waitFor(lambda: document.get("done"))
    log = document.get("log").toVariant()
    assert "hexadecimal" in log[0]
    assert log[1] == "The key is empty, or too long."
    assert log[2] == "The identity is too long, or has signs that cannot be sent."
    assert log[3:6] == [True, "", False]
    assert "any more" in log[6]


def test_closing_while_a_key_is_awaited(load: Load) -> None:
    """The nested loop ends with the question."""
    document = load(
        PSK.replace(
            "QUESTION",
            "question.defer(); question.cancelled.connect(() => root.note('cancelled')); Qt.callLater(() => abort())",
        )
    )
    document.call("start")
    waitFor(lambda: "cancelled" in document.get("log").toVariant())
    waitFor(lambda: document.get("socket").state().name == "UnconnectedState")


def test_connection_of_python(load: Load) -> None:
    """A socket that Python has made, shown to QML."""
    document = load(
        "QtObject { id: root\n" + HEAD + "function show(c) { return c.state + c.errorString + c.peerPort } }"
    )
    socket = SslSocket()
    shown = TlsConnection(socket)
    assert shown.parent() is socket
    assert document.call("show", shown) == "00"


@pytest.mark.parametrize(
    "make",
    [
        lambda parent: TlsConnection(parent),
        lambda parent: DtlsConnection(parent),
        lambda parent: CertificateQuestion("request", None, parent),
        lambda parent: PskQuestion("authenticator", parent),
    ],
)
def test_bad_arguments_leave_nothing_behind(qapp: QCoreApplication, make: Callable[[QObject], object]) -> None:
    """Refused, and no half of an object stays as a child of what was given."""
    parent = QObject()
    with pytest.raises(TypeError, match="must be a"):
        make(parent)
    assert parent.children() == []


def test_write_takes_text_as_utf8(load: Load) -> None:
    """The number of bytes, not of characters."""
    document = load("QtObject { id: root\n" + HEAD + "function show(c) { return c.write('\u00e4') } }")
    socket = SslSocket()
    assert document.call("show", TlsConnection(socket)) in (-1, 2)
    assert QByteArray("ä".encode()).size() == 2


def test_socket_client_takes_the_last_call(load: Load) -> None:
    """What is replaced is given up without a word, and does not end what has replaced it."""
    document = load(
        CLIENT.replace(
            "function startClient()",
            'function startTwice() { client.connectToHost("192.0.2.1", 9); startClient() }\n    function startClient()',
        )
    )
    document.call("startTwice")
    waitFor(lambda: document.get("done"))
    log = document.get("log").toVariant()
    assert log[-1] == "echo hello"
    assert not any(str(line).startswith("failed") for line in log)


ASKING = CLIENT.replace("property var identity: good", "property var identity: bad").replace(
    "onStepChanged:",
    """onConnectingChanged: root.note("connecting " + connecting)
        onCertificateQuestion: question => {
            question.defer()
            question.pendingChanged.connect(() => { WHAT })
            root.note("asked")
        }
        onStepChanged:""",
)
"""A client that asks about a certificate, and does something when it is replaced."""


@pytest.fixture
def silentPort() -> Iterator[int]:
    """Where every attempt hangs in its handshake."""
    with SilentServer() as server:
        yield server.port


def running(document: Document) -> list[str]:
    """Where connections are being made to."""
    client = document.get("client")
    assert isinstance(client, SocketClient)
    return [operation.connectable().toString() for operation in client._running.values() if not operation.isFinished()]


def replacing(document: str, port: int) -> str:
    """With a function that connects to the silent server."""
    return document.replace(
        "function startClient()",
        f'function replace() {{ client.connectToHost("127.0.0.1", {port}) }}\n    function startClient()',
    )


def test_socket_client_whose_handler_connects_when_nothing_is_being_connected(load: Load, silentPort: int) -> None:
    """One connection that replaces another leaves no moment without: there is never more than one."""
    handler = (
        'onConnectingChanged: { root.note("connecting " + connecting); if (!connecting) root.replace() }\n'
        "        onStepChanged:"
    )
    document = load(replacing(CLIENT.replace("onStepChanged:", handler), silentPort))
    document.call("replace")
    document.call("startClient")
    waitFor(lambda: document.get("done"))
    assert running(document) == [f"127.0.0.1:{silentPort}"]
    log = [line for line in document.get("log").toVariant() if line.startswith(("connecting", "echo", "true"))]
    assert log == ["connecting true", "connecting false", "connecting true", "true true", "echo hello"]


def test_socket_client_whose_handler_connects_while_it_is_replaced(load: Load, silentPort: int) -> None:
    """The last call counts, and the others are given up without a word."""
    document = load(replacing(ASKING.replace("WHAT", f'client.connectToHost("localhost", {silentPort})'), silentPort))
    document.call("startClient")
    waitFor(lambda: "asked" in document.get("log").toVariant())
    document.call("replace")
    waitFor(lambda: len(running(document)) == 1)
    assert running(document) == [f"localhost:{silentPort}"]
    assert document.get("log").toVariant().count("connecting false") == 0


def test_socket_client_whose_handler_cancels_while_it_is_replaced(load: Load, silentPort: int) -> None:
    """Nothing is connected to any more."""
    document = load(replacing(ASKING.replace("WHAT", "client.cancel()"), silentPort))
    document.call("startClient")
    waitFor(lambda: "asked" in document.get("log").toVariant())
    document.call("replace")
    waitFor(lambda: document.get("done") and not running(document))
    log = [line for line in document.get("log").toVariant() if line.startswith(("connecting", "failed"))]
    assert log == ["connecting true", "connecting false", "failed: The connection attempt was cancelled."]


def test_socket_client_that_is_given_nonsense_while_it_connects(load: Load) -> None:
    """The attempt before is given up, and those who follow ``connecting`` hear of it."""
    document = load(
        CLIENT.replace(
            "function startClient()",
            """property bool connecting: client.connecting
    property QtObject nonsense: TlsConfiguration { certificate: "missing.pem" }
    function replace() {
        client.connectToHost("192.0.2.1", 9)
        note("connecting " + connecting)
        client.configuration = nonsense
        client.connectToHost("192.0.2.1", 9)
        note("connecting " + connecting)
    }
    function startClient()""",
        )
    )
    document.call("replace")
    log = [line for line in document.get("log").toVariant() if not line.startswith("Looking")]
    assert log[0] == "connecting true"
    assert log[-1] == "connecting false"
    assert "missing.pem" in log[-2]


@pytest.mark.parametrize("answer", ["accept", "reject"])
def test_question_about_a_client(load: Load, answer: str) -> None:
    """A server asks about a client's certificate, and answers later."""
    document = load(
        TLS.replace(
            "onPendingConnectionAvailable",
            "onCertificateQuestion: question => { root.note(question.hostName === '' && question.errors.length > 0);"
            f" question.defer(); Qt.callLater(() => question.{answer}()) }}\n        onPendingConnectionAvailable",
        )
        .replace(SERVER_CONFIGURATION, SERVER_CONFIGURATION.replace("}", "; verifyMode: Tls.VerifyMode.Require }"))
        .replace(
            "caCertificates: [root.ca]",
            "caCertificates: [root.ca]; certificate: root.bad.certificate; privateKey: root.bad.key",
        )
    )
    document.call("start")
    waitFor(lambda: document.get("done"))
    log = document.get("log").toVariant()
    assert log[0] is True
    assert ("echo hällo" in log) == (answer == "accept")


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("question.accept()", 2),
        ("question.defer(); Qt.callLater(() => question.accept())", 2),
        ("question.reject()", 0),
    ],
)
def test_question_about_a_datagram_server(load: Load, answer: str, outcome: int) -> None:
    """The same for datagrams."""
    document = load(
        DTLS.replace("root.good.", "root.bad.").replace(
            "onEncrypted: {", f"onCertificateQuestion: question => {{ {answer} }}\n        onEncrypted: {{"
        )
    )
    document.call("start")
    waitFor(lambda: document.get("done"))
    log = document.get("log").toVariant()
    assert len([line for line in log if isinstance(line, (int, float))]) == outcome
    assert (log[-1] == "DTLS 1.2") == bool(outcome)


def test_errors_can_be_followed_after_a_failure(load: Load) -> None:
    """What was wrong with a refused certificate is a property that changes."""
    document = load(
        TLS.replace("identity: good", "identity: bad").replace(
            "property bool done", "property int count: socket_.certificateErrors.length\n    property bool done"
        )
        .replace("TlsSocket {", "TlsSocket { id: socket_", 1)
    )  # fmt: skip
    assert document.get("count") == 0
    document.call("start")
    waitFor(lambda: document.get("count") > 0)
