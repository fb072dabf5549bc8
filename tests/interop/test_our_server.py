"""SslServer against clients of other TLS implementations, over the loopback interface."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from qtsecure.testing.peers import OpensslClient
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.interop.foreign import IMPLEMENTATIONS, LINE, ForeignClient
from tests.interop.ours import PROTOCOLS, OurServer
from tests.interop.programs import TIMEOUT, waitFor

MakeClient = type[ForeignClient]
MakeOurServer = Callable[..., OurServer]


@pytest.mark.parametrize("ending", ["by the client", "by the server"])
def test_echo_and_clean_end(
    pki: PublicKeyInfrastructure,
    transport_mode: str,
    make_client: MakeClient,
    version: str,
    ending: str,
    make_our_server: MakeOurServer,
) -> None:
    """Handshake, a line in each direction, and close_notify from either side."""
    ours = make_our_server(pki.server, version)
    with make_client(ours.port, version, trust=pki.ca.certificate) as client:
        client.send(LINE)
        client.waitForReceived(LINE)
        socket = ours.waitForSocket()
        assert socket.sessionProtocol() is PROTOCOLS[version]
        assert socket.serverName() == "localhost"
        if ending == "by the client":
            client.close()
            waitFor(lambda: bool(ours.ended), "the end")
            assert ours.ended == [True]
        else:
            socket.disconnectFromHost()
            client.waitForCleanEnd()
    assert ours.errors == []


def test_bad_client_certificate(
    pki: PublicKeyInfrastructure, make_client: MakeClient, version: str, make_our_server: MakeOurServer
) -> None:
    """By an authority that we do not know: the client hears unknown_ca, in both versions."""
    ours = make_our_server(pki.server, version, clients=pki.ca.certificate)
    with make_client(ours.port, version, trust=pki.ca.certificate, certificate=pki.clientUnknownCa) as client:
        assert client.waitForAlert() == 48
        assert "certificate" in ours.waitForFailure()
    assert ours.alerts == [48]
    assert ours.sockets == []


def test_missing_client_certificate(
    pki: PublicKeyInfrastructure, make_client: MakeClient, version: str, make_our_server: MakeOurServer
) -> None:
    """Where one is required: handshake_failure in TLS 1.2, certificate_required in TLS 1.3."""
    alert = 40 if version == "1.2" else 116
    ours = make_our_server(pki.server, version, clients=pki.ca.certificate, required=True)
    with make_client(ours.port, version, trust=pki.ca.certificate) as client:
        assert client.waitForAlert() == alert
        assert "no certificate" in ours.waitForFailure()
    assert ours.alerts == [alert]
    assert ours.sockets == []


def test_application_protocol(
    pki: PublicKeyInfrastructure, make_client: MakeClient, version: str, make_our_server: MakeOurServer
) -> None:
    """The client's first choice that we know."""
    ours = make_our_server(pki.server, version, alpn=["http/1.1", "h2"])
    with make_client(ours.port, version, trust=pki.ca.certificate, alpn=["h2", "http/1.1"]) as client:
        client.send(LINE)
        client.waitForReceived(LINE)
        assert ours.waitForSocket().negotiatedProtocol() == "h2"


def test_no_common_application_protocol(
    pki: PublicKeyInfrastructure, make_client: MakeClient, version: str, make_our_server: MakeOurServer
) -> None:
    """no_application_protocol."""
    ours = make_our_server(pki.server, version, alpn=["http/1.1"])
    with make_client(ours.port, version, trust=pki.ca.certificate, alpn=["h2"]) as client:
        assert client.waitForAlert() == 120
    assert "no application protocol in common" in ours.waitForFailure()


def test_no_common_version(
    pki: PublicKeyInfrastructure, make_client: MakeClient, make_our_server: MakeOurServer
) -> None:
    """protocol_version."""
    ours = make_our_server(pki.server, "1.3")
    with make_client(ours.port, "1.2", trust=pki.ca.certificate) as client:
        assert client.waitForAlert() == 70
    assert "no TLS version in common" in ours.waitForFailure()


# TLS 1.3 hides an unknown identity among everything else that the two have not in common.
WRONG_KEYS = [("stranger", b"k" * 32, {"1.2": 115, "1.3": 40}), ("somebody", b"x" * 32, {"1.2": 20, "1.3": 51})]


@pytest.mark.parametrize(("identity", "key", "alerts"), WRONG_KEYS)
def test_wrong_pre_shared_key(
    foreign: str,
    make_client: MakeClient,
    make_our_server: MakeOurServer,
    version: str,
    identity: str,
    key: bytes,
    alerts: dict[str, int],
) -> None:
    """An unknown identity and a wrong key are told apart, as RFC 4279 has it."""
    if reason := IMPLEMENTATIONS[foreign].lacks("PSK", version, "client"):
        pytest.skip(reason)
    alert = alerts[version]
    ours = make_our_server(None, version, psk=("somebody", b"k" * 32))
    with make_client(ours.port, version, psk=(identity, key)) as client:
        assert client.waitForAlert() == alert
    assert "key" in ours.waitForFailure()
    assert ours.alerts == [alert]


@pytest.mark.parametrize("kind", ["expired", "wrongHost", "unknownCa", "badPurpose"])
def test_our_bad_certificate_is_refused(
    pki: PublicKeyInfrastructure,
    foreign: str,
    make_client: MakeClient,
    version: str,
    kind: str,
    make_our_server: MakeOurServer,
) -> None:
    """The other side finds it; here the handshake fails, or the connection ends before any data came."""
    ours = make_our_server(getattr(pki, kind), version)
    with make_client(ours.port, version, trust=pki.ca.certificate) as client:
        if foreign == "qt" and version == "1.2":  # Qt verifies when the handshake is complete
            waitFor(lambda: bool(ours.ended), "the end")
            assert ours.waitForSocket().bytesAvailable() == 0
        else:
            assert ours.waitForFailure()
            assert ours.sockets == []
        client.expectFailure()


@pytest.mark.parametrize("command", [b"K\n", b"k\n"], ids=["with answer", "without answer"])
def test_key_update(
    pki: PublicKeyInfrastructure, transport_mode: str, make_our_server: MakeOurServer, command: bytes, qapp: object
) -> None:
    """New keys in the middle of a connection; where an answer is asked for, it precedes our next data."""
    if IMPLEMENTATIONS["openssl"].missing():
        pytest.skip("openssl is not installed")
    ours = make_our_server(pki.server, "1.3", echo=False)
    with OpensslClient(ours.port, version="tls1_3", caCertificates=[pki.ca.certificate], arguments=["-msg"]) as client:
        client.waitForOutput("CONNECTION ESTABLISHED", TIMEOUT)
        socket = ours.waitForSocket()
        client.send(command)
        client.waitForOutput("KEYUPDATE", TIMEOUT)
        client.send(LINE)  # takes the KeyUpdate along
        waitFor(lambda: ours.received == LINE, "the line", lambda: ours.received)
        socket.write(b"back\n")
        before, _, _ = client.waitForOutput("back", TIMEOUT).partition("back")
        assert ("<<< TLS 1.3, Handshake [length 0005], KeyUpdate" in before) is (command == b"K\n")
    assert ours.errors == []
