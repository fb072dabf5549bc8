"""The parts of programs that the how-tos show: each is run, beside what it talks to."""

from __future__ import annotations

import builtins
import dis
import inspect
import re
import sys
import types
import uuid
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import PySide6.QtCore
import PySide6.QtNetwork
import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12
from PySide6.QtCore import QCoreApplication, QObject, Signal
from PySide6.QtNetwork import QAbstractSocket, QAuthenticator, QHostAddress, QLocalServer, QNetworkProxy
from PySide6.QtWidgets import QApplication, QInputDialog, QMessageBox

import qtsecure
from qtsecure import DtlsPeer, DtlsServer, SslConfiguration, SslServer, SslSocket, TlsOptions
from qtsecure.testing import (
    DtlsPair,
    PublicKeyInfrastructure,
    TlsPair,
    dtlsEchoServer,
    tlsEchoServer,
    waitFor,
)
from tests.examples.running import ROOT, startOnPort
from tests.examples.test_docs import BLOCK, DOCS, PAGES, programs
from tests.ports import closedPort

pytestmark = pytest.mark.usefixtures("qapp")

# Where the blocks of a page are run that are no programs of their own.
RUN_BY = {
    "README.md": "examples/test_quick.py",
    "howto-asyncio.md": "examples/test_docs_blocks.py",
    "howto-channel-bindings.md": "examples/test_docs.py",
    "howto-client-certificates.md": "examples/test_docs_blocks.py",
    "howto-custom-datagrams.md": "examples/test_docs_blocks.py",
    "howto-datastream.md": "examples/test_docs_blocks.py",
    "howto-debugging.md": "examples/test_docs.py",
    "howto-designer.md": "widgets/test_howto.py",
    "howto-dtls.md": "examples/test_docs_blocks.py",
    "howto-first-client.md": "examples/test_docs_blocks.py",
    "howto-first-server.md": "examples/test_docs_blocks.py",
    "howto-proxies.md": "examples/test_docs_blocks.py",
    "howto-revocation.md": "examples/test_docs_blocks.py",
    "howto-sessions.md": "examples/test_docs_blocks.py",
    "howto-socket-client.md": "examples/test_socket_client.py",
    "howto-starttls.md": "examples/test_docs_blocks.py",
    "howto-testing.md": "testing/test_howto.py",
    "howto-threads.md": "examples/test_docs_blocks.py",
    "howto-transports.md": "examples/test_docs_blocks.py",
    "howto-trust-decisions.md": "examples/test_docs_blocks.py",
    "howto-virtual-hosts.md": "examples/test_docs.py",
    "howto-widgets.md": "widgets/test_howto.py",
    "gio-dtls-connection.md": "examples/test_docs_blocks.py",
    "qdtls.md": "examples/test_docs_blocks.py",
}


def globalNames(code: types.CodeType) -> tuple[set[str], set[str]]:
    """The global names that a block looks up, in its functions and classes too, and those that it makes."""
    used: set[str] = set()
    made: set[str] = set()
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_NAME", "LOAD_GLOBAL"):
            used.add(step.argval)
        elif step.opname in ("STORE_NAME", "STORE_GLOBAL"):
            made.add(step.argval)
    for inner in filter(inspect.iscode, code.co_consts):
        for mine, its in zip((used, made), globalNames(inner), strict=True):
            mine |= its
    return used, made


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_name_comes_from_somewhere(path: Path) -> None:
    """A block imports or makes what it uses; what it does not is named in the text above it."""
    text = path.read_text("utf-8")
    for block in BLOCK.finditer(text):
        used, made = globalNames(compile(block[1], path.name, "exec"))
        above = BLOCK.sub("", text[: block.start()])
        told = set(re.findall(r"`(\w+)(?:\(\))?`", above))
        assert used - made - told <= {*dir(builtins), "__name__"}


@pytest.mark.parametrize(
    ("page", "server"), [("howto-first-server", SslServer), ("howto-dtls", DtlsServer)], ids=["SslServer", "DtlsServer"]
)
def test_tables_of_signals(page: str, server: type[QObject]) -> None:
    """A server's page lists all of its signals, and no others."""
    text = (DOCS / f"{page}.md").read_text("utf-8").partition(f"Signals of `{server.__name__}`")[2]
    rows = re.findall(r"^\| (`[^|]*) \|", text.partition("\n#")[0], re.MULTILINE)
    listed = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    signals = {name for name in dir(server) if isinstance(getattr(server, name), Signal)}
    assert listed == signals - {"destroyed", "objectNameChanged"}


def parts(page: str) -> list[str]:
    """The blocks of a page that are no programs."""
    known = set(programs(page).values())
    return [code for code in BLOCK.findall((DOCS / f"{page}.md").read_text("utf-8")) if code not in known]


class Page:
    """A page, and the names that its blocks take for granted: those of Qt, of qtsecure, and given ones."""

    def __init__(self, page: str, **names: Any) -> None:
        self.parts = parts(page)
        self.names: dict[str, Any] = {}
        for module in (PySide6.QtCore, PySide6.QtNetwork):
            self.names.update({name: getattr(module, name) for name in dir(module) if name.startswith("Q")})
        self.names["Qt"] = PySide6.QtCore.Qt
        self.names.update({name: getattr(qtsecure, name) for name in qtsecure.__all__})
        self.names.update(names)
        self._page = page

    def run(self, block: int | str, *changes: tuple[str, str], **names: Any) -> dict[str, Any]:
        """Run one block or program, with hosts and ports that are here; each has to be in it."""
        code = self.parts[block] if isinstance(block, int) else programs(self._page)[block]
        for old, new in changes:
            assert old in code, f"{old!r} is not in this block any more."
            code = code.replace(old, new)
        self.names.update(names)
        exec(compile(code, f"{self._page}.md, block {block}", "exec"), self.names)
        return self.names


@pytest.fixture
def files(tmp_path: Path, qtsecure_pki: PublicKeyInfrastructure, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory that programs are started in, with the files that they name."""
    qtsecure_pki.ca.writeTo(tmp_path, "ca")
    for name in ("server", "client"):
        getattr(qtsecure_pki, name).writeTo(tmp_path, name).key.rename(tmp_path / f"{name}-key.pem")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def trust(qtsecure_pki: PublicKeyInfrastructure) -> SslConfiguration:
    """Trusts the authority of the tests."""
    return SslConfiguration.forClient([qtsecure_pki.ca.certificate])


def test_every_block_is_run() -> None:
    """A new page needs a test, and the table says where that is; programs and suites are run elsewhere."""
    README = ROOT / "README.md"
    withParts = {
        path.name
        for path in PAGES
        if (DOCS in path.parents and parts(path.relative_to(DOCS).with_suffix("").as_posix()))
        or (path == README and BLOCK.search(path.read_text("utf-8")))
    }
    assert withParts == set(RUN_BY)
    for page, test in RUN_BY.items():
        name = page.removesuffix(".md")
        assert name in (ROOT / "tests" / test).read_text("utf-8"), f"{test} does not speak of {page}."


def test_howto_datastream(qtsecure_tls_pair: TlsPair) -> None:
    """What one end writes the other prints."""
    printed: list[Any] = []
    Page("howto-datastream", socket=qtsecure_tls_pair.peer, print=lambda *texts: printed.append(texts)).run(0)
    Page("howto-datastream", socket=qtsecure_tls_pair.client).run(1)
    waitFor(lambda: printed == [("temperature", 21.5)])


class TestHowtoDtls:
    """Clients and servers of howto-dtls."""

    def test_queue(self, qtsecure_dtls_pair: DtlsPair) -> None:
        messages: list[bytes] = []
        Page("howto-dtls", peer=qtsecure_dtls_pair.peer, handle=messages.append).run(0)
        qtsecure_dtls_pair.client.writeDatagram(b"one")
        qtsecure_dtls_pair.client.writeDatagram(b"two")
        waitFor(lambda: messages == [b"one", b"two"])

    def test_batches(self, files: Path, qtsecure_dtls_echo_server: DtlsServer) -> None:
        printed: list[Any] = []
        page = Page("howto-dtls", print=lambda *texts: printed.append(texts[0]))
        names = page.run(
            1,
            ("example.org", "localhost"),
            ("4433", str(qtsecure_dtls_echo_server.serverPort())),
            ("receiveMessages(10, timeout=1000,", "receiveMessages(2, timeout=20000,"),  # which does not wait for more
        )
        assert printed == [b"one", b"put together from parts"]
        names["peer"].abort()

    def test_conditions(self, qtsecure_dtls_pair: DtlsPair) -> None:
        received: list[Any] = []
        page = Page("howto-dtls", peer=qtsecure_dtls_pair.peer, handle=received.extend)
        page.run(2)
        qtsecure_dtls_pair.client.writeDatagram(b"one")
        waitFor(lambda: [message.data for message in received] == [b"one"])
        qtsecure_dtls_pair.peer.close()

    def test_a_server_that_was_killed(self, files: Path) -> None:
        """The sensor hears nothing of it but the silence, and goes on with the server in its place."""
        servers = [startOnPort(programs("howto-dtls")["server"], files, 0) for _ in range(2)]
        printed: list[str] = []
        try:
            first, second = [int(each.stdout.readline().split()[-1]) for each in servers if each.stdout is not None]
            ports = [first]
            page = Page("howto-dtls", print=lambda *texts: printed.append(" ".join(texts)), ports=ports)
            peer = page.run(
                "sensor",
                ("app = QCoreApplication([])\n", ""),
                ("sys.exit(app.exec())\n", ""),
                ("4433", "ports[0]"),
                ("setIdleTimeout(5000)", "setIdleTimeout(1000)"),
                ("interval=1000", "interval=50"),
                ("singleShot(1000", "singleShot(50"),
            )["peer"]
            waitFor(lambda: bool(printed))
            servers[0].kill()
            ports[0] = second
            waitFor(lambda: printed[-1] != "answer: 21.5 degrees")
            assert "sent nothing for 1000 ms" in printed[-1]
            waitFor(lambda: printed[-1] == "answer: 21.5 degrees")
            peer.disconnected.disconnect(page.names["lost"])
            page.names["timer"].stop()
            peer.abort()
        finally:
            for server in servers:
                server.kill()
                server.communicate(timeout=120)

    def test_srtp(self, files: Path, qtsecure_pki: PublicKeyInfrastructure) -> None:
        server, client = dtlsEchoServer(qtsecure_pki), DtlsPeer()
        media: list[Any] = []
        names = Page("howto-dtls", peer=client, startMedia=lambda *facts: media.extend(facts)).run(3)
        identity = qtsecure_pki.server
        own = SslConfiguration.forServer(list(identity.chain), identity.privateKey)
        own.setSrtpProfiles(["SRTP_AEAD_AES_128_GCM"])
        server.setSslConfiguration(own)
        client.encrypted.connect(names["agreed"])
        client.connectToHost("localhost", server.serverPort(), configuration=names["configuration"])
        waitFor(lambda: bool(media))
        assert media[0] == "SRTP_AEAD_AES_128_GCM"
        assert len(media[1]) == 56
        client.close()
        server.close()


def test_howto_sessions(files: Path, qtsecure_echo_server: SslServer) -> None:
    """The second connection resumes the first one, from a file."""
    changes = ("server.example", "localhost"), ("443", str(qtsecure_echo_server.serverPort()))
    names = Page("howto-sessions").run(0, *changes)
    first = SslSocket()
    first.setSslConfiguration(names["configuration"])
    first.newSessionTicketReceived.connect(lambda: names["remember"](first))
    first.connectToHostEncrypted("localhost", qtsecure_echo_server.serverPort())
    waitFor((files / "session.bin").exists)
    if sys.platform != "win32":
        assert (files / "session.bin").stat().st_mode & 0o777 == 0o600
    second = names["connectAgain"]()
    waitFor(second.isEncrypted)
    assert second.isSessionReused()
    first.abort()
    second.abort()


def test_howto_starttls(qtsecure_pki: PublicKeyInfrastructure, trust: SslConfiguration) -> None:
    """The client of the page with its server."""
    identity = qtsecure_pki.server
    own = SslConfiguration.forServer(list(identity.chain), identity.privateKey)
    server = Page("howto-starttls", configuration=own).run(1)["MailServer"]()
    assert server.listen(QHostAddress("127.0.0.1"))
    client = SslSocket()
    client.setSslConfiguration(trust)
    client.setPeerVerifyName("localhost")
    client.connected.connect(lambda: client.write(b"STARTTLS\r\n"))
    changes = ("mail.example", "localhost"), ("25", str(server.serverPort()))
    Page("howto-starttls", socket=client).run(0, *changes)
    waitFor(client.isEncrypted)
    client.abort()
    server.close()


def test_howto_threads(qtsecure_pki: PublicKeyInfrastructure, trust: SslConfiguration) -> None:
    """Each client is answered, by whichever thread."""
    identity = qtsecure_pki.server
    own = SslConfiguration.forServer(list(identity.chain), identity.privateKey)
    with closedPort(shared=True) as port:
        names = Page("howto-threads").run(0, ("4433", str(port)))
        threads, workers = names["startThreads"](own, 2)
        waitFor(lambda: all(hasattr(worker, "server") and worker.server.isListening() for worker in workers))
    clients = [SslSocket() for _ in range(4)]
    for client in clients:
        client.setSslConfiguration(trust)
        client.connectToHostEncrypted("127.0.0.1", port, "localhost")
        client.write(b"hello")
    waitFor(lambda: all(client.bytesAvailable() == 5 for client in clients))
    for client in clients:
        client.abort()
    for thread in threads:
        thread.quit()
        assert thread.wait(20_000)


class TestHowtoTransports:
    """Proxies and devices of howto-transports; the device of one's own is in testing/test_howto.py."""

    def test_proxies(self, trust: SslConfiguration) -> None:
        socket = SslSocket()
        page = Page("howto-transports", socket=socket, askForPassword=lambda host: f"for {host}")
        with closedPort() as port:
            page.run(0, ("proxy.example", "127.0.0.1"), ("1080", str(port)))
            page.run(1)
            waitFor(lambda: socket.failure() is not None)
        assert socket.error() == QAbstractSocket.SocketError.ProxyConnectionRefusedError
        answer = QAuthenticator()
        page.names["login"](QNetworkProxy(QNetworkProxy.ProxyType.HttpProxy, "p.example", 1), answer)
        assert (answer.user(), answer.password()) == ("me", "for p.example")

    def test_device(self, files: Path, qtsecure_pki: PublicKeyInfrastructure) -> None:
        qtsecure_pki.ca.writeTo(files, "server")
        local = QLocalServer()
        assert local.listen(f"qtsecure-{uuid.uuid4().hex}")
        names = Page("howto-transports").run(2, ("my-service", local.fullServerName()))
        waitFor(local.hasPendingConnections)
        server = SslSocket(transport=local.nextPendingConnection())
        identity = qtsecure_pki.server
        server.setSslConfiguration(SslConfiguration.forServer(list(identity.chain), identity.privateKey))
        server.startServerEncryption()
        waitFor(lambda: "socket" in names and names["socket"].isEncrypted())
        names["socket"].abort()
        server.abort()
        local.close()


class TestHowtoCustomDatagrams:
    """howto-custom-datagrams; its transport is in examples/test_custom_datagrams.py."""

    def test_sockets(self, files: Path, qtsecure_dtls_echo_server: DtlsServer) -> None:
        port = qtsecure_dtls_echo_server.serverPort()
        page = Page("howto-custom-datagrams")
        names = page.run(0, ("192.0.2.7", "127.0.0.1"), ("4433", str(port)), ("server.example", "localhost"))
        connected = names["peer"]
        waitFor(connected.isEncrypted)
        options = TlsOptions.client("ca.pem")
        changes = ("0.0.0.0", "127.0.0.1"), ("5000", "0"), ("server.example", "localhost")
        names = page.run(1, *changes, servers=[("127.0.0.1", port)], options=options)
        waitFor(names["peer"].isEncrypted)
        connected.close()
        names["peer"].close()

    def test_server_and_bad_network(self, qtsecure_pki: PublicKeyInfrastructure) -> None:
        server, client = DtlsServer(), DtlsPeer()
        identity = qtsecure_pki.server
        server.setup(TlsOptions.server(identity.privateKey, list(identity.chain)))
        near, far = qtsecure.DatagramTransport.pair()
        page = Page("howto-custom-datagrams", server=server, client=client)
        page.run(3, transport=far)
        options = TlsOptions.client(qtsecure_pki.ca.certificate)
        client.connectToPeer(near, "localhost", options)
        waitFor(client.isEncrypted)
        client.writeDatagram(b"echo")
        waitFor(client.hasPendingDatagrams)
        client.close()
        server.close()
        page.run(5)


def test_howto_first_client(files: Path, qtsecure_pki: PublicKeyInfrastructure) -> None:
    """Trust of each kind, and a dialog that says yes."""
    printed: list[Any] = []
    page = Page("howto-first-client", print=lambda *texts: printed.extend(texts))
    page.run(0)
    assert printed[1] == 1
    asked: list[Any] = []

    def askUser(host: str, texts: list[str], *, yes: Callable[[], None], no: Callable[[], None]) -> None:
        asked.append((host, texts))
        yes()

    server, client = tlsEchoServer(qtsecure_pki), SslSocket()
    page.run(1)["connectDialog"](client, askUser)
    client.connectToHostEncrypted("localhost", server.serverPort())
    waitFor(client.isEncrypted)
    assert asked[0][0] == "localhost"
    client.abort()
    server.close()


def test_howto_first_server(files: Path, qtsecure_pki: PublicKeyInfrastructure, trust: SslConfiguration) -> None:
    """A client without a certificate is refused, and the server says so."""
    printed: list[str] = []
    names = Page("howto-first-server", print=lambda *texts: printed.append(" ".join(texts))).run(0)
    server, client = tlsEchoServer(qtsecure_pki), SslSocket()
    names["demandCertificates"](server, SslConfiguration.forServer("server.pem", "server-key.pem"))
    client.setSslConfiguration(trust)
    client.connectToHostEncrypted("localhost", server.serverPort())
    waitFor(lambda: any("refused" in text for text in printed))
    client.abort()
    server.close()


def test_howto_first_server_ends_a_line_without_an_end(files: Path, trust: SslConfiguration) -> None:
    """Its buffer is full, and nothing would ever tell; others are served."""
    server = startOnPort(programs("howto-first-server")["server"], files, 0)
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline().removeprefix("listening on port "))
        for size, text in ((60_000, "\n"), (100_000, "")):
            client = SslSocket()
            client.setSslConfiguration(trust)
            client.connectToHostEncrypted("localhost", port)
            client.write(b"x" * size + text.encode())
            if text:
                waitFor(client.canReadLine)
                assert client.readLine().data() == b"X" * size + b"\n"
                client.abort()
            else:
                waitFor(lambda client=client: client.failure() is not None)
    finally:
        server.kill()
        server.communicate(timeout=120)


def test_howto_client_certificates(
    files: Path, qtsecure_pki: PublicKeyInfrastructure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user types the passphrase; a wrong one is told."""
    own = qtsecure_pki.client
    protected = pkcs12.serialize_key_and_certificates(
        b"client", own.privateKey, own.certificate, None, BestAvailableEncryption(b"secret")
    )
    (files / "client.p12").write_bytes(protected)
    printed: list[Any] = []
    names = Page("howto-client-certificates", print=printed.append).run(0)
    for answer in ("secret", "wrong"):
        monkeypatch.setattr(QInputDialog, "getText", lambda *_, answer=answer: (answer, True))
        configuration = names["configurationOfClient"]()
        assert (configuration is not None) == (answer == "secret")
    assert len(printed) == 1


def test_howto_proxies_and_revocation(files: Path, qtsecure_pki: PublicKeyInfrastructure) -> None:
    """The parts of howto-proxies and howto-revocation that configure."""
    page = Page("howto-proxies")
    with closedPort() as port:
        page.run(0, ("proxy.example:1080", f"127.0.0.1:{port}"))
    assert len(page.run(1, date=date)["ByDay"]().proxiesFor("imaps://mail.example")) == 1
    for name, crl in (("ca", qtsecure_pki.ca.crl()), ("intermediate", qtsecure_pki.crl)):
        (files / f"{name}.crl").write_bytes(crl.public_bytes(Encoding.PEM))
    page = Page("howto-revocation")
    page.run(0, socket=SslSocket())["leaveOutMissing"]([])
    assert len(page.run(1)["configuration"].crls()) == 1


def test_howto_trust_decisions(tmp_path: Path, qtsecure_pki: PublicKeyInfrastructure) -> None:
    """The dialog of howto-trust-decisions: always means that the next connection does not ask."""
    settings = str(tmp_path / "trust.ini")
    page = Page("howto-trust-decisions")
    assert page.run(0)["server"].handshakeTimeout() == 300_000
    try:
        names = page.run(1, ("TrustDecisions()", f"TrustDecisions({settings!r})"))
    finally:
        QCoreApplication.setOrganizationName("")
    server, client = tlsEchoServer(qtsecure_pki), SslSocket()
    identity = qtsecure_pki.selfSigned
    server.setSslConfiguration(SslConfiguration.forServer(list(identity.chain), identity.privateKey))
    client.acceptCertificate.connect(names["ask"])
    client.connectToHostEncrypted("localhost", server.serverPort())

    def dialogs() -> list[QMessageBox]:
        return [each for each in QApplication.topLevelWidgets() if isinstance(each, QMessageBox) and each.isVisible()]

    waitFor(lambda: bool(dialogs()))
    (dialog,) = dialogs()
    next(button for button in dialog.buttons() if button.text() == "Always").click()
    waitFor(client.isEncrypted)
    client.abort()
    server.close()


def test_howto_asyncio() -> None:
    """The part of howto-asyncio about services: a coroutine; DNS for services is not asked in tests."""
    assert inspect.iscoroutinefunction(Page("howto-asyncio").run(1)["mailbox"])


def test_porting_from_qdtls(files: Path, qtsecure_dtls_echo_server: DtlsServer) -> None:
    """The client of porting/qdtls.md."""
    printed: list[Any] = []
    page = Page("porting/qdtls", print=printed.append)
    names = page.run(0, ("4433", str(qtsecure_dtls_echo_server.serverPort())))
    waitFor(lambda: bool(printed))
    assert printed == [b"hello"]
    names["peer"].close()


def test_porting_from_gio(trust: SslConfiguration, qtsecure_dtls_echo_server: DtlsServer) -> None:
    """The client of porting/gio-dtls-connection.md."""
    printed: list[Any] = []
    page = Page("porting/gio-dtls-connection", print=lambda *texts: printed.append(texts), trust=trust)
    names = page.run(
        0,
        ("peer = DtlsPeer()", "peer = DtlsPeer(); peer.setSslConfiguration(trust)"),
        ("example.org", "localhost"),
        ("4433", str(qtsecure_dtls_echo_server.serverPort())),
        ("receiveMessages(10, timeout=1000)", "receiveMessages(1, timeout=20000)"),  # which does not wait for more
    )
    assert printed == [(b"hello, world", False)]
    assert names["peer"].atEnd()
    names["peer"].close()
