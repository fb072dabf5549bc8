"""SslSocket against servers of other TLS implementations, over the loopback interface."""

from __future__ import annotations

import pytest
from PySide6.QtNetwork import QAbstractSocket

from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.interop.foreign import IMPLEMENTATIONS, LINE, ForeignServer, UndecipheredAlertError
from tests.interop.ours import PROTOCOLS, OurClient

MakeServer = type[ForeignServer]
Error = QAbstractSocket.SocketError


def test_echo_and_clean_end(
    pki: PublicKeyInfrastructure, transport_mode: str, make_server: MakeServer, version: str, our_client: OurClient
) -> None:
    """Handshake, a line in each direction, our close_notify, and theirs."""
    with make_server(pki.server, version) as server:
        our_client.connectTo(server.port, version, trust=pki.ca.certificate)
        our_client.socket.write(LINE)
        our_client.waitForReceived(server.answerTo(LINE))
        assert our_client.socket.sessionProtocol() is PROTOCOLS[version]
        assert our_client.socket.peerCertificate().toCryptography() == pki.server.certificate
        our_client.socket.disconnectFromHost()
        server.waitForCleanEnd()
        our_client.waitForEnd()
        assert our_client.recorder.count("errorOccurred") == 0


def test_much_data(
    pki: PublicKeyInfrastructure, transport_mode: str, version: str, our_client: OurClient, qapp: object
) -> None:
    """A few megabytes to and fro arrive whole."""
    data = bytes(range(256)) * 16384
    with IMPLEMENTATIONS["python"].server(pki.server, version) as server:
        our_client.connectTo(server.port, version, trust=pki.ca.certificate)
        our_client.socket.write(data)
        our_client.waitForReceived(data)


def test_intermediate(
    pki: PublicKeyInfrastructure, make_server: MakeServer, version: str, our_client: OurClient
) -> None:
    """Each implementation sends its chain in its own way."""
    with make_server(pki.viaIntermediate, version) as server:
        our_client.connectTo(server.port, version, trust=pki.ca.certificate)
        our_client.socket.write(LINE)
        our_client.waitForReceived(server.answerTo(LINE))
        chain = [certificate.toCryptography() for certificate in our_client.socket.peerCertificateChain()]
        # The openssl command line repeats the leaf.
        assert tuple(dict.fromkeys(chain)) == pki.viaIntermediate.chain


def test_missing_client_certificate(
    pki: PublicKeyInfrastructure, foreign: str, make_server: MakeServer, version: str, our_client: OurClient
) -> None:
    """The server's alert ends the connection, in TLS 1.3 after our handshake was complete."""
    if foreign == "qt":
        pytest.skip("Qt drops the connection without an alert")
    with make_server(pki.server, version, clients=pki.ca.certificate) as server:
        our_client.connectTo(server.port, version, trust=pki.ca.certificate)
        our_client.waitForEnd()
        received = [kind.value for _, kind, _ in our_client.recorder.of("alertReceived")]
        if version == "1.3":
            assert received == [116]
        else:  # GnuTLS takes the empty list of certificates for a damaged one
            assert received == [50 if foreign == "gnutls" else 40]
        assert our_client.recorder.count("errorOccurred") == 1
        if version == "1.3":
            assert "client certificate" in our_client.socket.errorString()
        server.expectFailure()


def test_wrong_pre_shared_key(
    pki: PublicKeyInfrastructure, foreign: str, make_server: MakeServer, version: str, our_client: OurClient
) -> None:
    """Another key than the server's: no connection."""
    if reason := IMPLEMENTATIONS[foreign].lacks("PSK", version, "server"):
        pytest.skip(reason)
    certificate = pki.server if foreign in ("qt", "gnutls") else None
    with make_server(certificate, version, psk=("somebody", bytes(32))) as server:
        our_client.connectTo(server.port, version, psk=("somebody", bytes(range(1, 33))))
        our_client.socket.write(b"SECRET")
        our_client.waitForEnd()
        assert our_client.recorder.count("encrypted") == 0
        assert our_client.recorder.of("errorOccurred") == [(Error.SslHandshakeFailedError,)]
        server.expectFailure()


BAD_CERTIFICATES = {
    "expired": 45,
    "notYetValid": 42,
    "wrongHost": 42,
    "badPurpose": 43,
    "selfSigned": 48,
    "unknownCa": 48,
    "missingIntermediate": 48,
}


@pytest.mark.parametrize("kind", BAD_CERTIFICATES)
def test_bad_server_certificate(
    pki: PublicKeyInfrastructure, foreign: str, make_server: MakeServer, version: str, kind: str, our_client: OurClient
) -> None:
    """We refuse it, and the server hears the right alert.

    The alert of a TLS 1.3 client goes out unencrypted: the decision comes when the keys of the
    handshake are past. OpenSSL's servers read it; GnuTLS only notices that something is wrong.
    """
    with make_server(getattr(pki, kind), version) as server:
        our_client.connectTo(server.port, version, trust=pki.ca.certificate)
        our_client.socket.write(b"SECRET")
        our_client.waitForEnd()
        assert our_client.alerts == [BAD_CERTIFICATES[kind]]
        if foreign == "gnutls" and version == "1.3":
            with pytest.raises(UndecipheredAlertError):
                server.waitForAlert()
        else:
            assert server.waitForAlert() == BAD_CERTIFICATES[kind]
        assert our_client.recorder.count("encrypted") == 0
        assert our_client.recorder.of("errorOccurred") == [(Error.SslHandshakeFailedError,)]


@pytest.mark.parametrize("kind", BAD_CERTIFICATES)
def test_ignored_errors(
    pki: PublicKeyInfrastructure, make_server: MakeServer, version: str, kind: str, our_client: OurClient
) -> None:
    """A program may go on in spite of them, and then it works."""
    our_client.socket.sslErrors.connect(lambda errors: our_client.socket.ignoreSslErrors(errors))
    with make_server(getattr(pki, kind), version) as server:
        our_client.connectTo(server.port, version, trust=pki.ca.certificate)
        our_client.socket.write(LINE)
        our_client.waitForReceived(server.answerTo(LINE))
        assert our_client.recorder.count("sslErrors") == 1


def test_no_common_version(
    pki: PublicKeyInfrastructure, foreign: str, make_server: MakeServer, our_client: OurClient
) -> None:
    """protocol_version, or GnuTLS's handshake_failure."""
    with make_server(pki.server, "1.2") as server:
        our_client.connectTo(server.port, "1.3", trust=pki.ca.certificate)
        our_client.waitForEnd()
        received = [kind.value for _, kind, _ in our_client.recorder.of("alertReceived")]
        assert received == [40 if foreign == "gnutls" else 70]
        assert f"({received[0]})" in our_client.socket.errorString()
        server.expectFailure()
