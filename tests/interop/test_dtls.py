"""DTLS 1.2 with OpenSSL's and GnuTLS's programs over real UDP, in both directions."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from qtsecure.engine.dtls.wire import HANDSHAKE, HandshakeType, MalformedDatagram, split_records_untrusted
from qtsecure.engine.protocols import ProtocolVersion
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.engine.dtls.support import IDENTITY, KEY, dtls_client, dtls_server, psk_client, psk_server
from tests.engine.support import Recorder, credentials
from tests.interop.datagrams import DatagramClient, DatagramServer, FairClock
from tests.interop.foreign.gnutls_program import gnutlsClient, gnutlsListening
from tests.interop.foreign.openssl_program import opensslClient, opensslPort, opensslServer
from tests.interop.programs import Program
from tests.reliability.test_r09_dtls_forgery import FORGERIES

PSK = (IDENTITY.decode(), KEY)
IMPLEMENTATIONS = ("openssl", "openssl listen", "gnutls")
CLIENTS = ("openssl", "gnutls")
SLOW_0, SLOW_2 = (pytest.param(moment, marks=pytest.mark.slow) for moment in (0, 2))


@pytest.fixture(autouse=True)
def _programs() -> None:
    for name in ("openssl", "gnutls-serv", "gnutls-cli"):
        if shutil.which(name) is None:
            pytest.skip(f"There is no {name} in PATH.")


@contextmanager
def server(name: str, pki: PublicKeyInfrastructure, **options: Any) -> Iterator[tuple[Program, int]]:
    """Another implementation's server and its port."""
    certificate = None if "psk" in options else pki.server
    if name == "gnutls":
        program, port = gnutlsListening(certificate, **options)
        try:
            yield program, port
        finally:
            program.stop()
    else:
        with opensslServer(certificate, listen="listen" in name, **options) as program:
            yield program, opensslPort(program)


def conversation(name: str, client: DatagramClient, program: Program) -> None:
    """A handshake, and a line in each direction."""
    client.handshake()
    assert client.completed, (client.events, program.says(""), program.output)
    if name == "gnutls":
        client.ask(b"hello\n")
    else:
        client.association.write(b"hello\n")
        client.flush()
        program.waitFor("hello")
        program.write(b"back\n")
        assert client.run(lambda: b"back\n" in client.messages)


# ----------------------------------------------------------------------------------- our client


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_our_client_with_certificates(pki: PublicKeyInfrastructure, name: str) -> None:
    """With and without a cookie, and messages both ways; the close is understood."""
    with server(name, pki) as (program, port), DatagramClient(port, dtls_client([pki.ca.certificate])) as client:
        conversation(name, client, program)
        assert client.association.protocol_version() is ProtocolVersion.DTLS_1_2
        assert client.association.statistics.restarts == 0
        client.close()
        if name == "openssl":
            program.waitFor("(?i)connection closed|shutdown|done")


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_our_client_shows_a_certificate(pki: PublicKeyInfrastructure, name: str) -> None:
    """The server demands one."""
    configuration = dtls_client([pki.ca.certificate], credentials=credentials(pki.client))
    with (
        server(name, pki, clients=pki.ca.certificate) as (program, port),
        DatagramClient(port, configuration) as client,
    ):
        conversation(name, client, program)


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_our_client_with_a_key(pki: PublicKeyInfrastructure, name: str) -> None:
    """A pre-shared key and no certificates."""
    decisions = Recorder(client_key=(IDENTITY, KEY))
    with (
        server(name, pki, psk=PSK) as (program, port),
        DatagramClient(port, psk_client(), decisions=decisions) as client,
    ):
        conversation(name, client, program)
        assert client.association.psk_used()


def test_our_client_with_a_wrong_key(pki: PublicKeyInfrastructure) -> None:
    """OpenSSL's server says nothing at all; the front end's deadline ends it with a sentence about keys."""
    decisions = Recorder(client_key=(IDENTITY, b"x" * 32))
    with (
        server("openssl", pki, psk=PSK) as (_, port),
        DatagramClient(port, psk_client(), decisions=decisions) as client,
    ):
        assert client.run(client.association.psk_used)
        client.handshake(0.3)
        assert not client.completed
        assert client.failure is None
        client.association.give_up(0)
        client.flush()
        assert "pre-shared keys" in client.failure.message


@pytest.mark.parametrize("name", ["openssl", "openssl listen"])
@pytest.mark.parametrize("mtu", [300, 548])
def test_our_client_with_small_datagrams(pki: PublicKeyInfrastructure, name: str, mtu: int) -> None:
    """Fragments on both sides, and a client certificate in several of them."""
    configuration = dtls_client([pki.ca.certificate], credentials=credentials(pki.client))
    with (
        server(name, pki, mtu=mtu, clients=pki.ca.certificate) as (program, port),
        DatagramClient(port, configuration, mtu=mtu) as client,
    ):
        conversation(name, client, program)


def test_our_client_and_application_protocols(pki: PublicKeyInfrastructure) -> None:
    """ALPN, in the server's order."""
    configuration = dtls_client([pki.ca.certificate], alpn_protocols=(b"a", b"b"))
    with server("openssl", pki, alpn=["b", "a"]) as (program, port), DatagramClient(port, configuration) as client:
        conversation("openssl", client, program)
        assert client.association.negotiated_protocol() == b"b"


# ----------------------------------------------------------------------------------- our server


def client_of(name: str, port: int, **options: Any) -> Program:
    """Another implementation's client."""
    return (opensslClient if name == "openssl" else gnutlsClient)(port, **options)


def answered(ours: DatagramServer, program: Program) -> None:
    """It says something to us and gets that back."""
    program.write(b"hello\n")
    complete = ours.run(lambda: b"hello\n" in ours.messages)
    program.says("")
    assert complete, (ours.events, program.output)
    assert ours.run(lambda: program.says("hello")), program.output


@pytest.mark.parametrize("cookies", [True, False])
@pytest.mark.parametrize("name", CLIENTS)
def test_our_server_with_certificates(pki: PublicKeyInfrastructure, name: str, cookies: bool) -> None:
    """With and without cookies."""
    with (
        DatagramServer(dtls_server(pki.server), cookies=cookies) as ours,
        client_of(name, ours.port, trust=pki.ca.certificate) as program,
    ):
        answered(ours, program)
        assert (ours.listener.statistics.challenges > 0) == cookies
        assert len(ours.peers) == 1


@pytest.mark.parametrize("name", CLIENTS)
def test_our_server_demands_a_certificate(pki: PublicKeyInfrastructure, name: str) -> None:
    """The client shows one."""
    configuration = dtls_server(pki.server, clients=[pki.ca.certificate])
    with (
        DatagramServer(configuration) as ours,
        client_of(name, ours.port, trust=pki.ca.certificate, certificate=pki.client) as program,
    ):
        answered(ours, program)
        assert ours.association.peer_certificates()


@pytest.mark.parametrize("name", CLIENTS)
def test_our_server_with_a_key(name: str) -> None:
    """A pre-shared key and no certificates."""
    decisions = Recorder(server_keys={IDENTITY: KEY})
    with DatagramServer(psk_server(), decisions=decisions) as ours, client_of(name, ours.port, psk=PSK) as program:
        answered(ours, program)
        assert ours.association.psk_used()


def test_our_server_tells_a_wrong_key() -> None:
    """OpenSSL's client repeats its flight only after a second; then it is told."""
    decisions = Recorder(server_keys={IDENTITY: b"x" * 32})
    with DatagramServer(psk_server(), decisions=decisions) as ours, client_of("openssl", ours.port, psk=PSK) as program:
        ours.run(lambda: ours.failure is not None)
        assert "pre-shared keys of both sides differ" in ours.failure.message
        assert ours.run(lambda: program.says("alert bad record mac"))


def test_our_server_with_small_datagrams(pki: PublicKeyInfrastructure) -> None:
    """Fragments on both sides."""
    configuration = dtls_server(pki.server, clients=[pki.ca.certificate])
    with (
        DatagramServer(configuration, mtu=300) as ours,
        opensslClient(ours.port, trust=pki.ca.certificate, certificate=pki.client, mtu=300) as program,
    ):
        answered(ours, program)
        assert max(map(len, ours.received)) <= 300


def test_our_server_and_application_protocols(pki: PublicKeyInfrastructure) -> None:
    """ALPN, in the client's order."""
    configuration = dtls_server(pki.server, alpn_protocols=(b"a", b"b"))
    with (
        DatagramServer(configuration) as ours,
        opensslClient(ours.port, trust=pki.ca.certificate, alpn=["b", "a"]) as program,
    ):
        answered(ours, program)
        assert ours.association.negotiated_protocol() == b"b"


# ------------------------------------------------------------------- forged and damaged datagrams


class Meddler:
    """Does something to one received datagram."""

    def __init__(self, change: Callable[[bytes, int], list[bytes] | None]) -> None:
        self.change = change
        self.count = 0
        self.done = False

    def __call__(self, datagram: bytes) -> list[bytes]:
        changed = None if self.done else self.change(datagram, self.count)
        self.count += 1
        self.done = self.done or changed is not None
        return [datagram] if changed is None else changed


def insert(forged: bytes, moment: int) -> Meddler:
    """Let a forged datagram arrive before the datagram with this number."""
    return Meddler(lambda datagram, count: [forged, datagram] if count == moment else None)


def damage(kind: int) -> Meddler:
    """Change the last bit of the first unencrypted message of a kind."""

    def change(datagram: bytes, _: int) -> list[bytes] | None:
        end = 0
        try:
            records = split_records_untrusted(datagram)
        except MalformedDatagram:
            return None
        for record in records:
            end += len(record.data)
            if (record.kind, record.epoch, record.payload[0]) == (HANDSHAKE, 0, kind):
                return [datagram[: end - 1] + bytes((datagram[end - 1] ^ 1,)) + datagram[end:]]
        return None

    return Meddler(change)


FORGED = [
    "fatal alert",
    "huge record number",
    "server hello done",
    "hello verify request",
    pytest.param("certificate fragment", marks=pytest.mark.slow),
    pytest.param("change of keys", marks=pytest.mark.slow),
    pytest.param("close_notify", marks=pytest.mark.slow),
    pytest.param("server hello of zeros", marks=pytest.mark.slow),
]
FORGED_FOR_SERVERS = [
    "fatal alert",
    "client key exchange",
    pytest.param("empty client certificate", marks=pytest.mark.slow),
    pytest.param("encrypted junk", marks=pytest.mark.slow),
    pytest.param("huge record number", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(
    "moment", [pytest.param(0, marks=pytest.mark.slow), 1, pytest.param(2, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("forgery", FORGED)
@pytest.mark.parametrize("name", ["openssl", "gnutls", pytest.param("openssl listen", marks=pytest.mark.slow)])
def test_our_client_survives_a_forged_datagram(
    pki: PublicKeyInfrastructure, name: str, forgery: str, moment: int
) -> None:
    """Where it has to begin again, the server understands that."""
    with server(name, pki) as (program, port), DatagramClient(port, dtls_client([pki.ca.certificate])) as client:
        client.clock = FairClock(program.isBusy)
        client.tamper = meddler = insert(FORGERIES[forgery], moment)
        conversation(name, client, program)
        assert meddler.done


@pytest.mark.parametrize(
    "kind", ["SERVER_HELLO", "CERTIFICATE", "SERVER_KEY_EXCHANGE", "HELLO_VERIFY_REQUEST", "NEW_SESSION_TICKET"]
)
@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_our_client_survives_a_damaged_message(pki: PublicKeyInfrastructure, name: str, kind: str) -> None:
    """What arrives is not what was sent, once; the first handshake fails, a second one follows.

    A server that is slow hears a damaged cookie twice, and has two alerts, of which the second is believed.
    """
    for _ in range(10):
        with server(name, pki) as (program, port), DatagramClient(port, dtls_client([pki.ca.certificate])) as client:
            client.clock = FairClock(program.isBusy)
            client.tamper = meddler = damage(getattr(HandshakeType, kind))
            client.handshake()
            if not client.completed and kind == "HELLO_VERIFY_REQUEST":
                continue
            conversation(name, client, program)
            assert meddler.done
            assert client.association.statistics.restarts == 1, (client.events, program.output)
            return
    pytest.fail("No server was fast enough.")


@pytest.mark.parametrize("forgery", FORGED_FOR_SERVERS)
@pytest.mark.parametrize("moment", [pytest.param(1, marks=pytest.mark.slow), 2])
@pytest.mark.parametrize("name", CLIENTS)
def test_our_server_survives_a_forged_datagram(
    pki: PublicKeyInfrastructure, name: str, forgery: str, moment: int
) -> None:
    """Other clients cannot begin again, so the server must not be fooled in the first place."""
    with (
        DatagramServer(dtls_server(pki.server)) as ours,
        client_of(name, ours.port, trust=pki.ca.certificate) as program,
    ):
        ours.tamper = meddler = insert(FORGERIES[forgery], moment)
        answered(ours, program)
        assert meddler.done
