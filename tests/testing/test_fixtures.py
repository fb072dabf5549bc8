"""The fixtures for programs that are built on qtsecure, used as such programs use them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pytestqt.qtbot import QtBot

from qtsecure import DtlsPeer, DtlsServer, SecureError, SslConfiguration, SslServer, SslSocket
from qtsecure.testing import (
    DatagramLink,
    DtlsPair,
    Fault,
    FaultyServer,
    PublicKeyInfrastructure,
    TlsPair,
    waitFor,
)

Code = SecureError.Code
Make = Callable[[Fault], FaultyServer]

# What a client that does everything right sees of each fault.
VERDICTS = {
    Fault.Silent: Code.TimedOut,
    Fault.Slow: Code.TimedOut,
    Fault.PlainHttp: Code.NotTls,
    Fault.Garbage: Code.NotTls,
    Fault.ResetInHandshake: Code.Closed,
    Fault.AlertToHello: Code.HandshakeRefused,
    Fault.AlertInHandshake: Code.CertificateRequired,  # which is why it sends that alert
    Fault.Expired: Code.BadCertificate,
    Fault.NotYetValid: Code.BadCertificate,
    Fault.WrongHost: Code.BadCertificate,
    Fault.SelfSigned: Code.BadCertificate,
    Fault.UnknownAuthority: Code.BadCertificate,
    Fault.MissingIntermediate: Code.BadCertificate,
    Fault.BadPurpose: Code.BadCertificate,
}
# These complete the handshake; the fault comes later.
LATER = {
    Fault.ResetAfterHandshake: Code.Closed,
    Fault.Truncating: Code.UncleanClose,
    Fault.AlertAfterHandshake: Code.CertificateRequired,
    Fault.AlertToData: Code.TlsMisc,
}


# Here the client's patience is what ends the handshake; anywhere else a machine that stands still must not.
ENDLESS = (Fault.Silent, Fault.Slow)


def client(pki: PublicKeyInfrastructure, port: int, timeout: int = 20_000) -> SslSocket:
    socket = SslSocket()
    socket.setSslConfiguration(SslConfiguration.forClient([pki.ca.certificate]))
    socket.setHandshakeTimeout(timeout)
    socket.connectToHostEncrypted("127.0.0.1", port)
    return socket


def test_a_pair_of_sockets(qtbot: QtBot, qtsecure_tls_pair: TlsPair) -> None:
    """Both ends are encrypted, and what one writes the other reads."""
    pair = qtsecure_tls_pair
    with qtbot.waitSignal(pair.peer.readyRead, timeout=20_000):
        pair.client.write(b"hello")
    assert pair.peer.readAll().data() == b"hello"


def test_a_pair_of_peers(qtbot: QtBot, qtsecure_dtls_pair: DtlsPair) -> None:
    """The same with datagrams."""
    pair = qtsecure_dtls_pair
    with qtbot.waitSignal(pair.client.readyRead, timeout=20_000):
        pair.peer.writeDatagram(b"hello")
    assert pair.client.readDatagram() == b"hello"


def test_echo(qtbot: QtBot, qtsecure_pki: PublicKeyInfrastructure, qtsecure_echo_server: SslServer) -> None:
    """Several clients at once get back what they say, also what they said before the end of the handshake."""
    clients = [client(qtsecure_pki, qtsecure_echo_server.serverPort()) for _ in range(3)]
    for number, socket in enumerate(clients):
        socket.write(b"%d" % number)
    waitFor(lambda: all(socket.bytesAvailable() for socket in clients))
    assert [socket.readAll().data() for socket in clients] == [b"0", b"1", b"2"]


def test_dtls_echo(qtbot: QtBot, qtsecure_pki: PublicKeyInfrastructure, qtsecure_dtls_echo_server: DtlsServer) -> None:
    """The same with datagrams."""
    peer = DtlsPeer()
    peer.connectToHost(
        "127.0.0.1",
        qtsecure_dtls_echo_server.serverPort(),
        configuration=SslConfiguration.forClient([qtsecure_pki.ca.certificate]),
    )
    waitFor(peer.isEncrypted)
    peer.writeDatagram(b"hello")
    waitFor(peer.hasPendingDatagrams)
    assert peer.readDatagram() == b"hello"
    peer.close()


@pytest.mark.parametrize("fault", VERDICTS, ids=lambda fault: fault.name)
def test_faults_in_the_handshake(
    qtbot: QtBot, qtsecure_pki: PublicKeyInfrastructure, qtsecure_faulty_server: Make, fault: Fault
) -> None:
    """Each ends in its own error."""
    socket = client(qtsecure_pki, qtsecure_faulty_server(fault).port, 200 if fault in ENDLESS else 20_000)
    waitFor(lambda: socket.failure() is not None)
    failure = socket.failure()
    assert failure is not None
    assert failure.code is VERDICTS[fault]
    assert not socket.isEncrypted()


@pytest.mark.parametrize("fault", LATER, ids=lambda fault: fault.name)
def test_faults_after_the_handshake(
    qtbot: QtBot, qtsecure_pki: PublicKeyInfrastructure, qtsecure_faulty_server: Make, fault: Fault
) -> None:
    """The client is encrypted first."""
    socket = client(qtsecure_pki, qtsecure_faulty_server(fault).port)
    with qtbot.waitSignal(socket.encrypted, timeout=20_000):
        pass
    socket.write(b"data")
    waitFor(lambda: socket.failure() is not None)
    failure = socket.failure()
    assert failure is not None
    assert failure.code is LATER[fault]


def test_an_old_protocol_is_no_failure_by_itself(
    qtsecure_pki: PublicKeyInfrastructure, qtsecure_faulty_server: Make
) -> None:
    """TLS 1.2 is secure; a program that wants more says so."""
    socket = client(qtsecure_pki, qtsecure_faulty_server(Fault.OldProtocol).port)
    waitFor(socket.isEncrypted)
    assert socket.sessionProtocol().name == "TlsV1_2"
    socket.abort()


def test_every_fault_is_tried() -> None:
    """A new one needs its verdict."""
    assert {*VERDICTS, *LATER, Fault.OldProtocol} == set(Fault)


def test_links_are_made_with_any_setting(qtsecure_link: Callable[..., DatagramLink]) -> None:
    """What the class knows; anything else is an error of the test."""
    assert qtsecure_link(seed=3, mtu=500).mtu == 500
    with pytest.raises(TypeError):
        qtsecure_link(weather="bad")
