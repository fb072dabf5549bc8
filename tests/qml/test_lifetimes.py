"""Objects that go at the worst moment."""

from __future__ import annotations

import gc

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QObject

from qtsecure import CertificateRequest, SslServer, SslSocket
from qtsecure.qml.certificate_question import CertificateQuestion
from qtsecure.qml.enums import TlsEnums
from qtsecure.qml.servers import TlsServerExtension
from qtsecure.qml.tls_socket import TlsSocketExtension
from qtsecure.qml.trust_decisions import TrustDecisionsItem
from qtsecure.testing import waitFor
from tests.qml.conftest import Load
from tests.qml.documents import TLS

DYNAMIC = TLS.replace(
    "property QtObject socket: TlsSocket {", "property QtObject socket: null\n    property Component maker: TlsSocket {"
).replace("socket.connectToHostEncrypted", "socket = maker.createObject(root); socket.connectToHostEncrypted")


def settle() -> None:
    """Carry out what was put off, and collect."""
    for _ in range(3):
        QCoreApplication.processEvents()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        gc.collect()


@pytest.mark.parametrize(
    "handler", ["onEncrypted", "onReadyRead", "onStateChanged", "onEncryptedChanged", "onDisconnected"]
)
def test_destroy_in_a_handler(load: Load, handler: str) -> None:
    """QML deletes the socket in each of its own handlers."""
    source = DYNAMIC.replace("onDisconnected: root.done = true", "onDisconnected: {}").replace(
        f"{handler}: ", f"{handler}: if (true) {{ root.note('gone'); destroy(0); root.done = true }} else ", 1
    )
    if f"{handler}: if" not in source:
        source = source.replace(
            "onEncrypted: write",
            f"{handler}: {{ root.note('gone'); destroy(0); root.done = true }}\n onEncrypted: write",
            1,
        )
    document = load(source)
    document.call("start")
    waitFor(lambda: document.get("done"))
    settle()
    assert "gone" in document.get("log").toVariant()
    waitFor(lambda: document.get("socket") is None)


@pytest.mark.parametrize(
    "answer", ["destroy(0)", "question.defer(); destroy(0)", "abort()", "question.defer(); abort()"]
)
def test_going_while_a_certificate_is_asked_about(load: Load, answer: str) -> None:
    """The server hears of the end; nobody touches what is deleted."""
    source = DYNAMIC.replace("identity: good", "identity: bad").replace(
        "onEncrypted: write",
        f"onCertificateQuestion: question => {{ root.note('asked'); {answer} }}\n        onEncrypted: write",
    )
    document = load(source)
    document.call("start")
    waitFor(lambda: any(str(line).startswith("server: ") for line in document.get("log").toVariant()))
    settle()
    assert document.get("log").toVariant()[0] == "asked"
    assert "echo" not in str(document.get("log").toVariant())


@pytest.mark.parametrize(
    "way",
    [
        # From the question's own event loop: that ends with the socket.
        "Qt.callLater(() => destroy(0))",
        # From the handler: Qt deletes when the loop outside of the question goes on, so after the answer.
        "destroy(0); Qt.callLater(() => question.cancel())",
    ],
)
def test_destroy_while_a_key_is_awaited(load: Load, way: str) -> None:
    """The nested event loop ends, and the socket is gone."""
    document = load(
        DYNAMIC.replace("identity: good", "identity: bad")
        .replace(
            "onEncrypted: write",
            "preSharedKeys: true\n onPskQuestion: question => { question.defer(); root.note('asked'); " + way + " }\n"
            " onEncrypted: write",
        )
    )  # fmt: skip
    document.call("start")
    waitFor(lambda: "asked" in document.get("log").toVariant())
    waitFor(lambda: document.get("socket") is None)


def test_discard_in_a_handler_of_the_connection(load: Load) -> None:
    """An accepted connection that goes while it tells that it can be read."""
    document = load(TLS.replace('peer.write("echo " + peer.readText())', "peer.discard()"))
    document.call("start")
    waitFor(lambda: document.get("done"))
    settle()
    waitFor(lambda: document.get("connection") is None)


def test_server_goes_first(load: Load) -> None:
    """Deleting the server deletes its connections and the objects that show them."""
    document = load(
        TLS.replace("property QtObject server: TlsServer {",
                    "property QtObject server: maker.createObject(root)\n property Component maker: TlsServer {")
        .replace("onEncrypted: write", "onEncrypted: root.server.destroy(0)\n property int x: 0 //")
    )  # fmt: skip
    document.call("start")
    waitFor(lambda: document.get("done"))
    settle()
    assert document.get("server") is None
    assert document.get("connection") is None


def test_document_goes_in_the_middle_of_a_handshake(load: Load) -> None:
    """Closing the engine ends everything without a word."""
    for _ in range(5):
        document = load(TLS)
        document.call("start")
        QCoreApplication.processEvents()
        document.close()
        document.root = None
        document.close = lambda: None
        settle()


def test_deleted_configuration(load: Load) -> None:
    """The connection fails and says so."""
    document = load(
        TLS.replace("function start", "property Component maker: TlsConfiguration {}\n function spoil() {"
                    " socket.configuration = maker.createObject(root); socket.configuration.destroy(0) }"
                    "\n function start")
    )  # fmt: skip
    document.call("spoil")
    settle()
    document.call("start")
    assert document.get("log").toVariant() != []


@pytest.mark.parametrize("way", ["remember", "recall"])
def test_the_connection_goes_while_an_answer_is_remembered(qapp: QCoreApplication, way: str) -> None:
    """A handler of the decisions' signals ends it, and the answer is none: whoever asks the user is told."""
    owner, decisions = QObject(), TrustDecisionsItem()
    request = CertificateRequest([], [], "localhost", owner)
    request.defer()
    question = CertificateQuestion(request, decisions, owner)
    told: list[str] = []
    question.cancelled.connect(lambda: told.append("cancelled"))

    def answers(*_: object) -> bool:
        request._cancel()
        return False

    decisions.remember = decisions.answer = answers  # type: ignore[method-assign]  # the handler runs within
    assert not (question.remember(TlsEnums.Lifetime.Once) if way == "remember" else question.recall())
    assert not question.isPending()
    assert told == ["cancelled"]


@pytest.mark.parametrize("kind", ["socket", "server"])
def test_a_question_that_is_over_is_not_asked(qapp: QCoreApplication, kind: str) -> None:
    """A handler of the decisions' signals has ended the connection: nobody would tell a dialog to close."""
    socket, server, decisions = SslSocket(), SslServer(), TrustDecisionsItem()
    request = CertificateRequest([], [], "localhost", socket)
    facade = TlsSocketExtension(socket) if kind == "socket" else TlsServerExtension(server)
    facade._setDecisions(decisions)
    asked: list[object] = []
    facade.certificateQuestion.connect(asked.append)

    def answer(request: CertificateRequest) -> bool:
        request._cancel()
        return False

    decisions.answer = answer  # type: ignore[method-assign]  # the handler runs within
    arguments = (request,) if kind == "socket" else (socket, request)
    facade.ask(*arguments)
    assert asked == []
