"""Sessions of DTLS 1.2: the rules are those of TLS 1.2, and loss or forgeries do not break them."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

import pytest

from qtsecure.engine.configuration import TlsConfiguration, VerifyMode
from qtsecure.engine.dtls.wire import CHANGE_CIPHER_SPEC, HANDSHAKE, split_records_untrusted
from qtsecure.engine.events import FailureKind, StreamFailed
from qtsecure.engine.host_names import normalize_host_name
from qtsecure.engine.protocols import ProtocolVersion
from qtsecure.engine.sessions import Session, scope_of
from qtsecure.engine.verification import IssueCode
from qtsecure.errors import SecureError
from qtsecure.testing.datagram_link import DatagramLink, LinkedDatagram
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.engine.dtls.support import (
    IDENTITY,
    KEY,
    Network,
    dtls_client,
    dtls_server,
    psk_client,
    psk_server,
)
from tests.engine.support import Pair, Recorder, client_configuration, credentials, der_chain, make_certificate
from tests.engine.support import server_configuration as tls_server


def session_of(network: Network) -> Session:
    """The session of an established client."""
    assert network.client.association is not None
    session = network.client.association.session()
    assert session is not None
    return session


def resumed(network: Network) -> bool:
    """Whether an established association has resumed, in the opinion of both sides."""
    client, server = network.client.association, network.server.association
    assert client is not None
    assert server is not None
    assert client.session_reused() is server.session_reused()
    return client.session_reused()


def forged(network: Network, client: TlsConfiguration) -> Session:
    """The session of an association that must not give any."""
    association = network.client.association
    assert association is not None
    assert association.session() is None
    pipe = association._session._pipe
    assert pipe is not None
    scope = scope_of(client, normalize_host_name("localhost"), "")
    session = Session.of(pipe.connection, scope, association.peer_certificates())
    assert session is not None
    return session


def test_resuming(pki: PublicKeyInfrastructure, engine_path: str) -> None:
    """The handshake is shorter, and everything that a program may ask is the same."""
    client = dtls_client([pki.ca.certificate], alpn_protocols=(b"x", b"y"), srtp_profiles=("SRTP_AEAD_AES_128_GCM",))
    server = dtls_server(pki.viaIntermediate, alpn_protocols=(b"y",), srtp_profiles=("SRTP_AEAD_AES_128_GCM",))
    first = Network(client, server).established()
    second = Network(client, server, session=session_of(first)).established()
    assert not resumed(first)
    assert resumed(second)
    assert second.say(b"there") == [b"there"]
    assert second.say(b"back", from_server=True) == [b"back"]
    for one, other in zip(first.ends, second.ends, strict=True):
        before, after = one.association, other.association
        assert before is not None
        assert after is not None
        assert after.peer_certificates() == before.peer_certificates()
        assert after.protocol_version() is ProtocolVersion.DTLS_1_2
        assert after.cipher_name() == before.cipher_name()
        assert after.negotiated_protocol() == b"y"
        assert after.srtp_profile() == b"SRTP_AEAD_AES_128_GCM"
        assert after.server_name() == before.server_name() == "localhost"
        assert after.issues == ()
    assert second.client.association is not None
    assert second.client.association.peer_certificates() == der_chain(pki.viaIntermediate.chain)


def test_a_session_is_there_with_the_end_of_the_handshake_and_serves_many(pki: PublicKeyInfrastructure) -> None:
    client, server = dtls_client([pki.ca.certificate]), dtls_server(pki.server)
    network = Network(client, server)
    assert network.client.association is not None
    assert network.client.association.session() is None
    session = session_of(network.established())
    assert session.version is ProtocolVersion.DTLS_1_2
    assert network.server.association is not None
    assert network.server.association.session() is None
    for _ in range(3):
        again = Network(client, server, session=session).established()
        assert resumed(again)
        assert session_of(again).chain == session.chain


def test_stored_and_restored(pki: PublicKeyInfrastructure) -> None:
    client, server = dtls_client([pki.ca.certificate]), dtls_server(pki.server)
    stored = session_of(Network(client, server, place="here:1").established()).to_bytes()
    assert resumed(Network(client, server, place="here:1", session=Session.from_bytes(stored)).established())
    with pytest.raises(SecureError, match="made at 'here:1', not at 'there:1'"):
        Network(client, server, place="there:1", session=Session.from_bytes(stored))


def test_tls_and_dtls_share_nothing(pki: PublicKeyInfrastructure) -> None:
    """The version is part of the configuration that a session is bound to."""
    session = session_of(Network(dtls_client([pki.ca.certificate]), dtls_server(pki.server)).established())
    tls = client_configuration([pki.ca.certificate], "1.2")
    with pytest.raises(SecureError, match="another configuration"):
        Pair(tls, tls_server(pki.server, "1.2"), session=session)


def test_a_server_that_has_forgotten(pki: PublicKeyInfrastructure) -> None:
    """A full handshake follows, and brings a session of its own."""
    client = dtls_client([pki.ca.certificate])
    session = session_of(Network(client, dtls_server(pki.server)).established())
    other = Network(client, dtls_server(pki.viaIntermediate), session=session).established()
    assert not resumed(other)
    assert session_of(other).chain == der_chain(pki.viaIntermediate.chain)


@pytest.mark.parametrize("fields", [{"session_tickets_enabled": False}, {"peer": "server"}], ids=["client", "server"])
def test_tickets_switched_off(pki: PublicKeyInfrastructure, fields: dict[str, Any]) -> None:
    own = {} if "peer" in fields else fields
    others = {"session_tickets_enabled": False} if "peer" in fields else {}
    network = Network(dtls_client([pki.ca.certificate], **own), dtls_server(pki.server, **others)).established()
    assert network.client.association is not None
    assert network.client.association.session() is None


def test_no_session_with_keys() -> None:
    """The key proves each time who is there; a server with keys gives no ticket."""
    network = Network(
        psk_client(),
        psk_server(),
        client_decisions=Recorder(client_key=(IDENTITY, KEY)),
        server_decisions=Recorder(server_keys={IDENTITY: KEY}),
    ).established()
    assert network.client.association is not None
    assert network.client.association.session() is None


@pytest.mark.parametrize("mode", [VerifyMode.PEER, VerifyMode.QUERY])
def test_no_session_after_errors(pki: PublicKeyInfrastructure, mode: VerifyMode) -> None:
    client = dtls_client([pki.ca.certificate], verify_mode=mode)
    network = Network(client, dtls_server(pki.expired), client_answer="accept").established()
    assert network.client.association is not None
    assert network.client.association.session() is None


def test_servers_that_see_a_certificate_resume_nothing(pki: PublicKeyInfrastructure) -> None:
    """One that demands certificates gives no ticket; one that queries spoils that of a client with one."""
    shows = dtls_client([pki.ca.certificate], credentials=credentials(pki.client))
    silent = dtls_client([pki.ca.certificate])
    strict = dtls_server(pki.server, clients=[pki.ca.certificate])
    asking = dtls_server(pki.server, clients=[pki.ca.certificate], verify_mode=VerifyMode.QUERY)
    demanded = Network(shows, strict).established().client.association
    assert demanded is not None
    assert demanded.session() is None
    ticket = session_of(Network(shows, asking).established())
    again = Network(shows, asking, session=ticket).established()
    assert not resumed(again)
    assert again.server.association is not None
    assert again.server.association.peer_certificates()[:1] == der_chain(pki.client.chain)[:1]
    assert resumed(Network(silent, asking, session=session_of(Network(silent, asking).established())).established())
    free = session_of(Network(shows, dtls_server(pki.server)).established())
    assert not resumed(Network(shows, strict, session=free).established())


def test_a_damaged_record_number(pki: PublicKeyInfrastructure) -> None:
    """The server takes the number of the hello for the lowest; a client that has completed could not begin again."""
    client, server = dtls_client([pki.ca.certificate]), dtls_server(pki.server)
    network = Network(client, server, session=session_of(Network(client, server).established()))

    def damage(datagram: LinkedDatagram) -> list[bytes]:
        data = bytearray(datagram.data)
        if (datagram.sender, datagram.number) == ("client", 1):
            data[7] ^= 1
        return [bytes(data)]

    network.link.tamper = damage
    network.start().run(5, lambda: all(end.completed for end in network.ends))
    assert resumed(network)
    assert network.say(b"there") == [b"there"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"not_before": -9, "not_after": -1}, IssueCode.CERT_HAS_EXPIRED),
        ({"names": ["other.example"]}, IssueCode.HOSTNAME_MISMATCH),
    ],
)
def test_name_and_dates_are_looked_at_again(
    pki: PublicKeyInfrastructure, fields: dict[str, Any], code: IssueCode
) -> None:
    """With the same error and the same alert as in a full handshake."""
    days = {
        key: dt.datetime.now(dt.timezone.utc) + dt.timedelta(days=value)
        for key, value in fields.items()
        if key != "names"
    }
    server = dtls_server(make_certificate(pki.ca, fields.get("names", ["localhost"]), **days))
    client = dtls_client([pki.ca.certificate])
    session = forged(Network(client, server, client_answer="accept").established(), client)
    network = Network(client, server, session=session).handshake()
    network.run(2)
    assert network.client.association is not None
    assert [issue.code for issue in network.client.association.issues] == [code]
    assert not network.client.completed
    assert not network.server.completed
    failure = network.client.of(StreamFailed)[0]
    assert failure.kind is FailureKind.CERTIFICATE_REJECTED
    assert network.server.alerts_received == [int(network.client.association.issues[0].alert)]
    assert resumed(Network(client, server, session=session, client_answer="accept").established())


def losing_first(link: DatagramLink, sender: str) -> None:
    """The first datagram of a sender with its change of keys gets lost."""
    lost = []

    def tamper(datagram: LinkedDatagram) -> list[bytes]:
        records = split_records_untrusted(datagram.data)
        if not lost and datagram.sender == sender and any(each.kind == CHANGE_CIPHER_SPEC for each in records):
            lost.append(datagram)
            return []
        return [datagram.data]

    link.tamper = tamper


@pytest.mark.parametrize("size", [10, 1100])
@pytest.mark.parametrize("sender", ["client", "server"])
def test_sec_c8_messages_of_an_eager_peer_do_not_shut_its_last_flight_out(
    pki: PublicKeyInfrastructure, sender: str, size: int
) -> None:
    """Whoever sends the last flight may send messages at once. If that flight gets lost, they are many meanwhile."""
    client, server = dtls_client([pki.ca.certificate]), dtls_server(pki.server)
    session = session_of(Network(client, server).established()) if sender == "client" else None
    network = Network(client, server, session=session)
    losing_first(network.link, sender)
    eager, other = network.ends if sender == "client" else network.ends[::-1]
    network.start().run(5, lambda: eager.completed)
    assert not other.completed
    assert eager.association is not None
    for number in range(200):
        eager.association.write(number.to_bytes(2, "big") * (size // 2))
    network.run(10, lambda: other.completed)
    assert other.completed, (eager.events, other.events)
    assert network.client.association is not None
    assert network.client.association.statistics.restarts == 0
    assert network.say(b"there") == [b"there"]
    assert network.say(b"back", from_server=True) == [b"back"]


@pytest.mark.parametrize("sender", ["client", "server"])
def test_sec_c11_a_forged_finished_does_not_hide_that_the_last_flight_was_lost(
    pki: PublicKeyInfrastructure, sender: str
) -> None:
    """Whoever sends the last flight has to know the other end's again, though a damaged copy came behind it."""
    client, server = dtls_client([pki.ca.certificate]), dtls_server(pki.server)
    session = session_of(Network(client, server).established()) if sender == "client" else None
    network = Network(client, server, session=session)
    lost, forged = [], []

    def tamper(datagram: LinkedDatagram) -> list[bytes]:
        finished = [each.data for each in split_records_untrusted(datagram.data) if each.epoch == 1]
        if not finished or lost:
            return [datagram.data]
        if datagram.sender == sender:
            lost.append(datagram)
            return []
        forged.append(finished[-1][:-1] + bytes((finished[-1][-1] ^ 1,)))
        return [finished[-1], datagram.data[: -len(finished[-1])] + forged[-1]]

    network.link.tamper = tamper
    last, other = network.ends if sender == "client" else network.ends[::-1]
    network.start().run(5, lambda: last.completed)
    assert not other.completed
    network.run(10, lambda: other.completed)
    assert forged
    assert other.completed, (last.events, other.events)
    assert network.client.association is not None
    assert network.client.association.statistics.restarts == 0


@pytest.mark.parametrize("sender", ["client", "server"])
def test_sec_c8_a_last_flight_that_is_lost_again_and_again(pki: PublicKeyInfrastructure, sender: str) -> None:
    """OpenSSL encrypts a repeated Finished anew when its own timer runs out, and answers each such record only once."""
    client, server = dtls_client([pki.ca.certificate]), dtls_server(pki.server)
    session = session_of(Network(client, server).established()) if sender == "client" else None
    network = Network(client, server, session=session)
    losing = True
    asked: set[bytes] = set()

    def tamper(datagram: LinkedDatagram) -> list[bytes]:
        finished = [each for each in split_records_untrusted(datagram.data) if each.epoch and each.kind == HANDSHAKE]
        if datagram.sender == sender:
            return [] if finished and losing else [datagram.data]
        asked.update(each.data for each in finished)
        return [datagram.data]

    network.link.tamper = tamper
    last, other = network.ends if sender == "client" else network.ends[::-1]
    network.start().run(5, lambda: last.completed)
    assert other.association is not None
    pipe = other.association._session._pipe
    assert pipe is not None
    time.sleep(pipe.connection.DTLSv1_get_timeout() or 0)  # by the real clock, which OpenSSL alone uses
    network.run(1, lambda: other.completed)
    assert len(asked) == 2
    assert not other.completed
    losing = False
    network.run(5, lambda: other.completed)
    assert other.completed, (last.events, other.events)
    assert network.client.association is not None
    assert network.client.association.statistics.restarts == 0
    assert network.say(b"there") == [b"there"]
    assert network.say(b"back", from_server=True) == [b"back"]


@pytest.mark.parametrize("resuming", [False, True])
@pytest.mark.parametrize("sender", ["client", "server"])
def test_sec_c11_forged_records_do_not_shut_the_genuine_finished_out(
    pki: PublicKeyInfrastructure, sender: str, resuming: bool
) -> None:
    """Somebody who only knows the addresses sends more of them than are kept, again and again: nothing is delayed."""
    client, server = dtls_client([pki.ca.certificate]), dtls_server(pki.server)
    session = session_of(Network(client, server).established()) if resuming else None
    network = Network(client, server, session=session)
    forged: list[bytes] = []

    def tamper(datagram: LinkedDatagram) -> list[bytes]:
        if datagram.sender != sender:
            return [datagram.data]
        numbers = range(len(forged), len(forged) + 40)
        fresh = [b"\x16\xfe\xfd\0\1" + (999 + number).to_bytes(6, "big") + b"\0\x28" + bytes(40) for number in numbers]
        forged.extend(fresh)
        return [*fresh, datagram.data]

    network.link.tamper = tamper
    begin = network.link.now
    network.start().run(20, lambda: network.client.completed and network.server.completed)
    assert forged
    assert network.client.completed, network.client.events
    assert network.server.completed, network.server.events
    assert network.link.now - begin < 0.1
    for end in network.ends:
        assert end.association is not None
        assert end.association.statistics.restarts == end.association.statistics.retransmissions == 0


@pytest.mark.parametrize("cookies", [True, False])
def test_sec_c8_an_early_message_tells_that_the_last_flight_was_lost(
    pki: PublicKeyInfrastructure, cookies: bool
) -> None:
    """A server that resumes asks for it before its timer would; to an address that may be forged it stays slow."""
    client, server = dtls_client([pki.ca.certificate]), dtls_server(pki.server)
    session = session_of(Network(client, server).established())
    network = Network(client, server, session=session, cookies=cookies)
    losing_first(network.link, "client")
    network.start().run(5, lambda: network.client.completed)
    assert network.client.association is not None
    begin = network.link.now
    while not network.server.completed and network.link.now < begin + 2:
        network.client.association.write(b"early")
        network.run(0.01, lambda: network.server.completed)
    assert network.server.completed
    assert (network.link.now - begin < 0.15) is cookies
    assert network.server.association is not None
    assert network.server.association.statistics.retransmissions == 1


def test_sec_c11_a_damaged_last_flight_of_a_silent_client_comes_again(pki: PublicKeyInfrastructure) -> None:
    """A server that resumes has to go on asking: its client has finished, and may have nothing to say."""
    client, server = dtls_client([pki.ca.certificate]), dtls_server(pki.server)
    network = Network(client, server, session=session_of(Network(client, server).established()))
    damaged = []

    def tamper(datagram: LinkedDatagram) -> list[bytes]:
        records = split_records_untrusted(datagram.data)
        if damaged or datagram.sender != "client" or records[-1].epoch == 0:
            return [datagram.data]
        damaged.append(datagram)
        return [datagram.data[:-1] + bytes((datagram.data[-1] ^ 1,))]

    network.link.tamper = tamper
    network.start().run(10, lambda: network.server.completed)
    assert damaged
    assert network.server.completed
    assert resumed(network)
