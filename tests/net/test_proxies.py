"""Connecting through SOCKS 5 and HTTP proxies."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtNetwork import QAuthenticator, QNetworkProxy, QNetworkProxyFactory, QNetworkProxyQuery

from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.transports.proxy_stream import ProxyStream
from tests.net.conversation import Conversation, Error, FakeClock, State, spin
from tests.net.proxy_servers import HttpProxy, ProxyServer, SilentProxy, Socks5Proxy

pytestmark = pytest.mark.usefixtures("transport_mode")

Type = QNetworkProxy.ProxyType
KINDS = {"socks5": (Socks5Proxy, Type.Socks5Proxy), "http": (HttpProxy, Type.HttpProxy)}
NAME = "behind-the-proxy.invalid"


@pytest.fixture(params=list(KINDS))
def kind(request: pytest.FixtureRequest) -> tuple[type[ProxyServer], Type]:
    """A server of one kind and Qt's name for it."""
    return KINDS[request.param]


@pytest.fixture
def applicationProxy() -> Iterator[None]:
    """Put the application's proxy back."""
    yield
    QNetworkProxyFactory.setApplicationProxyFactory(None)  # type: ignore[arg-type]  # Qt's way of removing it
    QNetworkProxy.setApplicationProxy(QNetworkProxy(Type.NoProxy))


def proxyAt(server: ProxyServer, kind: Type, user: str = "", password: str = "") -> QNetworkProxy:
    return QNetworkProxy(kind, "127.0.0.1", server.port, user, password)


def connectThrough(conversation: Conversation, proxy: QNetworkProxy | None, host: str = NAME) -> SslSocket:
    if not conversation.server.isListening():
        conversation.listen()
    client = conversation.client
    client.setSslConfiguration(conversation.clientConfiguration)
    client.setPeerVerifyName("localhost")
    if proxy is not None:
        client.setProxy(proxy)
    client.connectToHostEncrypted(host, conversation.server.serverPort())
    return client


def talk(conversation: Conversation) -> None:
    """A mebibyte to the server and back."""
    spin(lambda: conversation.client.isEncrypted() and conversation.server.hasPendingConnections())
    peer = conversation.server.nextPendingConnection()
    assert peer is not None
    conversation.peer = peer
    data = bytes(range(256)) * 4096
    received = bytearray()
    peer.readyRead.connect(lambda: peer.write(peer.readAll()))
    conversation.client.write(data)

    def complete() -> bool:
        received.extend(conversation.client.readBytes())
        return len(received) == len(data)

    spin(complete, timeout=20_000)
    assert received == data


def test_the_name_goes_to_the_proxy(conversation: Conversation, kind: tuple[type[ProxyServer], Type]) -> None:
    """A name that does not exist here is looked up by the proxy; the states come as with Qt's sockets."""
    with kind[0]() as server:
        client = connectThrough(conversation, proxyAt(server, kind[1]))
        assert conversation.story("client") == ["stateChanged HostLookupState", "stateChanged ConnectingState"]
        talk(conversation)
        assert server.asked == [(NAME, conversation.server.serverPort())]
        assert client.peerName() == NAME
        assert client.state() == State.ConnectedState
        assert client.proxy().type() == kind[1]
        client.disconnectFromHost()
        conversation.recorder.waitFor("client.disconnected")
        spin(lambda: conversation.peer.state() == State.UnconnectedState)
    assert conversation.peer.peerClosedCleanly()
    assert conversation.recorder.count("client.errorOccurred") == 0
    assert conversation.recorder.count("client.connected") == 1


def test_an_address_goes_to_the_proxy(conversation: Conversation, kind: tuple[type[ProxyServer], Type]) -> None:
    """A proxy of the socket's own is used for every address, this machine's, too."""
    with kind[0]() as server:
        connectThrough(conversation, proxyAt(server, kind[1]), host="127.0.0.1")
        talk(conversation)
        assert server.asked == [("127.0.0.1", conversation.server.serverPort())]
        conversation.client.abort()


def test_user_name_and_password_of_the_proxy(conversation: Conversation, kind: tuple[type[ProxyServer], Type]) -> None:
    """What setProxy() has is used without asking."""
    with kind[0](user="me", password="opensesame") as server:
        connectThrough(conversation, proxyAt(server, kind[1], "me", "opensesame"))
        talk(conversation)
        conversation.client.abort()


def test_the_program_is_asked(conversation: Conversation) -> None:
    """proxyAuthenticationRequired: what its slot sets is used; its time does not count."""
    asked: list[tuple[QNetworkProxy, str]] = []

    def answer(proxy: QNetworkProxy, authenticator: QAuthenticator) -> None:
        asked.append((proxy, authenticator.realm()))
        authenticator.setUser("me")
        authenticator.setPassword("opensesame")

    conversation.client.proxyAuthenticationRequired.connect(answer)
    with HttpProxy(user="me", password="opensesame") as server:
        connectThrough(conversation, proxyAt(server, Type.HttpProxy))
        talk(conversation)
        conversation.client.abort()
        assert len(asked) == 1
        assert asked[0][0].port() == server.port
        assert asked[0][1] == "tests"
        assert server.refused == 1


def test_the_users_time_is_not_the_proxys_fault(conversation: Conversation, clock: FakeClock) -> None:
    """A dialog in the slot may take longer than connecting may."""

    def dialog(proxy: QNetworkProxy, authenticator: QAuthenticator) -> None:
        loop = QEventLoop()
        QTimer.singleShot(0, loop, loop.quit)
        clock.advance(100)
        loop.exec()
        authenticator.setUser("me")
        authenticator.setPassword("opensesame")

    conversation.client.proxyAuthenticationRequired.connect(dialog)
    with HttpProxy(user="me", password="opensesame") as server:
        connectThrough(conversation, proxyAt(server, Type.HttpProxy))
        talk(conversation)
        conversation.client.abort()


@pytest.mark.parametrize("way", ["abort", "deleteLater"])
def test_ending_in_the_slot(conversation: Conversation, way: str) -> None:
    """The program gives up when it is asked for a password."""
    client = conversation.client
    client.proxyAuthenticationRequired.connect(lambda *_: getattr(client, way)())
    ended: list[bool] = []
    client.destroyed.connect(lambda: ended.append(True))
    with HttpProxy(user="me", password="opensesame") as server:
        connectThrough(conversation, proxyAt(server, Type.HttpProxy))
        spin(lambda: bool(ended) or client.state() == State.UnconnectedState)


def test_a_time_out_in_the_slot(conversation: Conversation, clock: FakeClock) -> None:
    """The connection is given up without anything being asked of Qt's engine of the proxy, which waits for the slot."""
    client = conversation.client
    client.setTimeout(1000)
    client.proxyAuthenticationRequired.connect(lambda *_: [clock.advance(each) for each in (1.1, 0.2)])
    waits: list[int] = []
    original = ProxyStream.wait

    def wait(stream: ProxyStream, milliseconds: int, *, writing: bool) -> bool:
        waits.append(milliseconds)
        return original(stream, milliseconds, writing=writing)

    with HttpProxy(user="me", password="opensesame") as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(ProxyStream, "wait", wait)
        connectThrough(conversation, proxyAt(server, Type.HttpProxy))
        spin(lambda: client.state() == State.UnconnectedState)
    assert conversation.recorder.of("client.errorOccurred") == [(Error.SocketTimeoutError,)]
    assert waits == []


def test_wrong_password(conversation: Conversation, kind: tuple[type[ProxyServer], Type]) -> None:
    """ProxyAuthenticationRequiredError, with what to do about it and without the password."""
    with kind[0](user="me", password="opensesame") as server:
        client = connectThrough(conversation, proxyAt(server, kind[1], "me", "closesesame"))
        conversation.recorder.waitFor("client.errorOccurred")
        assert client.error() == Error.ProxyAuthenticationRequiredError
        assert "password" in client.errorString()
        assert "sesame" not in client.errorString()
        assert client.state() == State.UnconnectedState
        assert conversation.recorder.count("client.errorOccurred") == 1


def test_no_proxy_there(conversation: Conversation, kind: tuple[type[ProxyServer], Type], closedPort: int) -> None:
    """Nothing listens at the proxy's address: its name is in the sentence."""
    client = connectThrough(conversation, QNetworkProxy(kind[1], "127.0.0.1", closedPort))
    conversation.recorder.waitFor("client.errorOccurred")
    assert client.error() == Error.ProxyConnectionRefusedError
    assert f"127.0.0.1:{closedPort}" in client.errorString()
    assert conversation.story("client")[-2:] == [
        "stateChanged UnconnectedState",
        "errorOccurred ProxyConnectionRefusedError",
    ]


def test_an_unknown_proxy(conversation: Conversation, kind: tuple[type[ProxyServer], Type]) -> None:
    """A proxy whose own name does not exist."""
    client = connectThrough(conversation, QNetworkProxy(kind[1], "no-such-proxy.invalid", 1080))
    conversation.recorder.waitFor("client.errorOccurred")
    assert client.error() == Error.ProxyNotFoundError
    assert "no-such-proxy.invalid" in client.errorString()


def test_nonsense_from_the_proxy(conversation: Conversation, kind: tuple[type[ProxyServer], Type]) -> None:
    """Something that is no proxy of this kind."""
    with kind[0](answer=b"\x04\x00 who are you?\r\n\r\n") as server:
        client = connectThrough(conversation, proxyAt(server, kind[1]))
        conversation.recorder.waitFor("client.errorOccurred")
        assert client.error() in (Error.ProxyProtocolError, Error.ProxyConnectionClosedError)
        assert f":{server.port}" in client.errorString()


def test_a_proxy_that_ends(conversation: Conversation, kind: tuple[type[ProxyServer], Type]) -> None:
    """The proxy closes the connection before the host is reached."""
    with kind[0](answer=b"") as server:
        client = connectThrough(conversation, proxyAt(server, kind[1]))
        conversation.recorder.waitFor("client.errorOccurred")
        assert client.error() == Error.ProxyConnectionClosedError
        assert client.state() == State.UnconnectedState


def test_a_proxy_that_says_nothing(
    conversation: Conversation, kind: tuple[type[ProxyServer], Type], clock: FakeClock
) -> None:
    """The time for connecting covers the proxy."""
    with SilentProxy() as server:
        client = connectThrough(conversation, proxyAt(server, kind[1]))
        clock.advance(29)
        assert client.state() == State.ConnectingState
        clock.advance(1)
        assert client.state() == State.ConnectingState  # the event loop has its turn, for what may wait
        clock.advance(0.05)
        assert client.error() == Error.SocketTimeoutError
        assert client.state() == State.UnconnectedState


def test_a_host_behind_the_proxy_that_refuses(conversation: Conversation, closedPort: int) -> None:
    """SOCKS tells the reason."""
    with Socks5Proxy() as server:
        conversation.client.setProxy(proxyAt(server, Type.Socks5Proxy))
        conversation.client.connectToHost(NAME, closedPort)
        conversation.recorder.waitFor("client.errorOccurred")
        assert conversation.client.error() == Error.ConnectionRefusedError


@pytest.mark.usefixtures("applicationProxy")
def test_the_applications_proxy(conversation: Conversation, kind: tuple[type[ProxyServer], Type]) -> None:
    """DefaultProxy means the application's; addresses of this machine do not go through it."""
    with kind[0]() as server:
        conversation.listen()
        QNetworkProxy.setApplicationProxy(proxyAt(server, kind[1]))
        assert conversation.client.proxy().type() == Type.DefaultProxy
        connectThrough(conversation, None)
        talk(conversation)
        assert len(server.asked) == 1
        conversation.client.abort()
        for host in ("127.0.0.1", "localhost"):
            connectThrough(conversation, None, host)
            talk(conversation)
            conversation.client.abort()
        conversation.client.setProxy(QNetworkProxy(Type.NoProxy))
        conversation.client.connectToHost(NAME, conversation.server.serverPort())
        spin(lambda: conversation.client.error() == Error.HostNotFoundError)
        assert len(server.asked) == 1


class _Factory(QNetworkProxyFactory):
    def __init__(self, proxies: list[QNetworkProxy]) -> None:
        super().__init__()
        self.proxies = proxies
        self.queries: list[tuple[str, int, str]] = []

    def queryProxy(self, query: QNetworkProxyQuery) -> list[QNetworkProxy]:
        self.queries.append((query.peerHostName(), query.peerPort(), query.protocolTag()))
        return self.proxies


@pytest.mark.usefixtures("applicationProxy")
def test_the_applications_factory(conversation: Conversation, closedPort: int) -> None:
    """It is asked with host, port and tag; the first proxy that carries streams is taken."""
    conversation.listen()
    with Socks5Proxy() as server:
        caching = QNetworkProxy(Type.HttpCachingProxy, "127.0.0.1", closedPort)
        factory = _Factory([caching, proxyAt(server, Type.Socks5Proxy)])
        QNetworkProxyFactory.setApplicationProxyFactory(factory)  # which does not keep the Python object
        conversation.client.setProtocolTag("smtp")
        connectThrough(conversation, None)
        talk(conversation)
        assert factory.queries == [(NAME, conversation.server.serverPort(), "smtp")]
        assert conversation.client.protocolTag() == "smtp"
        conversation.client.abort()
        QNetworkProxyFactory.setApplicationProxyFactory(None)  # type: ignore[arg-type]  # before it goes


def test_a_proxy_that_carries_no_streams(conversation: Conversation, closedPort: int) -> None:
    """UnsupportedSocketOperationError instead of a direct connection."""
    client = connectThrough(conversation, QNetworkProxy(Type.HttpCachingProxy, "127.0.0.1", closedPort))
    assert client.state() == State.UnconnectedState
    assert client.error() == Error.UnsupportedSocketOperationError
    assert conversation.recorder.count("client.errorOccurred") == 1


def test_a_bound_socket_does_not_pass_the_proxy_by(conversation: Conversation) -> None:
    """An own address cannot be kept through a proxy, and the proxy is not left out."""
    with Socks5Proxy() as server:
        assert conversation.client.bind("127.0.0.1")
        client = connectThrough(conversation, proxyAt(server, Type.Socks5Proxy))
        assert client.error() == Error.UnsupportedSocketOperationError
        assert client.state() == State.UnconnectedState
        assert client.socketDescriptor() == -1
        assert server.asked == []


def test_a_read_limit_through_the_proxy(conversation: Conversation, kind: tuple[type[ProxyServer], Type]) -> None:
    """Reading stops at the limit, and goes on."""
    with kind[0]() as server:
        client = connectThrough(conversation, proxyAt(server, kind[1]))
        spin(lambda: client.isEncrypted() and conversation.server.hasPendingConnections())
        peer = conversation.server.nextPendingConnection()
        assert peer is not None
        client.setReadBufferSize(1000)
        peer.write(bytes(1 << 21))
        received = 0

        def complete() -> bool:
            nonlocal received
            received += len(client.readBytes())
            return received == 1 << 21

        spin(complete, timeout=20_000)
        client.abort()


def test_switching_proxies_on_one_object(conversation: Conversation, closedPort: int) -> None:
    """As Qt's resetProxy: bad proxy, good proxy, none."""
    with HttpProxy() as server:
        client = connectThrough(conversation, QNetworkProxy(Type.HttpProxy, "127.0.0.1", closedPort))
        conversation.recorder.waitFor("client.errorOccurred")
        connectThrough(conversation, proxyAt(server, Type.HttpProxy))
        talk(conversation)
        client.abort()
        connectThrough(conversation, QNetworkProxy(Type.NoProxy), host="localhost")
        talk(conversation)
        client.abort()
        assert len(server.asked) == 1


def test_a_type_stands_for_a_proxy_of_that_type(conversation: Conversation) -> None:
    """As for PySide's classes: setProxy(QNetworkProxy.ProxyType.NoProxy)."""
    for end in (conversation.client, conversation.server):
        end.setProxy(Type.NoProxy)
        assert end.proxy() == QNetworkProxy(Type.NoProxy)


def test_arguments(conversation: Conversation) -> None:
    """Wrong types raise; the proxy is copied."""
    with pytest.raises(TypeError, match="networkProxy"):
        conversation.client.setProxy("http://proxy")  # type: ignore[arg-type]  # on purpose
    with pytest.raises(TypeError, match="tag"):
        conversation.client.setProtocolTag(5)  # type: ignore[arg-type]  # on purpose
    proxy = QNetworkProxy(Type.HttpProxy, "one", 1)
    conversation.client.setProxy(proxy)
    proxy.setHostName("two")
    conversation.client.proxy().setHostName("three")
    assert conversation.client.proxy().hostName() == "one"
