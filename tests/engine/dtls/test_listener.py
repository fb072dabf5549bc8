"""The door of a DTLS server."""

from __future__ import annotations

import random

import pytest
from OpenSSL import SSL

from qtsecure.engine.dtls import AdmittedHello, DropReason, DtlsAssociation, DtlsListener
from qtsecure.engine.dtls.wire import HANDSHAKE, HandshakeType, fragment, fragment_untrusted, plain_record
from qtsecure.engine.dtls.wire import split_records_untrusted as split
from qtsecure.errors import SecureError
from qtsecure.testing.datagram_link import DatagramLink, LinkedDatagram
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.engine.dtls.support import CLIENT_ADDRESS, dtls_client, dtls_server, plain_network
from tests.engine.support import server_configuration

OTHER = ("192.0.2.1", 40001)


def client_of(pki: PublicKeyInfrastructure, mtu: int = 1200) -> tuple[DtlsAssociation, bytes]:
    """A client and its first hello."""
    client = DtlsAssociation(dtls_client([pki.ca.certificate]), server=False, peer_name="localhost", mtu=mtu)
    client.start(0)
    return client, client.take_outgoing()[0]


def with_cookie(pki: PublicKeyInfrastructure, listener: DtlsListener, now: float = 0) -> bytes:
    """A hello that this listener accepts from CLIENT_ADDRESS."""
    client, hello = client_of(pki)
    answer = listener.receive(hello, CLIENT_ADDRESS, now)
    assert isinstance(answer, bytes)
    client.receive(answer, now)
    return client.take_outgoing()[0]


def test_qt_2_7_verification_is_stateless_and_repeatable(pki: PublicKeyInfrastructure) -> None:
    """The same hello is good again and again, also for another listener with the same secret."""
    first, second = DtlsListener(dtls_server(pki.server)), DtlsListener(dtls_server(pki.server))
    for each in (first, second):
        each.set_secret(b"s" * 32)
    hello = with_cookie(pki, first)
    for each in (first, second, first):
        assert isinstance(each.receive(hello, CLIENT_ADDRESS, 5), AdmittedHello)
    stolen = first.receive(hello, OTHER, 5)
    assert isinstance(stolen, bytes)
    assert fragment_untrusted(split(stolen)[0].payload).kind == HandshakeType.HELLO_VERIFY_REQUEST
    assert first.statistics.dropped == {DropReason.BAD_COOKIE: 1}


def test_qt_2_6_only_a_verified_hello_makes_an_association(pki: PublicKeyInfrastructure) -> None:
    """Not the first hello, and not one with a cookie of another secret; nothing is remembered about either."""
    listener, stranger = DtlsListener(dtls_server(pki.server)), DtlsListener(dtls_server(pki.server))
    _, first = client_of(pki)
    for hello in (first, with_cookie(pki, stranger)):
        assert isinstance(listener.receive(hello, CLIENT_ADDRESS, 0), bytes)
    assert listener.statistics.accepted == 0
    assert isinstance(listener.receive(with_cookie(pki, listener), CLIENT_ADDRESS, 0), AdmittedHello)


def test_cookie_is_bound_to_the_hello(pki: PublicKeyInfrastructure) -> None:
    """A cookie of one hello is not good in another one from the same address."""
    listener = DtlsListener(dtls_server(pki.server))
    hello = bytearray(with_cookie(pki, listener))
    hello[30] ^= 1  # a byte of the random
    assert isinstance(listener.receive(bytes(hello), CLIENT_ADDRESS, 0), bytes)


def test_sec_c3_an_earlier_hello_does_not_replace_an_established_association(pki: PublicKeyInfrastructure) -> None:
    """Late on its way, or recorded and sent again: its cookie was made before there was this association."""
    network = plain_network(pki)
    earlier = with_cookie(pki, network.listener, network.link.now)
    network.established()
    current = network.server.association
    answer = network.listener.receive(earlier, CLIENT_ADDRESS, network.link.now, current)
    assert isinstance(answer, bytes)  # who receives it can begin anew
    network.deliver("client", answer)
    assert network.say(b"still here") == [b"still here"]
    assert network.server.association is current
    assert not network.server.replaced


def test_sec_c3_a_client_that_begins_anew_replaces_an_established_association(pki: PublicKeyInfrastructure) -> None:
    """It receives the cookie that was made for this moment."""
    network = plain_network(pki).established()
    current, now = network.server.association, network.link.now
    again, hello = client_of(pki)
    answer = network.listener.receive(hello, CLIENT_ADDRESS, now, current)
    assert isinstance(answer, bytes)
    again.receive(answer, now)
    assert isinstance(network.listener.receive(again.take_outgoing()[0], CLIENT_ADDRESS, now, current), AdmittedHello)


def test_the_association_to_be_replaced_may_end_meanwhile(pki: PublicKeyInfrastructure) -> None:
    """The cookie stays good: OpenSSL's clients take only one."""
    network = plain_network(pki).established()
    current, now = network.server.association, network.link.now
    assert current is not None
    again, hello = client_of(pki)
    answer = network.listener.receive(hello, CLIENT_ADDRESS, now, current)
    assert isinstance(answer, bytes)
    again.receive(answer, now)
    hello = again.take_outgoing()[0]
    assert isinstance(network.listener.receive(hello, CLIENT_ADDRESS, now), AdmittedHello)
    current.close(now)
    assert isinstance(network.listener.receive(hello, CLIENT_ADDRESS, now, current), AdmittedHello)


def test_the_association_to_be_replaced_may_complete_meanwhile(pki: PublicKeyInfrastructure) -> None:
    """While the program was asked, say: the cookie stays good."""
    network = plain_network(pki)
    network.start().run(1, lambda: network.server.association is not None)
    current = network.server.association
    assert current is not None
    again, hello = client_of(pki)
    answer = network.listener.receive(hello, CLIENT_ADDRESS, network.link.now, current)
    assert isinstance(answer, bytes)
    network.run(1, network.finished)
    assert current.established
    now = network.link.now
    again.receive(answer, now)
    assert isinstance(network.listener.receive(again.take_outgoing()[0], CLIENT_ADDRESS, now, current), AdmittedHello)


@pytest.mark.parametrize("seed", range(20))
def test_sec_c3_late_hellos_after_a_restart(pki: PublicKeyInfrastructure, seed: int) -> None:
    """Copies of everything the client has sent arrive once more, in any order, when all is done."""
    chance = random.Random(seed)
    sent: list[LinkedDatagram] = []

    def note(datagram: LinkedDatagram) -> list[bytes]:
        data = datagram.data
        if datagram.sender == "client":
            sent.append(datagram)
        elif datagram.number == 1:  # the server's first flight with a wrong signature: the client begins anew
            data = data[:-40] + bytes((data[-40] ^ 1,)) + data[-39:]
        return [data]

    network = plain_network(pki, DatagramLink(seed=seed, delay=0.01))
    network.link.tamper = note
    network.established()
    assert network.client.association is not None
    assert network.client.association.statistics.restarts
    current = network.server.association
    copies = [each.data for each in sent]
    chance.shuffle(copies)
    for copy in copies:
        network.deliver("server", copy)
    network.run(1.0)
    assert network.server.association is current
    assert network.say(b"still here") == [b"still here"]
    assert network.say(b"and here", from_server=True) == [b"and here"]


def test_answer_is_short(pki: PublicKeyInfrastructure) -> None:
    """Spoofed hellos are not worth sending."""
    _, hello = client_of(pki)
    answer = DtlsListener(dtls_server(pki.server)).receive(hello, CLIENT_ADDRESS, 0)
    assert isinstance(answer, bytes)
    assert len(answer) <= 0.5 * len(hello)
    cookie = fragment_untrusted(split(answer)[0].payload).body[3:]
    assert len(cookie) <= 32


def test_answer_to_the_smallest_hello_is_shorter(pki: PublicKeyInfrastructure) -> None:
    """A forger sends no more than it has to: a fragment up to the cookie."""
    start = b"\xfe\xfd" + bytes(32) + b"\0\0"
    listener = DtlsListener(dtls_server(pki.server))
    for missing in (1, 0):
        hello = plain_record(
            HANDSHAKE, 0, fragment(HandshakeType.CLIENT_HELLO, 200, 0, 0, start[: len(start) - missing])
        )
        answer = listener.receive(hello, CLIENT_ADDRESS, 0)
        assert (answer is None) is bool(missing)
    assert isinstance(answer, bytes)
    assert len(answer) == 48 < len(hello)


def test_expired_cookie(pki: PublicKeyInfrastructure) -> None:
    """After two periods a cookie is answered with a new one."""
    listener = DtlsListener(dtls_server(pki.server), rotation=10)
    hello = with_cookie(pki, listener, 0)
    assert isinstance(listener.receive(hello, CLIENT_ADDRESS, 9), AdmittedHello)
    assert isinstance(listener.receive(hello, CLIENT_ADDRESS, 40), bytes)


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"\x16",
        b"GET / HTTP/1.1\r\n\r\n",
        bytes(65000),
        plain_record(21, 0, b"\2\x28"),
        plain_record(HANDSHAKE, 0, fragment(HandshakeType.CLIENT_HELLO, 500, 0, 200, bytes(300))),
        plain_record(HANDSHAKE, 0, fragment(HandshakeType.CLIENT_KEY_EXCHANGE, 40, 1, 0, bytes(40))),
    ],
)
def test_qt_2_7_junk_is_dropped(pki: PublicKeyInfrastructure, datagram: bytes) -> None:
    """Without an answer, and the next hello is served."""
    listener = DtlsListener(dtls_server(pki.server))
    assert listener.receive(datagram, CLIENT_ADDRESS, 0) is None
    assert listener.statistics.dropped == {DropReason.MALFORMED: 1}
    assert isinstance(listener.receive(client_of(pki)[1], CLIENT_ADDRESS, 0), bytes)


def test_qt_2_12_fragmented_hellos(pki: PublicKeyInfrastructure) -> None:
    """The cookie is in the first fragment; the others wait for the association."""
    network = plain_network(pki, mtu=256)
    network.client.association = DtlsAssociation(
        dtls_client([pki.ca.certificate], alpn_protocols=tuple(b"protocol-%d" % n for n in range(40))),
        server=False,
        peer_name="localhost",
        mtu=256,
    )
    sent: list[LinkedDatagram] = []

    def note(datagram: LinkedDatagram) -> list[bytes]:
        sent.append(datagram)
        return [datagram.data]

    network.link.tamper = note
    network.listener.configuration = dtls_server(pki.server, alpn_protocols=(b"protocol-7",))
    network.established()
    first_flight = [each for each in sent if each.sender == "client"][:3]
    assert all(fragment_untrusted(split(each.data)[0].payload).kind == 1 for each in first_flight)
    assert max(len(each.data) for each in sent) <= 256
    assert network.client.association.negotiated_protocol() == b"protocol-7"
    assert network.listener.statistics.accepted == 1


def test_without_cookies(pki: PublicKeyInfrastructure) -> None:
    """One round trip less, and nobody is challenged."""
    network = plain_network(pki, cookies=False).established()
    assert network.listener.statistics.challenges == 0
    assert network.link.counters.sent == 4


def test_qt_2_25_a_client_that_restarts_is_let_in(pki: PublicKeyInfrastructure) -> None:
    """From the same address and port, with and without cookies; the old association lives until the cookie is good."""
    for cookies in (True, False):
        network = plain_network(pki, cookies=cookies).established()
        old = network.server.association
        second = DtlsAssociation(dtls_client([pki.ca.certificate]), server=False, peer_name="localhost")
        network.client.association = second
        network.client.events.clear()
        network.start()
        network.run(0.006)
        assert network.server.association is old
        assert network.server.association.established
        network.run(5, network.finished)
        assert network.client.completed
        assert network.server.replaced == [old]
        assert network.say(b"again") == [b"again"]


def test_forged_hello_from_a_known_address(pki: PublicKeyInfrastructure) -> None:
    """It is challenged, and the association does not notice."""
    network = plain_network(pki, cookies=False).established()
    _, hello = client_of(pki)
    answer = network.listener.receive(hello, CLIENT_ADDRESS, network.link.now, network.server.association)
    assert isinstance(answer, bytes)
    assert network.say(b"still here") == [b"still here"]


def test_replayed_hello_makes_no_second_association(pki: PublicKeyInfrastructure) -> None:
    """A copy of the hello that an association began with goes to that association."""
    hellos: list[bytes] = []
    network = plain_network(pki)

    def note(datagram: LinkedDatagram) -> list[bytes]:
        hellos.append(datagram.data)
        return [datagram.data]

    network.link.tamper = note
    network.established()
    network.link.tamper = None
    for hello in hellos[:4]:
        if network.listener.receive(hello, CLIENT_ADDRESS, network.link.now, network.server.association):
            assert hello is hellos[0]  # the one without cookie is challenged
    assert network.listener.statistics.accepted == 1
    assert network.say(b"still here") == [b"still here"]


def test_many_clients_among_noise(pki: PublicKeyInfrastructure) -> None:
    """100 clients on one listener, with junk in between."""
    listener = DtlsListener(dtls_server(pki.server))
    chance = random.Random(1)
    clients = {("192.0.2.7", 1000 + number): client_of(pki) for number in range(100)}
    for address, (client, hello) in clients.items():
        listener.receive(chance.randbytes(chance.randrange(60)), address, 0)
        answer = listener.receive(hello, address, 0)
        assert isinstance(answer, bytes)
        client.receive(answer, 0)
    for address, (client, _) in clients.items():
        listener.receive(chance.randbytes(chance.randrange(60)), address, 0)
        answer = listener.receive(client.take_outgoing()[0], address, 0)
        assert isinstance(answer, AdmittedHello)
        server = listener.accept(answer, 0)
        for _ in range(2):
            for datagram in server.take_outgoing():
                client.receive(datagram, 0)
            for datagram in client.take_outgoing():
                server.receive(datagram, 0)
        assert client.complete
        assert server.complete
    assert listener.statistics.accepted == 100


def test_bad_configurations_are_refused_at_once(pki: PublicKeyInfrastructure) -> None:
    """When they are set, and not when the first client comes."""
    with pytest.raises(ValueError, match="configuration"):
        DtlsListener(server_configuration(pki.server))
    listener = DtlsListener(dtls_server(pki.server))
    before = listener.configuration
    if SSL.OPENSSL_VERSION_NUMBER < 0x40100000:
        with pytest.raises(SecureError, match="Ed25519"):
            listener.configuration = dtls_server(pki.ed25519Server)
    with pytest.raises(ValueError, match="configuration"):
        listener.configuration = server_configuration(pki.server)
    assert listener.configuration is before


def test_link_default_is_perfect() -> None:
    """What the tests above rely on."""
    link = DatagramLink()
    link.send("client", b"x")
    assert link.nextDelivery() == pytest.approx(1000.005)
