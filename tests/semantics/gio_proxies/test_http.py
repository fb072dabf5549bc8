"""gio-S27 and S28: HTTP CONNECT on the wire, and the same inside TLS."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QCoreApplication

from qtsecure.errors import SecureError
from qtsecure.net.proxies.proxy_address import ProxyAddress
from qtsecure.net.questions.certificate_request import CertificateRequest
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.values import SslConfiguration, SslError
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.net.conversation import FakeClock, State, settle, spin
from tests.net.proxies.rig import (
    EchoServer,
    HttpsProxy,
    MakeRig,
    Negotiating,
    TlsEchoServer,
    connectedTo,
    exchange,
)

Code = SecureError.Code
BEHIND = b"220 hello\r\n\r\n"


@pytest.mark.parametrize(
    ("host", "authority"),
    [
        ("mail.example", b"mail.example:993"),
        ("192.0.2.7", b"192.0.2.7:993"),
        ("2001:db8::7", b"[2001:db8::7]:993"),
        ("Bücher.example", b"xn--bcher-kva.example:993"),
    ],
)
def test_gio_s27_request(makeRig: MakeRig, host: str, authority: bytes) -> None:
    """An IPv6 address is in brackets, which Gio forgets (gio-G7); there is no login unless one is given."""
    rig = makeRig("http", host)
    rig.start()
    assert rig.hearHeader() == b"CONNECT " + authority + b" HTTP/1.1\r\nHost: " + authority + b"\r\n\r\n"


@pytest.mark.parametrize(
    ("login", "said"),
    [("joe:secret", b"joe:secret"), ("joe:", b"joe:"), (":secret", b":secret"), ("j%20e:%C3%BC", "j e:ü".encode())],
)
def test_gio_s27_login(makeRig: MakeRig, login: str, said: bytes) -> None:
    """Basic, when there are both, be they empty."""
    rig = makeRig("http", login=login)
    rig.start()
    line = b"\r\nProxy-Authorization: Basic " + base64.b64encode(said) + b"\r\n"
    assert line in rig.hearHeader()


def test_gio_s27_no_login_without_a_password(makeRig: MakeRig) -> None:
    """A user name alone is none."""
    rig = makeRig("http", login="joe")
    rig.start()
    assert b"Proxy-Authorization" not in rig.hearHeader()
    rig.say(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
    assert rig.failure().code is Code.ProxyNeedAuth


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 Connection established\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nProxy-agent: x\r\n\r\n",
        b"HTTP/1.1 299\r\n\r\n",
        b"HTTP/1.1  204 No\n\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 90_000 + b"\r\n\r\n",
    ],
    ids=["1.1", "1.0", "no-reason", "spaces", "length", "interim", "long"],
)
def test_gio_s27_success(makeRig: MakeRig, answer: bytes) -> None:
    """Any 2xx; what is behind the blank line is the destination's."""
    rig = makeRig("http")
    rig.start()
    rig.hearHeader()
    rig.say(answer + BEHIND)
    connection = rig.connection()
    assert connection is rig.socket
    assert connection.readBytes() == BEHIND


@pytest.mark.parametrize(
    ("login", "status", "code"),
    [
        ("", 403, Code.ProxyNotAllowed),
        ("", 407, Code.ProxyNeedAuth),
        ("joe:secret", 407, Code.ProxyAuthFailed),
        ("", 401, Code.ProxyNeedAuth),
        ("joe:secret", 401, Code.ProxyAuthFailed),
        ("joe:secret", 403, Code.ProxyNotAllowed),
        ("", 101, Code.ProxyFailed),
        ("", 302, Code.ProxyFailed),
        ("", 404, Code.ProxyFailed),
        ("", 502, Code.ProxyFailed),
        ("", 999, Code.ProxyFailed),
    ],
)
def test_gio_s27_refusals(makeRig: MakeRig, login: str, status: int, code: SecureError.Code) -> None:
    """Each status with its error, without waiting for the page that explains it."""
    rig = makeRig("http", login=login)
    rig.start()
    rig.hearHeader()
    rig.say(b"HTTP/1.1 %d Some joe:secret reason\r\nContent-Length: 9\r\n\r\n" % status)
    failure = rig.failure()
    assert failure.code is code
    assert failure.message.startswith(f"The proxy 127.0.0.1:{rig.address.port()} ")
    assert "secret" not in failure.message


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-x\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.1 abc\r\n",
        b"HTTP/1.1 2000 OK\r\n",
        b"HTTP/1.1 020 \r\n",
        b"\5\0\0\0\0\0\0",
    ],
)
def test_gio_s27_answers_that_make_no_sense(makeRig: MakeRig, answer: bytes) -> None:
    """It is no HTTP proxy."""
    rig = makeRig("http")
    rig.start()
    rig.hearHeader()
    rig.say(answer)
    failure = rig.failure()
    assert failure.code is Code.ProxyFailed
    assert "does not answer in HTTP/1.1" in failure.message


@pytest.mark.parametrize(
    "line", [b"x" * 100, b"HTTP/1.1 103 x\r\n\r\n", b"X: y\r\n"], ids=["line", "interim", "fields"]
)
def test_gio_s27_a_header_without_end(makeRig: MakeRig, line: bytes) -> None:
    """96 KiB are enough for anybody."""
    rig = makeRig("http")
    rig.start()
    rig.hearHeader()
    rig.say(
        b"HTTP/1.1 103 x\r\n"
        + (b"" if line.startswith(b"X") else b"\r\nHTTP/1.1 200 OK\r\n" if line[:1] == b"x" else b"\r\n")
    )
    rig.say(line * (100 * 1024 // len(line)))
    failure = rig.failure()
    assert failure.code is Code.ProxyFailed
    assert "96 KiB" in failure.message


# ------------------------------------------------------------------------------------ TLS


class Tls:
    """An https proxy, and a connection to it.

    Args:
        pki: The certificates.
        proxy: The proxy.
        host: The proxy as its URI names it.
        target: The port behind it.
        trusts: Whether the authority of the tests is trusted.
    """

    def __init__(
        self, pki: PublicKeyInfrastructure, proxy: HttpsProxy, host: str, target: int, *, trusts: bool = True
    ) -> None:
        self.socket = connectedTo(proxy.serverPort())
        self.forTarget = SslConfiguration.forClient([pki.ca.certificate])
        self.socket.setSslConfiguration(self.forTarget)
        uri = f"https://joe:secret@{host}:{proxy.serverPort()}"
        self.rig = Negotiating(self.socket, ProxyAddress(uri, "127.0.0.1", "localhost", target))
        if trusts:
            self.rig.negotiator.setSslConfiguration(SslConfiguration.forClient([pki.ca.certificate]))
        self.rig.start()


@pytest.fixture
def proxy(qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure, transport_mode: str) -> Iterator[HttpsProxy]:
    """A proxy with a valid certificate for localhost."""
    made = HttpsProxy(qtsecure_pki.server)
    yield made
    made.close()
    made.deleteLater()
    settle()


def test_gio_s28_tls_in_tls(proxy: HttpsProxy, qtsecure_pki: PublicKeyInfrastructure) -> None:
    """To the proxy first, and inside of that to the destination; the proxy never sees the destination's bytes."""
    target = TlsEchoServer(qtsecure_pki.server)
    tls = Tls(qtsecure_pki, proxy, "localhost", target.serverPort())
    connection = tls.rig.connection()
    assert connection is not tls.socket
    assert tls.socket.parent() is connection
    assert tls.socket.peerVerifyName() == "localhost"
    authority = f"localhost:{target.serverPort()}".encode()
    (head,) = proxy.heads
    assert head.startswith(b"CONNECT " + authority + b" HTTP/1.1\r\n")
    assert base64.b64encode(b"joe:secret") in head
    connection.startClientEncryption()
    spin(connection.isEncrypted)
    assert tls.socket.isEncrypted()
    exchange(connection, b"inside" * 1000)
    connection.disconnectFromHost()
    spin(lambda: connection.state() == State.UnconnectedState and tls.socket.state() == State.UnconnectedState)


def test_gio_s28_plain_inside_tls(proxy: HttpsProxy, qtsecure_pki: PublicKeyInfrastructure) -> None:
    """The destination need not speak TLS; what it says first is announced."""
    target = EchoServer(b"220 hello\r\n")
    tls = Tls(qtsecure_pki, proxy, "localhost", target.serverPort())
    tls.socket.setReadBufferSize(100)
    connection = tls.rig.connection()
    assert (connection.readBufferSize(), tls.socket.readBufferSize()) == (100, 0)
    spin(lambda: connection.bytesAvailable() == 11)
    assert connection.readBytes() == b"220 hello\r\n"
    exchange(connection, b"more")
    connection.close()


def test_gio_s28_what_is_written_meanwhile(proxy: HttpsProxy, qtsecure_pki: PublicKeyInfrastructure) -> None:
    """It waits for the destination; once the proxy is being asked, nothing more is taken."""
    target = EchoServer()
    tls = Tls(qtsecure_pki, proxy, "localhost", target.serverPort())
    assert tls.socket.write(b"early") == 5
    taken: list[int] = []
    tls.socket.encrypted.connect(lambda: taken.append(tls.socket.write(b"late")))
    connection = tls.rig.connection()
    spin(lambda: connection.bytesAvailable() == 5)
    assert connection.readBytes() == b"early"
    assert taken == [-1]
    assert all(head.startswith(b"CONNECT ") and b"early" not in head for head in proxy.heads)
    exchange(connection, b"more")


def test_gio_s28_the_proxy_proves_its_name(
    qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure, transport_mode: str
) -> None:
    """The name in its URI, and not the IP address that it has (as in Gio)."""
    proxy = HttpsProxy(qtsecure_pki.ca.issue(names=["proxy.example"]))
    target = EchoServer(b"hello")
    assert isinstance(Tls(qtsecure_pki, proxy, "proxy.example", target.serverPort()).rig.connection(), SslSocket)
    failure = Tls(qtsecure_pki, proxy, "127.0.0.1", target.serverPort()).rig.failure()
    assert failure.code is Code.BadCertificate
    assert len(proxy.heads) == 1
    proxy.close()


def test_gio_s28_an_untrusted_proxy_hears_nothing(proxy: HttpsProxy, qtsecure_pki: PublicKeyInfrastructure) -> None:
    """The system's authorities count by default, whatever the connection trusts for its destination."""
    tls = Tls(qtsecure_pki, proxy, "localhost", 993, trusts=False)
    errors: list[SslError] = []
    tls.socket.sslErrors.connect(errors.extend)
    failure = tls.rig.failure()
    assert failure.code is Code.BadCertificate
    assert errors
    assert failure.message.startswith(f"No TLS with the proxy localhost:{proxy.serverPort()}. ")
    assert proxy.heads == []


def test_gio_s28_the_program_may_accept_a_proxy(proxy: HttpsProxy, qtsecure_pki: PublicKeyInfrastructure) -> None:
    """Gio offers no hook; the signals of the connection are one."""
    target = EchoServer(b"hello")
    tls = Tls(qtsecure_pki, proxy, "localhost", target.serverPort(), trusts=False)
    tls.socket.acceptCertificate.connect(lambda request: request.accept())
    assert tls.rig.connection() is not tls.socket


def test_gio_s28_a_user_who_thinks(proxy: HttpsProxy, qtsecure_pki: PublicKeyInfrastructure, clock: FakeClock) -> None:
    """The time for a decision is not the proxy's."""
    proxy.setHandshakeTimeout(0)
    target = EchoServer(b"hello")
    tls = Tls(qtsecure_pki, proxy, "localhost", target.serverPort(), trusts=False)
    requests: list[CertificateRequest] = []
    tls.socket.acceptCertificate.connect(requests.append)
    tls.socket.acceptCertificate.connect(lambda request: request.defer())
    spin(lambda: requests != [])
    for _ in range(4):
        clock.advance(31)
        settle()
    assert tls.rig.outcomes == []
    requests[0].accept()
    assert tls.rig.connection() is not tls.socket


def test_gio_s28_a_refusal_inside_tls(proxy: HttpsProxy, qtsecure_pki: PublicKeyInfrastructure) -> None:
    """The same errors as without TLS."""
    proxy.answer = b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"
    failure = Tls(qtsecure_pki, proxy, "localhost", 993).rig.failure()
    assert failure.code is Code.ProxyAuthFailed
    assert "secret" not in failure.message


def test_gio_s28_a_proxy_without_tls(makeRig: MakeRig) -> None:
    """It answers in something else, or hangs up."""
    rig = makeRig("https")
    rig.start()
    spin(lambda: len(rig.heard) > 0)
    assert rig.heard[:1] == b"\x16"
    rig.say(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    failure = rig.failure()
    assert failure.code is Code.NotTls
    rig = makeRig("https")
    rig.start()
    rig.proxy.disconnectFromHost()
    failure = rig.failure()
    assert failure.code is Code.NotTls  # as of a server that hangs up, gio-S11
    assert failure.message.startswith("No TLS with the proxy 127.0.0.1:")


def test_gio_s28_the_destination_does_not_prove_the_name_of_the_proxy(
    qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure, transport_mode: str
) -> None:
    """A proxy that answers for the destination with its own certificate is found out."""
    proxy = HttpsProxy(qtsecure_pki.ca.issue(names=["proxy.example"]))
    target = TlsEchoServer(qtsecure_pki.ca.issue(names=["proxy.example"]))
    connection = Tls(qtsecure_pki, proxy, "proxy.example", target.serverPort()).rig.connection()
    assert connection.peerName() == "localhost"
    connection.startClientEncryption()
    spin(lambda: connection.state() == State.UnconnectedState)
    assert connection.sslHandshakeErrors()
    proxy.close()
