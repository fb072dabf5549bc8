"""R29: a call from the wrong thread raises, names both threads, and changes nothing."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import PySide6
import pytest
from PySide6.QtCore import QCoreApplication, QIODevice, QObject, QThread, QTimer, QXmlStreamReader

import qtsecure.net.ssl_socket as socket_module
from qtsecure import DtlsPeer, DtlsServer, SocketClient
from qtsecure.net.questions.certificate_request import CertificateRequest
from qtsecure.net.questions.choice_requests import ClientCertificateRequest, VirtualHostRequest
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.trust.trust_decisions import TrustDecisions
from qtsecure.net.values import SslConfiguration
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.figures import Figure
from tests.net.conversation import Conversation, State, spin

pytestmark = [pytest.mark.figure("R29"), pytest.mark.usefixtures("transport_mode")]

_FD = 0
# What each method needs; the others are called without arguments.
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "answer": (None,),
    "remember": (None, TrustDecisions.Lifetime.Once),
    "revoke": (None,),
    "connectToHost": ("localhost", 1),
    "connectToHostEncrypted": ("localhost", 1),
    "exportKeyingMaterial": ("EXPERIMENTAL", 16),
    "moveToThread": (QThread(),),
    "peek": (1,),
    "read": (1,),
    "skip": (1,),
    "setHandshakeTimeout": (1,),
    "setPeerVerifyName": ("other",),
    "setReadBufferSize": (1,),
    "setSocketDescriptor": (_FD,),
    "setSslConfiguration": (SslConfiguration(),),
    "setTimeout": (1,),
    "setWriteBufferLimit": (1,),
    "write": (b"x",),
    # SslServer
    "addPendingConnection": (None,),
    "setListenBacklogSize": (1,),
    "setMaxConnectionsPerAddress": (1,),
    "setMaxHandshakingConnections": (1,),
    "setMaxPendingConnections": (1,),
}


def publicMethods(cls: type) -> list[str]:
    """The public methods that are ours."""
    names = {
        name
        for base in cls.__mro__
        if base.__module__.startswith("qtsecure.")
        for name, value in vars(base).items()
        if inspect.isfunction(value) and not name.startswith("_")
    }
    return sorted(names)


_EXEMPT = {*socket_module._ANSWERS_ANY_THREAD, "connectNotify", "readData"}
SOCKET_METHODS = [name for name in publicMethods(SslSocket) if name not in _EXEMPT]
SERVER_METHODS = [
    "addPendingConnection",
    "close",
    "hasPendingConnections",
    "listen",
    "nextPendingConnection",
    "pauseAccepting",
    "resumeAccepting",
    "serverAddress",
    "serverPort",
    "setHandshakeTimeout",
    "setListenBacklogSize",
    "setMaxConnectionsPerAddress",
    "setMaxHandshakingConnections",
    "setMaxPendingConnections",
    "setSocketDescriptor",
    "setSslConfiguration",
    "socketDescriptor",
    "sslConfiguration",
    "statistics",
]

REQUESTS = {
    CertificateRequest: lambda: CertificateRequest([], [], "localhost"),
    VirtualHostRequest: lambda: VirtualHostRequest("localhost"),
    ClientCertificateRequest: lambda: ClientCertificateRequest((), "localhost"),
}
REQUEST_METHODS = ["accept", "decline", "defer", "fail", "provide", "reject"]
DECISION_METHODS = ["answer", "decisions", "error", "remember", "revoke", "revokeAll"]


def inThread(function: Callable[[], object], name: str = "intruder") -> object:
    """What a call in another thread returns or raises."""
    outcome: list[object] = []

    def run() -> None:
        try:
            outcome.append(function())
        except Exception as error:  # noqa: BLE001  # it is the outcome
            outcome.append(error)

    thread = threading.Thread(target=run, name=name)
    thread.start()
    thread.join(10)
    assert outcome, "The call did not return."
    return outcome[0]


@pytest.fixture
def conversation(qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure) -> Iterator[Conversation]:
    conversation = Conversation(qtsecure_pki)
    yield conversation
    conversation.close()


def owned(name: str) -> str:
    """How a message calls the owner's thread: up to 6.11.0 PySide cannot be asked for it without harm."""
    return name if PySide6.__version_info__[:3] > (6, 11, 0) else ""


def isRefusal(outcome: object, method: str) -> bool:
    text = str(outcome)
    named = f".{method}()" in text and "'intruder'" in text and owned("the main thread") in text
    return isinstance(outcome, RuntimeError) and named


def test_r29_every_method(conversation: Conversation, figure: Figure, tmp_path: Path) -> None:
    """SslSocket, connected and not, SslServer, TrustDecisions: nothing gets through, and the connection lives on."""
    conversation.establish()
    unused = SslSocket()
    calls: list[tuple[QObject, str]] = [(conversation.client, name) for name in SOCKET_METHODS]
    calls += [(unused, name) for name in SOCKET_METHODS]
    calls += [(conversation.server, name) for name in SERVER_METHODS]
    decisions = TrustDecisions(tmp_path / "trust.ini")
    calls += [(decisions, name) for name in DECISION_METHODS]
    questions = [make() for make in REQUESTS.values()]
    calls += [(each, name) for each in questions for name in REQUEST_METHODS if hasattr(each, name)]
    passed = []
    for obj, name in calls:
        outcome = inThread(lambda obj=obj, name=name: getattr(obj, name)(*ARGUMENTS.get(name, ())))
        if not isRefusal(outcome, name):
            passed.append(f"{type(obj).__name__}.{name}: {outcome!r}")
    methods = len(SOCKET_METHODS) + len(SERVER_METHODS) + len(DECISION_METHODS) + len(REQUEST_METHODS)
    figure.none("calls that got through", len(passed), len(calls))
    assert passed == []
    assert methods >= 30
    conversation.client.write(b"unharmed")
    spin(lambda: conversation.peer.bytesAvailable() == 8)
    assert conversation.peer.readBytes() == b"unharmed"
    assert unused.state() == State.UnconnectedState
    assert all(each.isPending() for each in questions)


_HARMLESS: dict[type[QObject], frozenset[str]] = {
    DtlsPeer: frozenset(
        (
            *("error", "errorString", "status", "isEncrypted", "mtu", "handshakeTimeout", "idleTimeout", "pauseMode"),
            *("hasPendingDatagrams", "pendingDatagramSize", "readDatagram", "getPacket"),
            *("writeDatagram", "putPacket"),  # see the next test
            *("packetError", "availablePacketCount", "encodeBufferMaxSize"),
            *("connectNotify", "disconnectNotify"),
        )
    ),
    DtlsServer: frozenset(
        (
            *("errorString", "handshakeTimeout", "idleTimeout", "isCookieVerificationEnabled", "connectNotify"),
            *("isListening", "maxConnections", "maxConnectionsPerAddress", "maxHandshakingConnections"),
            *("maxPendingConnections", "mtu", "reusePort", "serverError"),
        )
    ),
    SocketClient: frozenset(
        (
            *("attemptDelay", "enableProxy", "family", "handshakeTimeout", "localAddress", "overallTimeout"),
            *("protocolNumber", "resolutionDelay", "resolver", "socketType", "timeout", "tls"),
            "onClientEvent",
        )
    ),
}
"""What answers any thread: one value that Python's lock protects, or a queue."""


@pytest.mark.parametrize("kind", _HARMLESS, ids=lambda kind: kind.__name__)
def test_r29_every_method_of_the_others(qapp: QCoreApplication, figure: Figure, kind: type[QObject]) -> None:
    """DtlsPeer, DtlsServer and SocketClient: a method that nobody has named as harmless is refused.

    It is refused before anything looks at its arguments, so it needs none.
    """
    obj = kind()
    names = publicMethods(kind)
    assert set(names) >= _HARMLESS[kind]
    called = [name for name in names if name not in _HARMLESS[kind]]
    passed = []
    for name in called:
        outcome = inThread(lambda name=name: getattr(obj, name)())
        if not isRefusal(outcome, name):
            passed.append(f"{kind.__name__}.{name}: {outcome!r}")
    figure.none("calls that got through", len(passed), len(called))
    assert passed == []
    assert len(called) >= 20


def test_r29_messages_of_an_association(qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure) -> None:
    """The methods for each message check for themselves, and once there is something that could be harmed."""
    server = DtlsServer()
    server.setSslConfiguration(SslConfiguration.forServer(qtsecure_pki.server.chain, qtsecure_pki.server.privateKey))
    assert server.listen("127.0.0.1")
    client = DtlsPeer()
    client.setSslConfiguration(SslConfiguration.forClient([qtsecure_pki.ca.certificate]))
    client.connectToHost("127.0.0.1", server.serverPort())
    spin(lambda: client.isEncrypted() and server.hasPendingConnections())
    peer = server.nextPendingConnection()
    assert peer is not None
    for end in (client, peer):
        assert isRefusal(inThread(lambda end=end: end.writeDatagram(b"x")), "writeDatagram")
        assert isRefusal(inThread(lambda end=end: end.putPacket(b"x")), "writeDatagram")
    client.writeDatagram(b"unharmed")
    spin(peer.hasPendingDatagrams)
    assert peer.readDatagram() == b"unharmed"
    client.abort()
    server.close()


def test_a_deferred_answer_from_another_thread(conversation: Conversation) -> None:
    """It would run the handshake there, at the same time as the event loop: refused, and the question stays open."""
    conversation.clientConfiguration.setCaCertificates([])
    asked: list[CertificateRequest] = []

    def defer(request: CertificateRequest) -> None:
        request.defer()
        asked.append(request)

    conversation.client.acceptCertificate.connect(defer)
    conversation.connect()
    spin(lambda: bool(asked))
    assert isRefusal(inThread(asked[0].accept), "accept")
    assert inThread(asked[0].isPending) is True
    assert not conversation.client.isEncrypted()
    asked[0].accept()
    spin(conversation.client.isEncrypted)


@pytest.mark.parametrize("name", ["state", "bytesAvailable", "isEncrypted", "peerAddress", "bytesToWrite", "error"])
def test_harmless_getters_answer(conversation: Conversation, name: str) -> None:
    """They read one value that Python's lock protects."""
    conversation.establish()
    assert inThread(getattr(conversation.client, name)) == getattr(conversation.client, name)()


def test_methods_that_nobody_listed_are_checked() -> None:
    """A method added to any layer is checked unless somebody exempts it."""
    checked = {name for name in publicMethods(SslSocket) if hasattr(getattr(SslSocket, name), "__wrapped__")}
    exempt = {*_EXEMPT, *socket_module._CHECK_THEMSELVES}
    assert checked == set(publicMethods(SslSocket)) - exempt
    for cls in REQUESTS:
        checked = {name for name in publicMethods(cls) if hasattr(getattr(cls, name), "__wrapped__")}
        assert checked == {name for name in REQUEST_METHODS if hasattr(cls, name)}


def test_a_cpp_reader_in_another_thread(conversation: Conversation) -> None:
    """It reaches the socket through readData(), which refuses as well."""
    peer = conversation.establish()
    peer.write(b"<a/>")
    spin(lambda: conversation.client.bytesAvailable() == 4)
    outcome = inThread(lambda: QIODevice.read(conversation.client, 4))
    assert isRefusal(outcome, "readData")
    assert conversation.client.readBytes() == b"<a/>"


class _Holder(QObject):
    """The parent of a socket."""

    def __init__(self) -> None:
        super().__init__()
        self.socket = SslSocket(self)


@pytest.mark.parametrize("name", ["connectToHost", "write", "abort", "setReadBufferSize", "waitForReadyRead"])
def test_a_socket_that_moved_with_its_parent(qapp: QCoreApplication, name: str) -> None:
    """Qt moves children without asking them: from then on the old thread is the wrong one."""
    holder, thread = _Holder(), QThread()
    thread.setObjectName("worker")
    thread.start()
    holder.moveToThread(thread)
    with pytest.raises(
        RuntimeError, match=rf"{name}\(\) was called in the main thread.*belongs to .*{owned('worker')}"
    ):
        getattr(holder.socket, name)(*ARGUMENTS.get(name, ()))
    thread.quit()
    assert thread.wait(20_000)
    if owned("worker"):  # where the thread may be asked whether it has ended
        holder.socket.abort()  # nobody else can clear up any more


@pytest.mark.parametrize("name", ["write", "readAll", "abort", "state"])
def test_a_connected_socket_that_moved_with_its_parent(conversation: Conversation, name: str) -> None:
    """Its connection stays with the old thread's reactor, and only that thread may use it."""
    conversation.listen()
    holder, thread = _Holder(), QThread()
    holder.socket.setSslConfiguration(conversation.clientConfiguration)
    holder.socket.connectToHostEncrypted("127.0.0.1", conversation.server.serverPort())
    spin(holder.socket.isEncrypted)
    outcomes: list[object] = []

    class Mover(QObject):
        def run(self) -> None:
            try:
                outcomes.append(getattr(holder.socket, name)(*ARGUMENTS.get(name, ())))
            except RuntimeError as error:
                outcomes.append(str(error))
            holder.moveToThread(qapp.thread())
            QThread.currentThread().quit()

    qapp = QCoreApplication.instance()
    assert qapp is not None
    mover = Mover()
    holder.moveToThread(thread)
    mover.moveToThread(thread)
    thread.started.connect(mover.run)
    woken = QTimer()  # whose slot is an event for the main thread, which waits for one
    thread.finished.connect(woken.stop)
    thread.start()
    spin(thread.isFinished)
    assert thread.wait(10_000)
    if name == "state":
        assert outcomes == [State.ConnectedState]
    else:
        assert f"{name}() was called in" in str(outcomes[0])
        assert "belongs to the main thread" in str(outcomes[0])
    assert holder.socket.isEncrypted()
    holder.socket.abort()


def test_two_reading_threads_of_their_own(conversation: Conversation) -> None:
    """Sockets of different threads share nothing: what is refused is the thread, not threads."""
    conversation.establish()

    def use() -> bytes:
        own = SslSocket()
        own.setReadBufferSize(10)
        reader = QXmlStreamReader()
        reader.addData("<a/>")
        return own.readBytes()

    assert inThread(use) == b""
