"""DtlsPeer and DtlsServer with OpenSSL's program: what the grid of implementations (grid.py) leaves out."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication

from qtsecure import DtlsPeer, DtlsServer, SslConfiguration
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.interop.foreign.openssl_program import opensslClient, opensslPort, opensslServer
from tests.interop.programs import Program
from tests.net.conversation import spin
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
        return {"clients": ours.pki.ca.certificate}
    return {}


def connectTo(ours: DtlsConversation, port: int) -> None:
    ours.client.setSslConfiguration(ours.clientConfiguration)
    ours.client.connectToHost("127.0.0.1", port, "localhost")
    spin(ours.client.isEncrypted)


@pytest.mark.parametrize("option", OPTIONS)
def test_our_client_and_the_cookies_of_openssl(ours: DtlsConversation, option: str) -> None:
    need("openssl")
    options = optionsOfServer(ours, option)
    certificate = None if "psk" in options else ours.pki.server
    with opensslServer(certificate, listen=True, **options) as program:
        connectTo(ours, opensslPort(program))
        ours.client.writeDatagram(b"hello\n")
        program.waitFor("hello")
        program.write(b"back\n")
        spin(ours.client.hasPendingDatagrams)
        assert ours.client.readDatagram() == b"back\n"
        ours.client.close()


def test_our_client_with_application_protocols_and_small_datagrams(ours: DtlsConversation) -> None:
    need("openssl")
    ours.clientConfiguration.setAllowedNextProtocols(["a", "b"])
    ours.client.setMtu(300)
    with opensslServer(ours.pki.server, mtu=300, alpn=["b", "a"]) as program:
        connectTo(ours, opensslPort(program))
        assert ours.client.negotiatedProtocol() == "b"
        assert ours.client.maxDatagramSize() < 300


def test_our_server_with_small_datagrams_and_application_protocols(ours: DtlsConversation) -> None:
    need("openssl")
    ours.server.setMtu(300)
    ours.serverConfiguration.setAllowedNextProtocols(["b"])
    port = ours.listen()
    trust = ours.pki.ca.certificate
    with opensslClient(port, trust=trust, alpn=["a", "b"], mtu=300) as program:
        program.waitFor("ALPN protocol: b")


# ------------------------------------------------------------------------- SRTP

PROFILE, LABEL = "SRTP_AES128_CM_SHA1_80", "EXTRACTOR-dtls_srtp"
SRTP = ["-use_srtp", PROFILE, "-keymatexport", LABEL, "-keymatexportlen", "60"]


def exported(program: Program) -> str:
    """The keying material that a program has derived."""
    return program.waitFor("Keying material: ([0-9A-F]{120})")[1]


def test_our_client_and_srtp(ours: DtlsConversation) -> None:
    """Both have the same profile and the same keys."""
    need("openssl")
    ours.clientConfiguration.setSrtpProfiles(["SRTP_AEAD_AES_256_GCM", PROFILE])
    with opensslServer(ours.pki.server, more=SRTP) as program:
        connectTo(ours, opensslPort(program))
        assert ours.client.srtpProfile() == PROFILE
        keys = bytes(ours.client.exportKeyingMaterial(LABEL, 60).data())
        assert exported(program) == keys.hex().upper()
        program.waitFor(PROFILE)
        ours.client.close()


def test_our_server_and_srtp(ours: DtlsConversation) -> None:
    need("openssl")
    ours.serverConfiguration.setSrtpProfiles(["SRTP_AEAD_AES_256_GCM", PROFILE])
    peers: list[DtlsPeer] = []
    ours.server.startedEncryptionHandshake.connect(peers.append)
    trust = ours.pki.ca.certificate
    with opensslClient(ours.listen(), trust=trust, more=SRTP) as program:
        keys = exported(program)
        assert peers[0].srtpProfile() == PROFILE
        assert keys == bytes(peers[0].exportKeyingMaterial(LABEL, 60).data()).hex().upper()
