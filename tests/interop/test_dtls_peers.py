"""DtlsPeer and DtlsServer with OpenSSL's and GnuTLS's programs and with QDtls, in both directions."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from PySide6.QtCore import QCoreApplication
from PySide6.QtNetwork import (
    QDtls,
    QDtlsClientVerifier,
    QHostAddress,
    QSsl,
    QSslCertificate,
    QSslConfiguration,
    QSslKey,
    QSslPreSharedKeyAuthenticator,
    QSslSocket,
    QUdpSocket,
)

from qtsecure import DtlsPeer, DtlsServer, SslConfiguration
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.interop.datagrams import (
    Program,
    freePort,
    gnutlsClient,
    gnutlsServer,
    opensslClient,
    opensslPort,
    opensslServer,
)
from tests.interop.foreign import waitFor
from tests.net.conversation import settle, spin
from tests.net.dtls.conversation import DtlsConversation, Keys, VerifyMode

KEYS = Keys()
PSK = (KEYS.identity.decode(), KEYS.key)
OPTIONS = ("certificates", "client certificate", "key")


@pytest.fixture
def ours(qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure) -> Iterator[DtlsConversation]:
    """Both of our ends, of which each test uses one."""
    made = DtlsConversation(qtsecure_pki)
    made.server.pendingConnectionAvailable.connect(lambda: echo(made.server))
    yield made
    made.close()


def echo(server: DtlsServer) -> None:
    peer = server.nextPendingConnection()
    assert peer is not None
    peer.datagramReceived.connect(peer.writeDatagram)


def need(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"There is no {program} in PATH.")


def keysOnly(ours: DtlsConversation) -> None:
    """Neither side shows a certificate."""
    ours.serverConfiguration = SslConfiguration()
    ours.clientConfiguration = SslConfiguration()
    for configuration in (ours.serverConfiguration, ours.clientConfiguration):
        configuration.setPeerVerifyMode(VerifyMode.VerifyNone)
    ours.client.preSharedKeyAuthenticationRequired.connect(KEYS.forClient)
    ours.server.preSharedKeyAuthenticationRequired.connect(KEYS.forServer)


def optionsOfServer(ours: DtlsConversation, option: str) -> dict[str, Any]:
    """What another server needs, after our client has been prepared for it."""
    if option == "key":
        keysOnly(ours)
        return {"psk": PSK}
    if option == "client certificate":
        ours.showClient(ours.pki.client)
        return {"clients": ours.pki.ca.certificate.public_bytes(Encoding.PEM)}
    return {}


def connectTo(ours: DtlsConversation, port: int) -> None:
    ours.client.setSslConfiguration(ours.clientConfiguration)
    ours.client.connectToHost("127.0.0.1", port, "localhost")
    spin(ours.client.isEncrypted)


def says(program: Program, pattern: str) -> None:
    waitFor(lambda: program.says(pattern), pattern)


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("listen", [False, True])
def test_our_client_and_openssl(ours: DtlsConversation, option: str, listen: bool) -> None:
    need("openssl")
    options = optionsOfServer(ours, option)
    certificate = None if "psk" in options else ours.pki.server
    with opensslServer(certificate, listen=listen, **options) as program:
        connectTo(ours, opensslPort(program))
        ours.client.writeDatagram(b"hello\n")
        says(program, "hello")
        program.write(b"back\n")
        spin(ours.client.hasPendingDatagrams)
        assert ours.client.readDatagram() == b"back\n"
        ours.client.close()


@pytest.mark.parametrize("option", OPTIONS)
def test_our_client_and_gnutls(ours: DtlsConversation, option: str) -> None:
    need("gnutls-serv")
    options = optionsOfServer(ours, option)
    port = freePort()
    with gnutlsServer(port, None if "psk" in options else ours.pki.server, **options) as program:
        program.waitFor("UDP|done|ready")
        connectTo(ours, port)
        ours.client.writeDatagram(b"hello\n")
        spin(ours.client.hasPendingDatagrams)
        assert ours.client.readDatagram() == b"hello\n"


def test_our_client_with_application_protocols_and_small_datagrams(ours: DtlsConversation) -> None:
    need("openssl")
    ours.clientConfiguration.setAllowedNextProtocols(["a", "b"])
    ours.client.setMtu(300)
    with opensslServer(ours.pki.server, mtu=300, alpn=["b", "a"]) as program:
        connectTo(ours, opensslPort(program))
        assert ours.client.negotiatedProtocol() == "b"
        assert ours.client.maxDatagramSize() < 300


def optionsOfClient(ours: DtlsConversation, option: str) -> dict[str, Any]:
    """What another client needs, after our server has been prepared for it."""
    if option == "key":
        keysOnly(ours)
        return {"psk": PSK}
    options: dict[str, Any] = {"trust": ours.pki.ca.certificate.public_bytes(Encoding.PEM)}
    if option == "client certificate":
        ours.demandClientCertificate()
        options["certificate"] = ours.pki.client
    return options


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("name", ["openssl", "gnutls-cli"])
def test_our_server_and_programs(ours: DtlsConversation, name: str, option: str) -> None:
    need(name)
    options = optionsOfClient(ours, option)
    port = ours.listen()
    with (opensslClient if name == "openssl" else gnutlsClient)(port, **options) as program:
        program.write(b"hello\n")
        spin(lambda: ours.server.statistics().encrypted == 1)
        spin(lambda: program.says("hello"))
    assert ours.server.statistics().challenges >= 1  # a slow program repeats its hello


def test_our_server_with_small_datagrams_and_application_protocols(ours: DtlsConversation) -> None:
    need("openssl")
    ours.server.setMtu(300)
    ours.serverConfiguration.setAllowedNextProtocols(["b"])
    port = ours.listen()
    trust = ours.pki.ca.certificate.public_bytes(Encoding.PEM)
    with opensslClient(port, trust=trust, alpn=["a", "b"], mtu=300) as program:
        spin(lambda: program.says("ALPN protocol: b"))


# ------------------------------------------------------------------------- SRTP and resumption

PROFILE, LABEL = "SRTP_AES128_CM_SHA1_80", "EXTRACTOR-dtls_srtp"
SRTP = ["-use_srtp", PROFILE, "-keymatexport", LABEL, "-keymatexportlen", "60"]


def exported(program: Program) -> str:
    """The keying material that a program has derived."""
    says(program, "Keying material: ")
    says(program, "Keying material: ([0-9A-F]{120})")
    match = re.search("Keying material: ([0-9A-F]{120})", program.output)
    assert match is not None
    return match[1]


def test_our_client_and_srtp(ours: DtlsConversation) -> None:
    """Both have the same profile and the same keys."""
    need("openssl")
    ours.clientConfiguration.setSrtpProfiles(["SRTP_AEAD_AES_256_GCM", PROFILE])
    with opensslServer(ours.pki.server, more=SRTP) as program:
        connectTo(ours, opensslPort(program))
        assert ours.client.srtpProfile() == PROFILE
        keys = bytes(ours.client.exportKeyingMaterial(LABEL, 60).data())
        assert exported(program) == keys.hex().upper()
        says(program, PROFILE)
        ours.client.close()


def test_our_server_and_srtp(ours: DtlsConversation) -> None:
    need("openssl")
    ours.serverConfiguration.setSrtpProfiles(["SRTP_AEAD_AES_256_GCM", PROFILE])
    peers: list[DtlsPeer] = []
    ours.server.startedEncryptionHandshake.connect(peers.append)
    trust = ours.pki.ca.certificate.public_bytes(Encoding.PEM)
    with opensslClient(ours.listen(), trust=trust, more=SRTP) as program:
        keys = exported(program)
        assert peers[0].srtpProfile() == PROFILE
        assert keys == bytes(peers[0].exportKeyingMaterial(LABEL, 60).data()).hex().upper()


def test_our_client_resumes(ours: DtlsConversation) -> None:
    """Without -listen: with it the program serves one client only."""
    need("openssl")
    ours.clientConfiguration.setSslOption(QSsl.SslOption.SslOptionDisableSessionSharing, True)
    with opensslServer(ours.pki.server) as program:
        port = opensslPort(program)
        connectTo(ours, port)
        session, chain = ours.client.session(), ours.client.peerCertificateChain()
        assert session is not None
        ours.client.close()
        waitFor(lambda: program.says("DONE|shutdown") or program.output.count("ACCEPT") > 1, "the end of the first")
        ours.client.setSession(session)
        connectTo(ours, port)
        assert ours.client.isSessionReused()
        assert ours.client.peerCertificateChain() == chain
        ours.client.writeDatagram(b"hello\n")
        says(program, "hello")
        says(program, "Reused session")
        ours.client.close()


def test_our_server_resumes(ours: DtlsConversation, tmp_path: Path) -> None:
    """s_client -sess_out, then -sess_in in another process."""
    need("openssl")
    peers: list[DtlsPeer] = []
    ours.server.startedEncryptionHandshake.connect(peers.append)
    port, stored = ours.listen(), tmp_path / "session.pem"
    trust = ours.pki.ca.certificate.public_bytes(Encoding.PEM)
    for number, option in enumerate(("-sess_out", "-sess_in")):
        with opensslClient(port, trust=trust, more=[option, str(stored)]) as program:
            program.write(b"hello\n")
            spin(lambda number=number: ours.server.statistics().encrypted == number + 1)  # type: ignore[misc]  # bound now
            spin(lambda program=program: program.says("hello"))  # type: ignore[misc]  # bound now
            spin(stored.exists)
    assert [peer.isSessionReused() for peer in peers] == [False, True]


# --------------------------------------------------------------------------------------- QDtls


class QtEnd:
    """A QDtls and its QUdpSocket, as Qt's documentation says."""

    def __init__(self, mode: QSslSocket.SslMode, pki: PublicKeyInfrastructure, option: str, port: int = 0) -> None:
        self.socket = QUdpSocket()
        assert self.socket.bind(QHostAddress("127.0.0.1"), 0)
        self.server = mode == QSslSocket.SslMode.SslServerMode
        self.dtls = QDtls(mode)
        self.received: list[bytes] = []
        self._verifier = QDtlsClientVerifier()
        configuration = QSslConfiguration.defaultDtlsConfiguration()
        configuration.setCaCertificates([QSslCertificate(pki.ca.certificatePem())])
        identity = pki.server if self.server else pki.client
        if option == "key":
            configuration.setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyNone)
            self.dtls.pskRequired.connect(self._giveKey)
        elif self.server or option == "client certificate":
            configuration.setLocalCertificateChain([QSslCertificate(pem) for pem in blocks(identity.chainPem())])
            configuration.setPrivateKey(QSslKey(identity.keyPem(), QSsl.KeyAlgorithm.Ec))
        if self.server and option != "client certificate":
            configuration.setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyNone)
        self.dtls.setDtlsConfiguration(configuration)
        self.socket.readyRead.connect(self._read)
        if not self.server:
            self.dtls.handshakeTimeout.connect(lambda: self.dtls.handleTimeout(self.socket))
            self.dtls.setPeer(QHostAddress("127.0.0.1"), port, "localhost")
            assert self.dtls.doHandshake(self.socket)

    def _giveKey(self, authenticator: QSslPreSharedKeyAuthenticator) -> None:
        authenticator.setIdentity(KEYS.identity)
        authenticator.setPreSharedKey(KEYS.key)

    def _read(self) -> None:
        while self.socket.hasPendingDatagrams():
            datagram = self.socket.receiveDatagram()
            data = datagram.data()
            if self.server and self.dtls.peerAddress().isNull():
                address, port = datagram.senderAddress(), datagram.senderPort()
                if not self._verifier.verifyClient(self.socket, data, address, port):
                    continue
                self.dtls.setCookieGeneratorParameters(self._verifier.cookieGeneratorParameters())
                self.dtls.setPeer(address, port)
            if self.dtls.isConnectionEncrypted():
                plain = self.dtls.decryptDatagram(self.socket, data)
                if plain.size():
                    self.received.append(bytes(plain.data()))
            else:
                self.dtls.doHandshake(self.socket, data)

    def write(self, message: bytes) -> None:
        assert self.dtls.writeDatagramEncrypted(self.socket, message) == len(message)

    def close(self) -> None:
        self.socket.close()
        self.dtls.deleteLater()
        settle()


def blocks(pem: bytes) -> list[bytes]:
    end = b"-----END CERTIFICATE-----\n"
    return [block + end for block in pem.split(end) if block.strip()]


@pytest.mark.parametrize("option", OPTIONS)
def test_our_client_and_qdtls(ours: DtlsConversation, option: str) -> None:
    optionsOfServer(ours, option)
    qt = QtEnd(QSslSocket.SslMode.SslServerMode, ours.pki, option)
    connectTo(ours, qt.socket.localPort())
    ours.client.writeDatagram(b"hello")
    spin(lambda: qt.received == [b"hello"])
    qt.write(b"back")
    spin(ours.client.hasPendingDatagrams)
    qt.dtls.shutdown(qt.socket)
    spin(lambda: ours.client.status() is DtlsPeer.Status.Disconnected)
    qt.close()


@pytest.mark.parametrize("option", OPTIONS)
def test_our_server_and_qdtls(ours: DtlsConversation, option: str) -> None:
    optionsOfClient(ours, option)
    qt = QtEnd(QSslSocket.SslMode.SslClientMode, ours.pki, option, ours.listen())
    spin(qt.dtls.isConnectionEncrypted)
    qt.write(b"hello")
    spin(lambda: qt.received == [b"hello"])
    qt.dtls.shutdown(qt.socket)
    spin(lambda: ours.server.statistics().live == 0)
    qt.close()
