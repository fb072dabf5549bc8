"""Virtual hosts, client certificates on request and channel bindings with other implementations."""

from __future__ import annotations

import base64
import re
import shutil
import socket
import ssl
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from PySide6.QtCore import QCoreApplication, QProcess, QTimer
from PySide6.QtNetwork import QSslSocket

from qtsecure import (
    ChannelBinding,
    ClientCertificateRequest,
    DtlsServer,
    Interaction,
    Protocol,
    SslConfiguration,
    SslServer,
    SslSocket,
    UnknownHostPolicy,
)
from qtsecure.testing.pki import IssuedCertificate, PublicKeyInfrastructure
from tests.interop.programs import TIMEOUT
from tests.net.conversation import spin

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl command here")
KINDS = {"1.2": Protocol.TlsV1_2, "1.3": Protocol.TlsV1_3, "dtls": Protocol.DtlsV1_2}
FLAGS = {"1.2": "-tls1_2", "1.3": "-tls1_3", "dtls": "-dtls1_2"}


def pem(path: Path, own: IssuedCertificate) -> tuple[str, str]:
    """Files with certificate and key."""
    certificate, key = path / "own.pem", path / "own-key.pem"
    certificate.write_bytes(b"".join(each.public_bytes(Encoding.PEM) for each in own.chain))
    key.write_bytes(own.privateKey.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return str(certificate), str(key)


class OurHosts:
    """Our server with two hosts, the second of which demands certificates."""

    def __init__(self, pki: PublicKeyInfrastructure, kind: str) -> None:
        self.a, self.b = pki.ca.issue(["a.example"]), pki.ca.issue(["b.example"])
        self.server: Any = DtlsServer() if kind == "dtls" else SslServer()
        self.peers: list[Any] = []
        self.server.pendingConnectionAvailable.connect(self._fetch)
        hosts = {}
        for name, own in (("a.example", self.a), ("b.example", self.b)):
            hosts[name] = SslConfiguration.forServer(list(own.chain), own.privateKey)
            hosts[name].setProtocol(KINDS[kind])
        hosts["b.example"].setCaCertificates([pki.ca.certificate])
        hosts["b.example"].setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyPeer)
        hosts["b.example"].setMissingCertificateIsFatal(True)
        configuration = SslConfiguration()
        configuration.setVirtualHosts(hosts)
        configuration.setUnknownHostPolicy(UnknownHostPolicy.Refuse)
        self.server.setSslConfiguration(configuration)
        self.server.setHandshakeTimeout(TIMEOUT)
        assert self.server.listen("127.0.0.1", 0)

    def _fetch(self) -> None:
        peer = self.server.nextPendingConnection()
        self.peers.append(peer)


def s_client(kind: str, port: int, *arguments: str) -> str:
    """What openssl's client says until it has been told to quit."""
    process = QProcess()
    process.setProcessChannelMode(QProcess.ProcessChannelMode.MergedChannels)
    process.start("openssl", ["s_client", "-connect", f"127.0.0.1:{port}", FLAGS[kind], *arguments])
    output = bytearray()

    def read() -> None:
        output.extend(bytes(process.readAll().data()))
        if b"Verify return code" in output:
            process.closeWriteChannel()

    process.readyRead.connect(read)
    spin(lambda: process.state() == QProcess.ProcessState.NotRunning, TIMEOUT)
    read()
    return output.decode("utf-8", "replace")


@needs_openssl
@pytest.mark.parametrize("kind", KINDS)
def test_virtual_hosts_for_openssl(
    qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure, kind: str, tmp_path: Path
) -> None:
    """Each name its certificate and its policy; an unknown one alert 112."""
    pki = qtsecure_pki
    ours = OurHosts(pki, kind)
    port = ours.server.serverPort()
    certificate, key = pem(tmp_path, pki.client)
    authority = tmp_path / "ca.pem"
    authority.write_bytes(pki.ca.certificate.public_bytes(Encoding.PEM))
    trust = ("-CAfile", str(authority), "-verify_hostname")
    text = s_client(kind, port, "-servername", "a.example", *trust, "a.example")
    assert "Verify return code: 0 (ok)" in text, text
    text = s_client(kind, port, "-servername", "b.example", *trust, "b.example", "-cert", certificate, "-key", key)
    assert "Verify return code: 0 (ok)" in text, text
    spin(lambda: len(ours.peers) == 2)
    assert [peer.serverName() for peer in ours.peers] == ["a.example", "b.example"]
    assert ours.peers[1].peerCertificate().toCryptography() == pki.client.certificate
    assert "unrecognized name" in s_client(kind, port, "-servername", "c.example")
    ours.server.close()


# ------------------------------------------------------------------------- Python's own module


def in_thread(work: Any) -> Any:
    """The result of blocking work, while our event loop runs."""
    waker = QTimer()
    waker.start(5)
    try:
        with ThreadPoolExecutor(1) as pool:
            future: Future[Any] = pool.submit(work)
            spin(future.done, TIMEOUT)
    finally:
        waker.stop()  # as in spin()
    return future.result()


def python_client(pki: PublicKeyInfrastructure, version: str) -> ssl.SSLContext:
    """A context that trusts the authority of the tests."""
    context = ssl.create_default_context(cadata=pki.ca.certificate.public_bytes(Encoding.PEM).decode())
    context.minimum_version = context.maximum_version = (
        ssl.TLSVersion.TLSv1_2 if version == "1.2" else ssl.TLSVersion.TLSv1_3
    )
    return context


def test_python_agrees_about_channel_bindings_and_sessions(
    qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure
) -> None:
    """tls-unique of TLS 1.2, of the first handshake and of a resumed one."""
    ours = OurHosts(qtsecure_pki, "1.2")
    port = ours.server.serverPort()
    context = python_client(qtsecure_pki, "1.2")

    def connect(session: Any) -> tuple[bytes | None, bool | None, Any]:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=60) as plain,
            context.wrap_socket(plain, server_hostname="a.example", session=session) as encrypted,
        ):
            return encrypted.get_channel_binding("tls-unique"), encrypted.session_reused, encrypted.session

    first, reused, session = in_thread(lambda: connect(None))
    assert not reused
    second, reused, _ = in_thread(lambda: connect(session))
    assert reused
    spin(lambda: len(ours.peers) == 2)
    assert [peer.channelBindingData(ChannelBinding.TlsUnique) for peer in ours.peers] == [first, second]
    assert [peer.isSessionReused() for peer in ours.peers] == [False, True]
    ours.server.close()


@needs_openssl
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_openssl_agrees_about_the_exporter(
    qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure, version: str
) -> None:
    """Its program exports without a context, which is the same in TLS 1.3 only."""
    ours = OurHosts(qtsecure_pki, version)
    export = ("-keymatexport", "EXPORTER-Channel-Binding", "-keymatexportlen", "32")
    text = s_client(version, ours.server.serverPort(), "-servername", "a.example", *export)
    (found,) = re.findall(r"Keying material: ([0-9A-F]{64})", text)
    spin(lambda: len(ours.peers) == 1)
    same = ours.peers[0].channelBindingData(ChannelBinding.TlsExporter) == base64.b16decode(found)
    assert same is (version == "1.3")
    assert bytes(ours.peers[0].exportKeyingMaterial("EXPORTER-Channel-Binding", 32).data()) == base64.b16decode(found)
    ours.server.close()


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_python_server_gets_the_certificate_on_request(
    qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure, version: str, tmp_path: Path
) -> None:
    """With its intermediate; Python's module names no authorities that it would accept."""
    pki = qtsecure_pki
    own = pki.intermediate.issue(["client.example"], usage="client")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pem(tmp_path, pki.server))
    context.load_verify_locations(cadata=pki.ca.certificate.public_bytes(Encoding.PEM).decode())
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = context.maximum_version = python_client(pki, version).minimum_version
    names: list[str] = []

    class User(Interaction):
        def requestCertificate(self, request: ClientCertificateRequest) -> None:
            names.extend(request.acceptedCANames())
            request.provide(list(own.chain), own.privateKey)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)

        def serve() -> bytes | None:
            plain, _ = listener.accept()
            with plain, context.wrap_socket(plain, server_side=True) as encrypted:
                encrypted.sendall(b"hello")
                encrypted.recv(1)
                return encrypted.getpeercert(binary_form=True)

        client = SslSocket()
        client.setInteraction(User())
        client.setSslConfiguration(SslConfiguration.forClient([pki.ca.certificate]))
        client.readyRead.connect(lambda: client.write(b"x"))
        client.connectToHostEncrypted("127.0.0.1", listener.getsockname()[1], "localhost")
        shown = in_thread(serve)
        client.abort()
    assert shown == own.certificate.public_bytes(Encoding.DER)
    assert names == []
