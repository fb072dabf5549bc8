"""DTLS associations over a simulated link: handshakes, messages, decisions, timers, endings."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Any

import pytest
from OpenSSL import SSL

from qtsecure.engine.configuration import TlsConfiguration, VerifyMode
from qtsecure.engine.contexts import context_for
from qtsecure.engine.dtls import DropReason, DtlsAssociation, DtlsListener
from qtsecure.engine.dtls.flights import RetransmissionTimer
from qtsecure.engine.dtls.wire import ALERT, HANDSHAKE, HandshakeType, fragment, fragment_untrusted, plain_record
from qtsecure.engine.dtls.wire import split_records_untrusted as split
from qtsecure.engine.events import (
    AlertReceived,
    AlertSent,
    CertificateProblems,
    FailureKind,
    HandshakeCompleted,
    PeerClosed,
    StreamFailed,
)
from qtsecure.engine.protocols import ProtocolVersion
from qtsecure.engine.states import StreamState
from qtsecure.engine.tls_stream import TlsStream
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
    plain_network,
    psk_client,
    psk_server,
)
from tests.engine.support import Recorder, credentials, der_chain

# ------------------------------------------------------------------------------- the handshake


def test_qt_2_10_flow_in_datagrams(pki: PublicKeyInfrastructure, engine_path: str) -> None:
    """Hello, cookie, hello with cookie, and three flights; then data in both directions."""
    sent: list[str] = []
    network = plain_network(pki)

    def note(datagram: LinkedDatagram) -> list[bytes]:
        sent.append(datagram.sender)
        return [datagram.data]

    network.link.tamper = note
    network.established()
    assert sent == ["client", "server", "client", "server", "client", "server"]
    for end in network.ends:
        assert end.events == [HandshakeCompleted()]
        assert end.association is not None
        assert end.association.timer() is None
        assert end.association.statistics.retransmissions == 0
    assert network.say(b"to the server") == [b"to the server"]
    assert network.say(b"to the client", from_server=True) == [b"to the client"]


def test_facts_of_an_association(pki: PublicKeyInfrastructure) -> None:
    """Both sides agree on what was negotiated."""
    network = Network(
        dtls_client([pki.ca.certificate], srtp_profiles=("SRTP_AEAD_AES_128_GCM",)),
        dtls_server(pki.server, srtp_profiles=("SRTP_AEAD_AES_256_GCM", "SRTP_AEAD_AES_128_GCM")),
    ).established()
    client, server = network.client.association, network.server.association
    assert client is not None
    assert server is not None
    for each in (client, server):
        assert each.protocol_version() is ProtocolVersion.DTLS_1_2
        assert each.cipher_name() == "ECDHE-ECDSA-AES256-GCM-SHA384"
        assert each.group_name()
        assert each.server_name() == "localhost"
        assert each.srtp_profile() == b"SRTP_AEAD_AES_128_GCM"
        assert each.state is StreamState.ESTABLISHED
        assert not each.psk_used()
        assert not each.session_reused()
        assert each.issues == ()
    assert client.peer_certificates() == der_chain([pki.server.certificate])
    secret = client.export_keying_material(b"EXPERIMENTAL test", 32, b"")
    assert secret == server.export_keying_material(b"EXPERIMENTAL test", 32, b"")


def test_facts_before_there_are_any(pki: PublicKeyInfrastructure) -> None:
    """Everything is empty, and keying material is refused."""
    association = DtlsAssociation(dtls_client([pki.ca.certificate]), server=False, peer_name="localhost")
    for started in (False, True):
        if started:
            association.start(0)
        assert association.protocol_version() is ProtocolVersion.UNKNOWN
        assert (association.cipher_name(), association.negotiated_protocol()) == ("", b"")
        assert association.peer_certificates() == ()
        assert association.largest_message == 0
        with pytest.raises(RuntimeError, match="after the handshake"):
            association.export_keying_material(b"EXPERIMENTAL test", 32, b"")
        with pytest.raises(RuntimeError):
            association.write(b"too early")
        assert not any(record.kind == 23 for data in association.take_outgoing() for record in split(data))


def test_qt_2_26_application_protocols(pki: PublicKeyInfrastructure) -> None:
    """The client's first choice that the server knows; none in common is none at all, as in Gio."""
    client = dtls_client([pki.ca.certificate], alpn_protocols=(b"b", b"a"))
    network = Network(client, dtls_server(pki.server, alpn_protocols=(b"a", b"b"))).established()
    assert all(end.association.negotiated_protocol() == b"b" for end in network.ends if end.association)
    network = Network(client, dtls_server(pki.server, alpn_protocols=(b"c",))).established()
    assert all(end.association.negotiated_protocol() == b"" for end in network.ends if end.association)


@pytest.mark.parametrize("kind", ["rsaServer", "viaIntermediate"])
def test_other_certificates(pki: PublicKeyInfrastructure, kind: str) -> None:
    """RSA keys, and chains."""
    plain = Network(dtls_client([pki.ca.certificate]), dtls_server(getattr(pki, kind))).established()
    assert plain.client.association is not None
    assert plain.client.association.peer_certificates() == der_chain(getattr(pki, kind).chain)


def test_ed25519_server_key_is_refused_with_a_reason(pki: PublicKeyInfrastructure) -> None:
    """OpenSSL before 4.1 would only say "no shared cipher", to the client."""
    if SSL.OPENSSL_VERSION_NUMBER >= 0x40100000:
        pytest.skip("This OpenSSL can use them.")
    with pytest.raises(SecureError, match="Ed25519") as caught:
        context_for(dtls_server(pki.ed25519Server), server=True)
    assert caught.value.code is SecureError.Code.NotSupported


def test_ed25519_client_key(pki: PublicKeyInfrastructure) -> None:
    """A client's is fine, or its own server refuses it with an alert: never silence."""
    certificate = pki.ca.issue(["client.example"], usage="client", key="ed25519")
    client = dtls_client([pki.ca.certificate], credentials=credentials(certificate))
    network = Network(client, dtls_server(pki.server, clients=[pki.ca.certificate])).handshake()
    assert network.client.completed or network.client.failure is not None


def test_qt_2_5_versions_of_tls_are_refused(pki: PublicKeyInfrastructure) -> None:
    """At once, and by name; so are sizes that OpenSSL cannot work with."""
    for configuration in (
        TlsConfiguration(),
        dataclasses.replace(dtls_client(), maximum_version=ProtocolVersion.TLS_1_3),
    ):
        with pytest.raises(ValueError, match="configuration"):
            DtlsAssociation(configuration, server=False)
    for mtu in (0, 255, 65508):
        with pytest.raises(ValueError, match="mtu"):
            DtlsAssociation(dtls_client(), server=False, mtu=mtu)


def test_no_common_cipher(pki: PublicKeyInfrastructure) -> None:
    """The alert reaches the client within a second."""
    client = dtls_client([pki.ca.certificate], tls12_ciphers=("ECDHE-RSA-AES256-GCM-SHA384",))
    network = Network(client, dtls_server(pki.server)).handshake()
    assert network.server.alerts_sent == network.client.alerts_received == [40]
    assert network.client.failure is not None
    assert network.link.now - 1000 < 1.5


# ------------------------------------------------------------------------------ certificates


@pytest.mark.parametrize(
    "kind", ["expired", "wrongHost", "selfSigned", "unknownCa", "badPurpose", "missingIntermediate"]
)
def test_qt_2_18_rejecting_a_server_tells_it_why(pki: PublicKeyInfrastructure, kind: str) -> None:
    """The client's flight was held, so the server is not complete and gets the right alert."""
    network = Network(dtls_client([pki.ca.certificate]), dtls_server(getattr(pki, kind))).handshake()
    network.run(5)
    (problems,) = network.client.of(CertificateProblems)
    assert problems.decision_needed
    assert network.client.failure is not None
    assert network.client.failure.kind is FailureKind.CERTIFICATE_REJECTED
    assert network.client.alerts_sent == network.server.alerts_received == [problems.issues[0].alert]
    assert not network.server.completed
    assert network.server.failure is not None


def test_the_alert_of_a_rejection_is_repeated(pki: PublicKeyInfrastructure) -> None:
    """It gets lost; the server repeats its flight and is told again."""
    link = DatagramLink()
    network = Network(dtls_client([pki.ca.certificate]), dtls_server(pki.expired), link)
    link.tamper = lambda each: [] if each.sender == "client" and each.number == 2 else [each.data]
    network.handshake()
    network.run(5)
    assert network.server.alerts_received == [45]


def test_qt_2_17_accepting_a_server_in_spite_of_errors(pki: PublicKeyInfrastructure) -> None:
    """The handshake continues where it was held."""
    network = Network(dtls_client([pki.ca.certificate]), dtls_server(pki.expired), client_answer="accept").established()
    assert [issue.code for issue in network.client.association.issues] == [IssueCode.CERT_HAS_EXPIRED]  # type: ignore[union-attr]  # it has one by now
    assert network.say(b"all the same") == [b"all the same"]


def test_querying_clients_only_report(pki: PublicKeyInfrastructure) -> None:
    """VerifyMode.QUERY never holds anything."""
    client = dtls_client([pki.ca.certificate], verify_mode=VerifyMode.QUERY)
    network = Network(client, dtls_server(pki.expired)).established()
    assert [event.decision_needed for event in network.client.of(CertificateProblems)] == [False]


@pytest.mark.parametrize("answer", ["accept", "reject"])
def test_a_decision_may_take_long(pki: PublicKeyInfrastructure, answer: str) -> None:
    """The flight is held and the own timers wait, while the peer repeats itself."""
    network = Network(dtls_client([pki.ca.certificate]), dtls_server(pki.expired), client_answer="wait").start()
    network.run(20)
    client = network.client.association
    assert client is not None
    assert client.state is StreamState.DECIDING
    assert client.timer() is None
    assert not client.complete
    assert client.statistics.retransmissions == 0
    assert network.server.association is not None
    assert network.server.association.statistics.retransmissions > 3
    assert not network.server.completed
    if answer == "accept":
        client.accept_certificate(network.link.now)
        network.run(5, network.finished)
        assert network.client.completed
        assert network.server.completed
        assert network.say(b"late") == [b"late"]
    else:
        client.reject_certificate(network.link.now)
        network.run(5)
        assert network.server.alerts_received == [45]


def test_a_server_that_does_not_wait_for_a_decision(pki: PublicKeyInfrastructure) -> None:
    """Its alert is told together with what it has not waited for."""
    network = Network(dtls_client([pki.ca.certificate]), dtls_server(pki.expired), client_answer="wait").start()
    network.run(2)
    assert network.server.association is not None
    network.server.association.close(network.link.now)
    network.run(5)
    assert network.client.failure is not None
    assert network.client.failure.kind is FailureKind.ENDED_IN_HANDSHAKE
    assert "It did not wait for the answer to the question" in network.client.failure.message


@pytest.mark.parametrize("alert", [b"\2\x28", b"\1\0"], ids=["fatal", "close_notify"])
@pytest.mark.parametrize("after", [0.1, 2, 12])
def test_a_forged_alert_ends_no_question(pki: PublicKeyInfrastructure, after: float, alert: bytes) -> None:
    """The server waits for the answer, and repeats itself more and more seldom: that is a sign of life, and enough."""
    network = Network(dtls_client([pki.ca.certificate]), dtls_server(pki.expired), client_answer="wait").start()
    network.run(after)
    client = network.client.association
    assert client is not None
    assert client.state is StreamState.DECIDING
    client.receive(plain_record(ALERT, 1 << 20, alert), network.link.now)
    network.run(20)
    assert network.client.failure is None
    client.receive(plain_record(ALERT, 1 << 21, alert), network.link.now)  # another just before the answer
    client.accept_certificate(network.link.now)
    network.run(5, network.finished)
    assert network.client.completed


@pytest.mark.parametrize("answer", ["accept", "reject"])
def test_server_decides_about_a_client(pki: PublicKeyInfrastructure, answer: Any) -> None:
    """Its last flight is held, so the client is not complete before the decision."""
    client = dtls_client([pki.ca.certificate], credentials=credentials(pki.clientUnknownCa))
    server = dtls_server(pki.server, clients=[pki.ca.certificate])
    network = Network(client, server, server_answer="wait").start()
    network.run(60)
    assert network.server.replaced == []
    assert not network.client.completed
    deciding = network.server.association
    assert deciding is not None
    assert deciding.state is StreamState.DECIDING
    if answer == "accept":
        deciding.accept_certificate(network.link.now)
        network.run(5, network.finished)
        assert network.client.completed
        assert network.server.completed
        assert deciding.peer_certificates() == der_chain([pki.clientUnknownCa.certificate])
    else:
        deciding.reject_certificate(network.link.now)
        network.run(5)
        assert network.server.alerts_sent == network.client.alerts_received == [48]
        assert not network.client.completed


@pytest.mark.parametrize("required", [True, False])
def test_qt_2_19_missing_client_certificate(pki: PublicKeyInfrastructure, required: bool) -> None:
    """Fatal inside the handshake, or a decision; an alert in both cases."""
    server = dtls_server(pki.server, clients=[pki.ca.certificate], certificate_required=required)
    network = Network(dtls_client([pki.ca.certificate]), server).handshake()
    network.run(2)
    assert network.server.alerts_sent == network.client.alerts_received == [40]
    assert not network.client.completed


def test_qt_2_19_interrupting_on_the_first_error(pki: PublicKeyInfrastructure) -> None:
    """The decision is taken inside the handshake, once, and never asked again by a second attempt."""
    decisions = Recorder()
    client = dtls_client([pki.ca.certificate], interrupt_on_error=True)
    network = Network(client, dtls_server(pki.expired), client_decisions=decisions).handshake()
    network.run(2)
    assert len(decisions.of("continue_after")) == 1
    assert network.client.alerts_sent == network.server.alerts_received == [45]
    assert network.client.association is not None
    assert network.client.association.statistics.restarts == 0


def test_a_damaged_certificate_is_asked_for_again(pki: PublicKeyInfrastructure) -> None:
    """Nobody is bothered with it; one that stays wrong is reported."""
    for times in (1, 99):
        left = [times]
        network = plain_network(pki)
        leaf = der_chain([pki.server.certificate])[0]

        def damage(datagram: LinkedDatagram, left: list[int] = left, leaf: bytes = leaf) -> list[bytes]:
            if leaf not in datagram.data or not left[0]:
                return [datagram.data]
            left[0] -= 1
            return [datagram.data.replace(leaf, leaf[:-1] + bytes((leaf[-1] ^ 1,)))]

        network.link.tamper = damage
        network.handshake()
        assert network.client.association is not None
        assert network.client.association.statistics.restarts == 1
        assert len(network.client.of(CertificateProblems)) == (times > 1)
        assert network.client.completed == (times == 1)


@pytest.mark.parametrize("cookies", [True, False])
def test_a_damaged_hello_is_sent_again(pki: PublicKeyInfrastructure, cookies: bool) -> None:
    """The server answers it, and goes on answering, but both sides have different keys: the client begins anew."""
    network = plain_network(pki, cookies=cookies)

    def damage(datagram: LinkedDatagram) -> list[bytes]:
        data = datagram.data
        if datagram.sender == "client" and datagram.number == (1 if cookies else 0):
            data = data[:-1] + bytes((data[-1] ^ 1,))  # an extension, which no cookie covers
        return [data]

    network.link.tamper = damage
    network.established()
    assert network.client.association is not None
    assert network.client.association.statistics.restarts == 1
    assert network.link.now - 1000 < 4


def long_hello_network(pki: PublicKeyInfrastructure, **options: Any) -> Network:
    """A client whose hello is longer than 300 bytes."""
    client = dtls_client([pki.ca.certificate], alpn_protocols=tuple(b"protocol-%d" % n for n in range(20)))
    return Network(client, dtls_server(pki.server), **options)


@pytest.mark.parametrize("cookies", [True, False])
@pytest.mark.parametrize("mtu", [1200, 300])
def test_sec_c11_a_server_that_has_answered_a_damaged_hello_takes_the_genuine_one(
    pki: PublicKeyInfrastructure, cookies: bool, mtu: int
) -> None:
    """Its answer was lost, so the client goes on sending its hello: nobody has to begin anew."""
    network = long_hello_network(pki, cookies=cookies, mtu=mtu)
    damaged: list[bytes] = []
    hellos = 0

    def damage(datagram: LinkedDatagram) -> list[bytes]:
        nonlocal hellos
        record = split(datagram.data)[0]
        if datagram.sender == "server":
            answer = record.payload[0] != HandshakeType.HELLO_VERIFY_REQUEST
            return [] if answer and hellos < 2 else [datagram.data]
        if record.epoch or record.kind != HANDSHAKE:
            return [datagram.data]
        part = fragment_untrusted(record.payload)
        if part.kind != HandshakeType.CLIENT_HELLO or part.number != cookies:
            return [datagram.data]
        hellos += part.offset == 0
        if damaged or part.offset + len(part.body) < part.length:
            return [datagram.data]
        damaged.append(datagram.data[:-1] + bytes((datagram.data[-1] ^ 1,)))  # an extension, which no cookie covers
        return damaged

    network.link.tamper = damage
    begin = network.link.now
    network.established()
    assert damaged
    assert network.client.association is not None
    assert network.client.association.statistics.restarts == 0
    assert len(network.server.replaced) == 1
    assert network.link.now - begin < 1


def test_sec_c11_a_damaged_copy_of_the_hello_replaces_nothing(pki: PublicKeyInfrastructure) -> None:
    """Nor do two copies of it, which the network has made, and other ones that are damaged otherwise."""
    network = plain_network(pki)

    def damage(datagram: LinkedDatagram) -> list[bytes]:
        data = datagram.data
        if datagram.sender != "client" or datagram.number != 1:
            return [data]
        places = len(data) - 1, len(data) - 2
        wrong = [data[:place] + bytes((data[place] ^ 1,)) + data[place + 1 :] for place in places]
        other = wrong[1][:10] + b"\7" + wrong[1][11:]  # another record
        return [data, wrong[0], wrong[0], other, wrong[0]]

    network.link.tamper = damage
    network.established()
    assert not network.server.replaced
    assert network.client.association is not None
    assert network.client.association.statistics.restarts == 0


@pytest.mark.parametrize("mtu", [1200, 300])
def test_sec_c11_forged_parts_of_a_hello_replace_nothing(pki: PublicKeyInfrastructure, mtu: int) -> None:
    """They bring no cookie, and what the client itself repeats is what was answered."""
    network = long_hello_network(pki, mtu=mtu)
    hello: list[bytes] = []

    def note(datagram: LinkedDatagram) -> list[bytes]:
        part = fragment_untrusted(split(datagram.data)[0].payload)
        if datagram.sender == "client" and (part.kind, part.number) == (HandshakeType.CLIENT_HELLO, 1):
            hello.append(datagram.data)
        return [datagram.data]

    network.link.tamper = note
    network.start().run(1, lambda: network.server.association is not None)
    current = network.server.association
    assert current is not None
    network.run(1, lambda: current.statistics.datagrams_sent > 0)
    network.link.tamper = None
    assert len(hello) == (1 if mtu == 1200 else 2)
    last = fragment_untrusted(split(hello[-1])[0].payload)
    forged = fragment(last.kind, last.length, 1, last.length - 1, bytes((last.body[-1] ^ 1,)))
    for number in (10, 11, 12):
        network.deliver("server", plain_record(HANDSHAKE, number, forged))
    for copy in hello * 2:
        network.deliver("server", copy)
    assert network.server.association is current
    assert not network.server.replaced
    network.run(5, network.finished)
    assert network.client.completed
    assert network.server.completed
    assert network.client.association is not None
    assert network.client.association.statistics.restarts == 0


def test_sec_c11_late_hellos_without_cookie_replace_nothing(pki: PublicKeyInfrastructure) -> None:
    """They are no other version of the one that brought the cookie."""
    network = plain_network(pki)
    hellos: list[bytes] = []

    def note(datagram: LinkedDatagram) -> list[bytes]:
        if datagram.sender == "client" and len(hellos) < 2:
            hellos.append(datagram.data)
        return [datagram.data]

    network.link.tamper = note
    network.start().run(1, lambda: network.server.association is not None)
    current = network.server.association
    for hello in (hellos[0], hellos[0], hellos[1], hellos[0], hellos[1]):
        network.deliver("server", hello[:10] + bytes((hello[10] + 1,)) + hello[11:])
        network.deliver("server", hello)
    assert network.server.association is current
    network.run(5, network.finished)
    assert network.client.completed
    assert network.server.completed


def test_what_decisions_raise_comes_out(pki: PublicKeyInfrastructure) -> None:
    """The caller of the engine gets it, and the handshake does not complete."""

    class Planned(Exception):  # noqa: N818 - not an error of the program
        pass

    def fail(_: str) -> None:
        raise Planned

    decisions = Recorder(client_key=(IDENTITY, KEY), inside=fail)
    keys = Recorder(server_keys={IDENTITY: KEY})
    network = Network(psk_client(), psk_server(), client_decisions=decisions, server_decisions=keys)
    with pytest.raises(Planned):
        network.handshake()
    assert not network.client.completed


def test_engine_is_not_reentered(pki: PublicKeyInfrastructure) -> None:
    """From inside a decision every way into OpenSSL is closed."""
    raised: list[str] = []

    def inside(_: str) -> None:
        association = network.client.association
        assert association is not None
        for call in (
            lambda: association.receive(bytes(13), 0),
            lambda: association.write(b"plaintext"),
            lambda: association.close(0),
            lambda: association.accept_certificate(0),
        ):
            try:
                call()
            except RuntimeError as error:
                raised.append(str(error))

    network = Network(
        psk_client(),
        psk_server(),
        client_decisions=Recorder(client_key=(IDENTITY, KEY), inside=inside),
        server_decisions=Recorder(server_keys={IDENTITY: KEY}),
    )
    network.established()
    assert len(raised) >= 3


def test_qt_2_28_keys_and_hints(engine_path: str) -> None:
    """The hint reaches the client, the identity the server; each is asked once, also after a second attempt."""
    asked_client = Recorder(client_key=(IDENTITY, KEY))
    asked_server = Recorder(server_keys={IDENTITY: KEY})
    link = DatagramLink()
    network = Network(
        psk_client(),
        psk_server(psk_identity_hint=b"which key?"),
        link,
        client_decisions=asked_client,
        server_decisions=asked_server,
    )
    damaged: list[int] = []

    def damage(datagram: LinkedDatagram) -> list[bytes]:
        # Before the last flight of the server, once, comes a ticket that nobody has promised: the client
        # has used its key by then.
        data = datagram.data
        if datagram.sender == "server" and datagram.number == 2 and not damaged:
            damaged.append(1)
            ticket = b"\x04\0\0\x06\0\x04\0\0\0\0\0\x06" + bytes(6)
            return [b"\x16" + data[1:11] + len(ticket).to_bytes(2, "big") + ticket, data]
        return [data]

    link.tamper = damage
    network.established()
    assert network.client.association is not None
    assert network.client.association.statistics.restarts == 1
    assert asked_client.of("psk_for_server") == [b"which key?"]
    assert asked_server.of("psk_for_client") == [IDENTITY] * 2  # two associations
    assert all(end.association.psk_used() for end in network.ends if end.association)


def test_a_client_without_a_key_says_that_the_program_gave_none() -> None:
    """As in TLS 1.2."""
    network = Network(psk_client(), psk_server(), client_decisions=Recorder(), server_decisions=Recorder()).handshake()
    assert network.client.failure is not None
    assert "the program gave none that can be used" in network.client.failure.message


@pytest.mark.parametrize("answer", ["reject", "accept", "late no", "late yes"])
def test_who_misses_the_certificate_tells_it(engine_path: str, answer: str) -> None:
    """A client with a key insists on a certificate, too: its last flight is held, so that the server is told why."""
    network = Network(
        psk_client(verify_mode=VerifyMode.PEER),
        psk_server(),
        client_answer="accept" if answer == "accept" else "reject" if answer == "reject" else "wait",
        client_decisions=Recorder(client_key=(IDENTITY, KEY)),
        server_decisions=Recorder(server_keys={IDENTITY: KEY}),
    ).start()
    network.run(10, network.finished)
    client = network.client.association
    assert client is not None
    (problems,) = network.client.of(CertificateProblems)
    assert [issue.code for issue in problems.issues] == [IssueCode.NO_PEER_CERTIFICATE]
    if answer.startswith("late"):
        assert client.state is StreamState.DECIDING
        assert not network.server.completed
        decide = client.accept_certificate if answer == "late yes" else client.reject_certificate
        decide(network.link.now)
    network.run(5)
    if answer in ("accept", "late yes"):
        assert network.client.completed
        assert network.server.completed
        assert network.say(b"all the same") == [b"all the same"]
    else:
        assert network.client.alerts_sent == network.server.alerts_received == [40]
        assert not network.client.completed
        assert not network.server.completed
        assert network.client.failure is not None
        assert network.server.failure is not None


def test_an_alert_that_is_told_is_sent(
    pki: PublicKeyInfrastructure, engine_path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rejection after the own last flight: only close_notify can be said encrypted, and it ends the server's end."""
    monkeypatch.setattr(TlsStream, "verify", lambda *_: 0)  # nobody has looked at the certificate, which is noted late
    network = plain_network(pki).start().run(10)
    assert network.client.of(AlertSent) == [AlertSent(1, 0)]
    assert network.client.failure is not None
    assert network.server.completed
    assert network.server.events[-2:] == [AlertReceived(1, 0), PeerClosed()]


@pytest.mark.parametrize("name", ["", "other.example", "127.0.0.2", "local host"])
def test_qt_2_29_the_name_of_the_server(pki: PublicKeyInfrastructure, name: str) -> None:
    """It has to be in the certificate; without a usable name the verification fails."""
    network = plain_network(pki, name=name).handshake()
    assert network.client.failure is not None
    assert network.client.failure.kind is FailureKind.CERTIFICATE_REJECTED
    for good in ("localhost", "LOCALHOST.", "127.0.0.1", "::1"):
        plain_network(pki, name=good).established()


# ----------------------------------------------------------------------------- messages and sizes


def test_qt_2_11_datagrams_of_the_handshake_obey_the_size(pki: PublicKeyInfrastructure) -> None:
    """1200 bytes by default; whatever is set is the limit on both sides."""
    for mtu in (256, 300, 576, 1200, 1400, 9000):
        sizes: list[int] = []
        network = Network(
            dtls_client([pki.ca.certificate], credentials=credentials(pki.client)),
            dtls_server(pki.viaIntermediate, clients=[pki.ca.certificate]),
            mtu=mtu,
        )

        def note(datagram: LinkedDatagram, sizes: list[int] = sizes) -> list[bytes]:
            sizes.append(len(datagram.data))
            return [datagram.data]

        network.link.tamper = note
        network.established()
        assert max(sizes) <= mtu
        assert mtu >= 1400 or max(sizes) > mtu - 64


def test_qt_2_21_large_and_empty_messages(pki: PublicKeyInfrastructure) -> None:
    """The limit is told, a message beyond it is refused, and nothing is wedged."""
    network = plain_network(pki).established()
    client = network.client.association
    assert client is not None
    assert 1100 < client.largest_message < 1200
    whole = bytes(client.largest_message)
    assert network.say(whole) == [whole]
    with pytest.raises(SecureError, match=str(client.largest_message)) as caught:
        client.write(whole + b"x")
    assert caught.value.code is SecureError.Code.MessageTooLarge
    with pytest.raises(ValueError, match="payload"):
        client.write(b"")
    assert client.take_outgoing() == []
    assert network.say(b"still here") == [b"still here"]
    client.set_mtu(20000)
    assert client.largest_message == 16384
    assert network.say(bytes(16384)) == [bytes(16384)]
    client.set_mtu(256)
    assert client.largest_message < 256


def test_the_short_way(pki: PublicKeyInfrastructure, engine_path: str) -> None:
    """One call for each message does the same as three, and counts the same."""
    network = plain_network(pki).established()
    client, server = network.client.association, network.server.association
    assert client is not None
    assert server is not None
    handshake = client.statistics.datagrams_sent
    for number in range(5):
        datagram = client.write_message(b"%d" % number)
        assert server.receive_message(datagram, 0) == b"%d" % number
        assert server.receive_message(datagram, 0) == b""  # a replay
    assert client.take_outgoing() == server.take_messages() == []
    assert client.statistics.datagrams_sent - handshake == client.statistics.messages_sent == 5
    assert server.statistics.messages_received == 5
    client.close(0)
    (goodbye,) = client.take_outgoing()
    assert server.receive_message(goodbye, 0) == b""
    assert PeerClosed() in list(iter(server.next_event, None))
    with pytest.raises(RuntimeError):
        client.write_message(b"x")


def test_every_message_fits_exactly(pki: PublicKeyInfrastructure) -> None:
    """No datagram is larger than the limit, whatever the cipher suite."""
    for suite in ("ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-SHA256"):
        client = dtls_client([pki.ca.certificate], tls12_ciphers=(suite,))
        network = Network(client, dtls_server(pki.server, tls12_ciphers=(suite,)), mtu=1000).established()
        association = network.client.association
        assert association is not None
        for size in (1, association.largest_message - 1, association.largest_message):
            association.write(bytes(size))
            (datagram,) = association.take_outgoing()
            assert len(datagram) <= 1000
        assert 1000 - association.largest_message < 90


def test_qt_2_23_several_records_in_one_datagram(pki: PublicKeyInfrastructure, engine_path: str) -> None:
    """Every record is a message of its own."""
    network = plain_network(pki).established()
    client, server = network.client.association, network.server.association
    assert client is not None
    assert server is not None
    for text in (b"one", b"two", b"three"):
        client.write(text)
    server.receive(b"".join(client.take_outgoing()), network.link.now)
    assert server.take_messages() == [b"one", b"two", b"three"]
    assert network.say(b"four") == [b"four"]


def test_qt_2_22_junk_changes_nothing(pki: PublicKeyInfrastructure, engine_path: str) -> None:
    """Garbage, replays and damage are counted and otherwise ignored."""
    network = plain_network(pki).established()
    client, server = network.client.association, network.server.association
    assert client is not None
    assert server is not None
    client.write(b"genuine")
    (datagram,) = client.take_outgoing()
    for junk in (b"", b"x", bytes(100), datagram[:-1], datagram + b"x", datagram[:-1] + bytes((datagram[-1] ^ 1,))):
        server.receive(junk, 0)
    assert server.take_messages() == []
    server.receive(datagram, 0)
    server.receive(datagram, 0)
    assert server.take_messages() == [b"genuine"]
    assert server.next_event() is None
    assert server.take_outgoing() == []
    assert server.statistics.dropped[DropReason.UNAUTHENTIC] >= 2
    assert server.statistics.dropped[DropReason.MALFORMED] >= 3
    assert network.say(b"four") == [b"four"]


def test_data_may_overtake_the_end_of_the_handshake(pki: PublicKeyInfrastructure) -> None:
    """What the server says before the client is complete is delivered afterwards."""
    held: list[bytes] = []
    network = plain_network(pki)
    network.link.tamper = lambda each: (
        held.append(each.data) or [] if each.sender == "server" and each.number == 2 else [each.data]
    )
    network.start()
    network.run(0.03)
    assert network.server.completed
    assert not network.client.completed
    network.server.association.write(b"early")  # type: ignore[union-attr]  # it has one by now
    network.run(0.006)
    assert network.client.messages == []
    network.deliver("client", held[0])
    assert network.client.completed
    assert network.client.messages == [b"early"]


def test_reordered_messages(pki: PublicKeyInfrastructure) -> None:
    """They are delivered as they come, each once."""
    network = plain_network(pki).established()
    client, server = network.client.association, network.server.association
    assert client is not None
    assert server is not None
    for number in range(20):
        client.write(b"%d" % number)
    datagrams = client.take_outgoing()
    for datagram in [*reversed(datagrams), *datagrams]:
        server.receive(datagram, 0)
    assert server.take_messages() == [b"%d" % number for number in reversed(range(20))]


# ------------------------------------------------------------------------------ timers and loss


def test_qt_2_13_first_flights_are_repeated_early(pki: PublicKeyInfrastructure) -> None:
    """Nobody answers: after 50, 150, 350, ... milliseconds, then twice a second, always the same hello."""
    client = DtlsAssociation(dtls_client([pki.ca.certificate]), server=False, peer_name="localhost")
    client.start(100.0)
    times, hellos = [], [client.take_outgoing()]
    for _ in range(8):
        due = client.timer()
        assert due is not None
        assert not client.handle_timer(due - 0.001)
        assert client.take_outgoing() == []
        assert client.handle_timer(due)
        times.append(round(due - 100, 3))
        hellos.append(client.take_outgoing())
    assert times == [0.05, 0.15, 0.35, 0.75, 1.25, 1.75, 2.25, 2.75]
    payloads = [split(hello[0])[0].payload for hello in hellos]
    assert len(set(payloads)) == 1
    numbers = [split(hello[0])[0].sequence for hello in hellos]
    assert numbers == list(range(9))
    assert client.statistics.retransmissions == 8


def test_timers_follow_the_round_trip(pki: PublicKeyInfrastructure) -> None:
    """Over a slow path nothing is repeated once the first answer has come."""
    timer = RetransmissionTimer(server=False, verified=False)
    timer.flight_sent(0.0)
    timer.answered(0.04)
    timer.flight_sent(0.04)
    assert timer.due == pytest.approx(0.12)
    timer.sent_again(0.12)
    timer.answered(0.13)  # which copy was answered?
    timer.flight_sent(0.2)
    assert timer.due == pytest.approx(0.28)
    timer.answered(5.0)
    timer.flight_sent(5.0)
    assert timer.due == 6.0


@pytest.mark.parametrize("delay", [0.2, 1.0, 3.0])
def test_slow_paths(pki: PublicKeyInfrastructure, delay: float) -> None:
    """However long a round trip takes, the handshake takes no more than those that it needs."""
    network = plain_network(pki, DatagramLink(delay=delay)).established()
    assert network.link.now - 1000 < 6 * delay + 0.1
    assert network.client.association is not None
    assert network.client.association.statistics.restarts == 0
    assert network.say(b"x") == [b"x"] or delay > 0.5


def test_qt_2_15_calls_at_the_wrong_moment_are_harmless(pki: PublicKeyInfrastructure) -> None:
    """Timers before the start and after the end, and everything twice."""
    client = DtlsAssociation(dtls_client([pki.ca.certificate]), server=False, peer_name="localhost")
    client.handle_timer(0)
    assert client.timer() is None
    client.receive(b"\x16", 0)
    client.start(0)
    client.close(0)
    client.close(0)
    client.handle_timer(100)
    assert client.timer() is None
    client.give_up(100)
    client.accept_certificate(100)
    client.reject_certificate(100)
    client.receive(bytes(100), 100)
    assert client.state is StreamState.CLOSED


def test_qt_2_27_lost_last_flight(pki: PublicKeyInfrastructure) -> None:
    """The server is complete and still answers a client that repeats its flight; data need not wait."""
    network = plain_network(pki)
    lost: list[int] = []

    def lose(datagram: LinkedDatagram) -> list[bytes]:
        if datagram.sender == "server" and datagram.number in (2, 3):
            lost.append(datagram.number)
            return []
        return [datagram.data]

    network.link.tamper = lose
    network.established()
    assert lost == [2, 3]
    assert network.link.now - 1000 < 0.3
    assert network.say(b"x") == [b"x"]


def test_qt_2_14_giving_up(pki: PublicKeyInfrastructure) -> None:
    """The total deadline is the caller's; the reason says what is known."""
    client = DtlsAssociation(dtls_client([pki.ca.certificate]), server=False, peer_name="localhost")
    client.start(0)
    client.give_up(30)
    (failure,) = iter(client.next_event, None)
    assert isinstance(failure, StreamFailed), failure
    assert failure.kind is FailureKind.TIMED_OUT
    assert "does not answer" in failure.message
    assert client.timer() is None
    client.give_up(31)
    assert client.next_event() is None


def test_silence_after_the_cookie(pki: PublicKeyInfrastructure) -> None:
    """The text does not claim that nobody is there."""
    network = plain_network(pki)
    network.link.tamper = lambda each: [each.data] if each.number < 1 else []
    network.start().run(10)
    assert network.client.association is not None
    network.client.association.give_up(network.link.now)
    network.client.settle(network.link.now)
    assert network.client.failure is not None
    assert "stopped answering" in network.client.failure.message


def test_smaller_datagrams_after_lost_flights(pki: PublicKeyInfrastructure) -> None:
    """1400, then 1232, then 548; the limit for messages stays what the program has set."""
    sizes: list[int] = []
    network = plain_network(pki, mtu=1400)
    network.listener.configuration = dtls_server(pki.ca.issue([f"name-{n}.example" for n in range(60)] + ["localhost"]))

    def lose(datagram: LinkedDatagram) -> list[bytes]:
        if datagram.sender == "server" and datagram.number > 0:
            sizes.append(len(datagram.data))
            return [] if len(datagram.data) > 600 else [datagram.data]
        return [datagram.data]

    network.link.tamper = lose
    network.established()
    assert sizes[0] > 1232
    assert any(600 < size <= 1232 for size in sizes)
    assert 500 < sizes[-5] <= 548
    server = network.server.association
    assert server is not None
    assert server.largest_message > 1300


# ------------------------------------------------------------------------------------- endings


def test_qt_2_20_close(pki: PublicKeyInfrastructure, engine_path: str) -> None:
    """One encrypted close_notify; the other side is told, and may close as well."""
    network = plain_network(pki).established()
    client, server = network.client.association, network.server.association
    assert client is not None
    assert server is not None
    client.close(network.link.now)
    (datagram,) = client.take_outgoing()
    assert split(datagram)[0].epoch == 1
    server.receive(datagram, network.link.now)
    network.server.settle(network.link.now)
    assert network.server.events[-2:] == [AlertReceived(1, 0), PeerClosed()]
    assert server.state is StreamState.PEER_CLOSED
    server.write(b"last words")
    client.receive(server.take_outgoing()[0], network.link.now)
    assert client.take_messages() == [b"last words"]
    server.close(network.link.now)
    client.receive(server.take_outgoing()[0], network.link.now)
    network.client.settle(network.link.now)
    assert network.client.events[-1] == PeerClosed()
    assert client.state is server.state is StreamState.CLOSED
    with pytest.raises(RuntimeError):
        client.write(b"x")


def test_closing_inside_the_handshake_is_told(pki: PublicKeyInfrastructure) -> None:
    """The other side need not wait for its deadline."""
    network = Network(dtls_client([pki.ca.certificate]), dtls_server(pki.expired), client_answer="wait").start()
    network.run(1)
    assert network.client.association is not None
    network.client.association.close(network.link.now)
    network.run(5)
    assert network.server.failure is not None
    assert network.server.failure.kind is FailureKind.ENDED_IN_HANDSHAKE
    assert network.client.failure is None


def test_a_failed_server_repeats_its_alert(pki: PublicKeyInfrastructure) -> None:
    """The first one gets lost; the client's repetition is answered with it, a limited number of times."""
    client = dtls_client([pki.ca.certificate], tls12_ciphers=("ECDHE-RSA-AES256-GCM-SHA384",))
    link = DatagramLink()
    link.tamper = lambda each: [] if each.sender == "server" and each.number == 1 else [each.data]
    network = Network(client, dtls_server(pki.server), link).handshake()
    assert network.client.alerts_received == [40]
    assert AlertSent(2, 40) in network.server.events


def test_forged_alert_is_not_believed_for_long(pki: PublicKeyInfrastructure) -> None:
    """A genuine answer takes it back."""
    client = DtlsAssociation(dtls_client([pki.ca.certificate]), server=False, peer_name="localhost")
    client.start(0)
    hello = client.take_outgoing()[0]
    client.receive(b"\x15\xfe\xfd" + bytes(8) + b"\0\2\2\x28", 0.01)
    assert client.timer() == pytest.approx(0.05)
    answer = DtlsListener(dtls_server(pki.server)).receive(hello, ("192.0.2.1", 1), 0)
    assert isinstance(answer, bytes)
    client.receive(answer, 0.02)
    client.handle_timer(0.6)
    assert client.state is StreamState.HANDSHAKING
    assert client.next_event() is None


def test_peers_cannot_renegotiate(pki: PublicKeyInfrastructure) -> None:
    """A request is refused with a warning, and the association goes on."""
    context = SSL.Context(SSL.DTLS_SERVER_METHOD)
    context.use_certificate(pki.server.certificate)
    context.use_privatekey(pki.server.privateKey)
    server = SSL.Connection(context, None)
    server.set_accept_state()
    server.set_options(SSL.OP_NO_QUERY_MTU)
    server.set_ciphertext_mtu(1200)
    client = DtlsAssociation(dtls_client([pki.ca.certificate]), server=False, peer_name="localhost")
    client.start(0)

    refusals: list[SSL.Error] = []

    def exchange() -> None:
        for _ in range(4):
            for datagram in client.take_outgoing():
                server.bio_write(datagram)
                try:
                    if client.complete:
                        server.recv(1000)
                    else:
                        server.do_handshake()
                except SSL.WantReadError:
                    pass
                except SSL.Error as error:
                    refusals.append(error)
            with contextlib.suppress(SSL.WantReadError):
                for record in split(server.bio_read(65536)):
                    client.receive(record.data, 0)

    exchange()
    assert client.complete
    assert not refusals
    server.renegotiate()
    with contextlib.suppress(SSL.WantReadError):
        server.do_handshake()
    for record in split(server.bio_read(65536)):
        client.receive(record.data, 0)
    assert client.established
    exchange()
    assert "no renegotiation" in str(refusals)
    events = list(iter(client.next_event, None))
    assert AlertSent(1, 100) in events
    assert events.count(HandshakeCompleted()) == 1


def test_secrets_are_in_no_text() -> None:
    """Of the association, its events and its statistics."""
    network = Network(
        psk_client(),
        psk_server(),
        client_decisions=Recorder(client_key=(IDENTITY, b"canary-canary-canary")),
        server_decisions=Recorder(server_keys={IDENTITY: b"canary-canary-canary"}),
    ).established()
    for end in network.ends:
        assert end.association is not None
        texts = [repr(end.association), repr(end.events), repr(end.association.statistics)]
        assert not any("canary" in text for text in texts)


@pytest.mark.parametrize("delay", [0.005, 0.1, 0.2, 0.3])
def test_sec_c12_cookies_of_an_earlier_attempt_are_told_from_new_ones(
    pki: PublicKeyInfrastructure, delay: float
) -> None:
    """A damaged cookie makes the client begin again; the good ones for its first hello are under way meanwhile."""
    link = DatagramLink(delay=delay)
    damaged = []

    def tamper(datagram: LinkedDatagram) -> list[bytes]:
        kind = split(datagram.data)[0].payload[0]
        if damaged or datagram.sender != "server" or kind != HandshakeType.HELLO_VERIFY_REQUEST:
            return [datagram.data]
        damaged.append(datagram)
        return [datagram.data[:-1] + bytes((datagram.data[-1] ^ 1,))]

    link.tamper = tamper
    network = plain_network(pki, link).established()
    assert damaged
    assert network.client.association is not None
    assert network.client.association.statistics.restarts == 1
