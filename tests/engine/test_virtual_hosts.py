"""Virtual hosts: the name in the hello chooses the whole configuration, and nothing crosses between hosts."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from qtsecure.engine import choosing, client_hello
from qtsecure.engine.alerts import AlertDescription
from qtsecure.engine.ciphers import PSK_TLS12_CIPHERS
from qtsecure.engine.configuration import TlsConfiguration, VerifyMode
from qtsecure.engine.events import ConfigurationNeeded, FailureKind
from qtsecure.engine.protocols import ProtocolVersion
from qtsecure.engine.states import StreamState
from qtsecure.engine.trust import TrustAnchors
from qtsecure.errors import SecureError
from qtsecure.testing.pki import IssuedCertificate, PublicKeyInfrastructure
from tests.engine.dtls.support import IDENTITY, KEY, Network, dtls_client, dtls_server
from tests.engine.hosts import ANY_VERSION, AnyVersion, Visit
from tests.engine.support import Pair, Recorder, client_configuration, credentials, records, server_configuration

any_version = pytest.mark.parametrize("version", ANY_VERSION)
_D = AlertDescription


class Hosts:
    """Two hosts of one authority, and certificates for them."""

    def __init__(self, pki: PublicKeyInfrastructure) -> None:
        self.pki = pki
        self.a = pki.ca.issue(["a.example"])
        self.b = pki.ca.issue(["b.example"])
        self.client = client_configuration([pki.ca.certificate])

    def server(self, own: IssuedCertificate, **fields: Any) -> TlsConfiguration:
        return server_configuration(own, **fields)

    def demanding(self, own: IssuedCertificate) -> TlsConfiguration:
        """A host that insists on client certificates."""
        return self.server(own, clients=[self.pki.ca.certificate], certificate_required=True)


@pytest.fixture(scope="module")
def hosts(qtsecure_pki: PublicKeyInfrastructure) -> Hosts:
    """Made once."""
    return Hosts(qtsecure_pki)


def shown(visit: Visit) -> bytes:
    """The certificate that the client has seen."""
    return bytes(visit.client.peer_certificates()[0])


def der(certificate: IssuedCertificate) -> bytes:
    """Its encoding."""
    return credentials(certificate).encoded_chain[0]


# ------------------------------------------------------------------------------- the certificate


@any_version
def test_sec_e14_each_name_has_its_certificate(hosts: Hosts, version: AnyVersion) -> None:
    """Spelling does not matter, and the server can tell the name."""
    table = {"a.example": hosts.server(hosts.a), "b.example": hosts.server(hosts.b)}
    for name, own in (("a.example", hosts.a), ("b.example", hosts.b), ("B.Example.", hosts.b)):
        visit = Visit(version, hosts.client, table, name=name).run()
        assert visit.completed, (visit.pair.client.events, visit.pair.server.events)
        assert shown(visit) == der(own)
        assert visit.server.server_name() == name.lower().rstrip(".")


@any_version
def test_wildcards_stand_for_one_label(hosts: Hosts, version: AnyVersion) -> None:
    """An exact name goes before; two labels more are another host."""
    own = hosts.pki.ca.issue(["*.example.org"])
    exact = hosts.pki.ca.issue(["mail.example.org"])
    table = {"*.example.org": hosts.server(own), "mail.example.org": hosts.server(exact)}
    assert shown(Visit(version, hosts.client, table, name="www.example.org").run()) == der(own)
    assert shown(Visit(version, hosts.client, table, name="mail.example.org").run()) == der(exact)
    visit = Visit(version, hosts.client, table, name="a.www.example.org").run()
    assert not visit.completed
    assert _D.UNRECOGNIZED_NAME in visit.pair.client.alerts_received


@any_version
def test_sec_e14_unknown_names_are_refused_or_get_the_rest(hosts: Hosts, version: AnyVersion) -> None:
    """By the rule that was chosen: alert 112, or another configuration."""
    table = {"a.example": hosts.server(hosts.a)}
    refused = Visit(version, hosts.client, table, name="b.example").run()
    assert refused.pair.server.alerts_sent == [_D.UNRECOGNIZED_NAME]
    assert refused.pair.client.alerts_received == [_D.UNRECOGNIZED_NAME]
    failure = refused.pair.server.failure
    assert failure is not None
    assert failure.kind is FailureKind.HANDSHAKE
    assert "not served here" in failure.message
    served = Visit(version, hosts.client, table, hosts.server(hosts.b), name="b.example").run()
    assert served.completed
    assert shown(served) == der(hosts.b)


@any_version
def test_no_name_at_all(hosts: Hosts, version: AnyVersion) -> None:
    """Alert 109 (RFC 8446, section 9.2), or the configuration for the rest."""
    table = {"a.example": hosts.server(hosts.a)}
    silent = dataclasses.replace(hosts.client, server_name_indication=False)
    refused = Visit(version, silent, table, name="b.example").run()
    assert refused.pair.server.alerts_sent == [_D.MISSING_EXTENSION]
    served = Visit(version, silent, table, hosts.server(hosts.b), name="b.example").run()
    assert served.completed
    assert served.pair.server.of(ConfigurationNeeded) == [ConfigurationNeeded(None)]


# ---------------------------------------------------------------------------- the whole policy


@any_version
def test_sec_e15_client_certificates_are_demanded_by_name(hosts: Hosts, version: AnyVersion) -> None:
    """The verify mode is the host's, and so are its authorities."""
    table = {"a.example": hosts.server(hosts.a), "b.example": hosts.demanding(hosts.b)}
    assert Visit(version, hosts.client, table, name="a.example").run().completed
    without = Visit(version, hosts.client, table, name="b.example").run()
    assert not without.pair.server.completed
    failure = without.pair.server.failure
    assert failure is not None
    assert failure.kind is FailureKind.CERTIFICATE_REQUIRED
    known = dataclasses.replace(hosts.client, credentials=credentials(hosts.pki.client))
    assert Visit(version, known, table, name="b.example").run().completed
    stranger = dataclasses.replace(hosts.client, credentials=credentials(hosts.pki.clientUnknownCa))
    assert not Visit(version, stranger, table, name="b.example").run().pair.server.completed
    # Only the host that asks hears of the client's certificate.
    assert Visit(version, known, table, name="a.example").run().server.peer_certificates() == ()


@any_version
def test_sec_e15_each_host_trusts_its_own_authorities(hosts: Hosts, version: AnyVersion) -> None:
    """A certificate that one host accepts is nothing at the other."""
    table = {
        "a.example": hosts.server(hosts.a, clients=[hosts.pki.otherCa.certificate]),
        "b.example": hosts.server(hosts.b, clients=[hosts.pki.ca.certificate]),
    }
    known = dataclasses.replace(hosts.client, credentials=credentials(hosts.pki.client))
    assert Visit(version, known, table, name="b.example").run().completed
    assert not Visit(version, known, table, name="a.example").run().pair.server.completed


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_versions_are_the_hosts(hosts: Hosts, version: Any) -> None:
    """set_context() in a callback of OpenSSL's would not switch them."""
    number = ProtocolVersion.TLS_1_2 if version == "1.2" else ProtocolVersion.TLS_1_3
    pair = Pair(hosts.client, hosts.server(hosts.a), name="b.example", server_chooses=True)
    chosen = hosts.server(hosts.b, minimum_version=number, maximum_version=number)
    pair.server.react = lambda event: (
        isinstance(event, ConfigurationNeeded) and pair.server.stream.provide_configuration(chosen) is None
    )
    pair.established()
    assert pair.client.stream.protocol_version() is number


@any_version
def test_suites_groups_and_protocols_are_the_hosts(hosts: Hosts, version: AnyVersion) -> None:
    """Everything that is negotiated."""
    chosen = hosts.server(
        hosts.b,
        tls12_ciphers=("ECDHE-ECDSA-CHACHA20-POLY1305",),
        tls13_suites=("TLS_CHACHA20_POLY1305_SHA256",),
        groups=("P-384",),
        alpn_protocols=(b"only-b",),
    )
    table = {"a.example": hosts.server(hosts.a, alpn_protocols=(b"only-a",)), "b.example": chosen}
    client = dataclasses.replace(hosts.client, alpn_protocols=(b"only-a", b"only-b"))
    visit = Visit(version, client, table, name="b.example").run()
    assert visit.completed
    assert visit.client.negotiated_protocol() == b"only-b"
    assert "CHACHA20" in visit.client.cipher_name()
    assert visit.client.group_name() in ("P-384", "secp384r1")
    assert Visit(version, client, table, name="a.example").run().client.negotiated_protocol() == b"only-a"
    nothing_in_common = dataclasses.replace(hosts.client, alpn_protocols=(b"only-a",))
    other = Visit(version, nothing_in_common, table, name="b.example").run()
    if version == "dtls":  # as in Gio; see DtlsSession.select_protocol()
        assert other.completed
        assert other.client.negotiated_protocol() == other.server.negotiated_protocol() == b""
    else:
        assert other.pair.client.alerts_received == [_D.NO_APPLICATION_PROTOCOL]


@any_version
def test_pre_shared_keys_are_the_hosts(hosts: Hosts, version: AnyVersion) -> None:
    """One host takes keys and has no certificate; the other does not take the same key."""
    fields: dict[str, Any] = {"psk_enabled": True, "tls12_ciphers": PSK_TLS12_CIPHERS}
    table = {"a.example": hosts.server(hosts.a), "b.example": server_configuration(None, **fields)}
    client = client_configuration((), verify_mode=VerifyMode.NONE, **fields)

    def visit(name: str) -> Visit:
        return Visit(
            version,
            client,
            table,
            name=name,
            client_decisions=Recorder(client_key=(IDENTITY, KEY)),
            server_decisions=Recorder(server_keys={IDENTITY: KEY}),
        ).run()

    accepted = visit("b.example")
    assert accepted.completed, (accepted.pair.client.events, accepted.pair.server.events)
    assert accepted.client.psk_used()
    assert not visit("a.example").pair.client.completed


# ----------------------------------------------------------------------------------- sessions


@any_version
def test_sec_e15_no_session_crosses_to_a_host_with_another_policy(hosts: Hosts, version: AnyVersion) -> None:
    """A ticket of the open host is worth nothing at the one that demands certificates."""
    table = {"a.example": hosts.server(hosts.a), "b.example": hosts.demanding(hosts.b)}
    first = Visit(version, hosts.client, table, name="a.example").run()
    session = first.session()
    assert session is not None
    again = Visit(version, hosts.client, table, name="a.example", session=session).run()
    assert again.completed
    assert again.reused
    stolen = dataclasses.replace(session, scope=dataclasses.replace(session.scope, name="b.example"))
    bypass = Visit(version, hosts.client, table, name="b.example", session=stolen).run()
    assert not bypass.pair.server.completed
    assert not bypass.server.session_reused()


def test_a_session_of_tls_1_2_is_not_resumed_with_another_name(hosts: Hosts) -> None:
    """Not even at a host with the same policy (RFC 6066, section 3)."""
    own = hosts.server(hosts.pki.ca.issue(["*.example.org"]))
    first = Visit("1.2", hosts.client, {"*.example.org": own}, name="a.example.org").run()
    session = first.session()
    assert session is not None
    stolen = dataclasses.replace(session, scope=dataclasses.replace(session.scope, name="b.example.org"))
    second = Visit("1.2", hosts.client, {"*.example.org": own}, name="b.example.org", session=stolen).run()
    assert not second.completed
    assert second.pair.server.alerts_sent == [_D.UNRECOGNIZED_NAME]


# ------------------------------------------------------------------------------- the waiting


@any_version
def test_the_choice_may_take_its_time(hosts: Hosts, version: AnyVersion) -> None:
    """Nothing is sent before; then everything goes on."""
    if version == "dtls":
        network = Network(
            dtls_client([hosts.pki.ca.certificate]), dtls_server(hosts.a), name="b.example", server_chooses=True
        )
        network.start().run(90)
        assert network.server.replaced == []  # our clients know that somebody is thinking
        association = network.server.association
        assert association is not None
        assert association.state is StreamState.CHOOSING
        assert association.server_name() == "b.example"
        association.provide_configuration(dtls_server(hosts.b), network.link.now)
        network.run(30, network.finished)
        assert network.client.completed
        assert network.server.completed
        assert len(network.server.of(ConfigurationNeeded)) == 1
        return
    pair = Pair(hosts.client, hosts.server(hosts.a), name="b.example", server_chooses=True).handshake()
    stream = pair.server.stream
    assert stream.state is StreamState.CHOOSING
    assert stream.server_name() == "b.example"
    assert not pair.server.sent
    stream.provide_configuration(hosts.server(hosts.b))
    pair.run()
    assert pair.client.completed
    assert pair.server.completed
    assert len(pair.server.of(ConfigurationNeeded)) == 1


@pytest.mark.parametrize("chunk", [1, 7, 100])
def test_a_hello_in_pieces(hosts: Hosts, chunk: int) -> None:
    """TCP keeps no boundaries."""
    pair = Pair(hosts.client, hosts.server(hosts.a), name="b.example", server_chooses=True)
    chosen = hosts.server(hosts.b)
    pair.server.react = lambda event: (
        isinstance(event, ConfigurationNeeded) and pair.server.stream.provide_configuration(chosen) is None
    )
    pair.handshake(chunk)
    assert pair.client.completed
    assert pair.server.completed


def test_a_hello_in_many_records(hosts: Hosts) -> None:
    """A client may cut its first message into records as it likes."""
    pair = Pair(hosts.client, hosts.server(hosts.a), name="b.example", server_chooses=True).start()
    hello = pair.client.take()
    header, body = hello[:3], hello[5:]
    for start in range(0, len(body), 50):
        part = body[start : start + 50]
        pair.server.stream.receive(header + len(part).to_bytes(2, "big") + part)
    pair.server.settle()
    assert pair.server.of(ConfigurationNeeded) == [ConfigurationNeeded(b"b.example")]
    pair.server.stream.provide_configuration(hosts.server(hosts.b))
    pair.run()
    assert pair.client.completed


def test_a_small_dtls_mtu_spreads_the_hello_over_datagrams(hosts: Hosts) -> None:
    """The listener sees the first fragment only; the name is found when all are there."""
    client = dtls_client([hosts.pki.ca.certificate], alpn_protocols=tuple(b"protocol-%d" % n for n in range(60)))
    network = Network(client, dtls_server(hosts.a), name="b.example", server_chooses=True, mtu=300)
    chosen = dtls_server(hosts.b)

    def choose(event: object, now: float) -> None:
        if isinstance(event, ConfigurationNeeded):
            assert event.server_name == b"b.example"
            assert network.server.association is not None
            network.server.association.provide_configuration(chosen, now)

    network.server.react = choose
    network.established()


def test_an_unusable_configuration_is_refused_and_another_may_follow(hosts: Hosts) -> None:
    """The handshake goes on waiting."""
    pair = Pair(hosts.client, hosts.server(hosts.a), name="b.example", server_chooses=True).handshake()
    with pytest.raises(SecureError):
        pair.server.stream.provide_configuration(hosts.server(hosts.b, tls12_ciphers=("NONSENSE",)))
    assert pair.server.stream.state is StreamState.CHOOSING
    pair.server.stream.provide_configuration(hosts.server(hosts.b))
    pair.run()
    assert pair.client.completed


def test_closing_while_it_waits(hosts: Hosts) -> None:
    """Neither an end of the peer nor one of our own needs an answer; a late one does nothing."""
    for end in ("close", "receive_end"):
        pair = Pair(hosts.client, hosts.server(hosts.a), name="b.example", server_chooses=True).handshake()
        getattr(pair.server.stream, end)()
        pair.server.stream.provide_configuration(hosts.server(hosts.b))
        pair.server.stream.refuse_name()
        assert pair.server.stream.state in (StreamState.CLOSED, StreamState.FAILED)
        assert not pair.server.take()


# -------------------------------------------------------------------------- failing closed


@any_version
def test_sec_e14_openssl_has_the_last_word_about_the_name(
    hosts: Hosts, version: AnyVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that only one of the two readers finds ends the handshake."""
    for module in (client_hello, __import__("qtsecure.engine.dtls.hello", fromlist=["x"])):
        monkeypatch.setattr(module, "server_name_untrusted", lambda body, datagrams=False: b"a.example")
    table = {"a.example": hosts.server(hosts.a), "b.example": hosts.demanding(hosts.b)}
    visit = Visit(version, hosts.client, table, name="b.example").run()
    assert not visit.pair.client.completed
    assert visit.pair.server.alerts_sent == [_D.UNRECOGNIZED_NAME]


def renamed(hello: bytes) -> bytes:
    """The record of a hello that asks for a.example instead."""
    assert hello.count(b"b.example") == 1
    return hello.replace(b"b.example", b"a.example")


def unnamed(hello: bytes) -> bytes:
    """The record of a hello without a name: its extension has become one that nobody knows."""
    extension = b"\x00\x00\x00\x0e\x00\x0c\x00\x00\x09b.example"
    assert hello.count(extension) == 1
    return hello.replace(extension, b"\x7a\x7a" + extension[2:])


@pytest.mark.parametrize("change", [renamed, unnamed, bytes])
def test_sec_e14_the_name_may_not_change_after_a_retry(hosts: Hosts, change: Callable[[bytes], bytes]) -> None:
    """A HelloRetryRequest brings a second hello (RFC 8446, section 4.1.2): the host was chosen by the first."""
    table = {"a.example": hosts.server(hosts.a), "b.example": hosts.demanding(hosts.b)}
    retrying = {name: dataclasses.replace(each, groups=("P-384",)) for name, each in table.items()}
    client = dataclasses.replace(hosts.client, groups=("X25519", "P-384"))
    visit = Visit("1.3", client, retrying, name="b.example")
    visit.pair.start()
    client_side, server_side = visit.pair.sides
    server_side.stream.receive(client_side.take())
    server_side.settle()
    client_side.stream.receive(server_side.take())
    assert server_side.stream.state is StreamState.HANDSHAKING
    second = client_side.take()
    server_side.stream.receive(changed_hello(second, change))
    server_side.settle()
    if change is bytes:
        assert server_side.stream.state is StreamState.HANDSHAKING
        assert len(server_side.take()) > 200  # the whole flight, up to Finished
    else:
        assert server_side.alerts_sent == [_D.UNRECOGNIZED_NAME]
        assert len(server_side.take()) == 7  # nothing but the alert
        assert not server_side.completed


def changed_hello(flight: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """The same with another hello in it; before it is a ChangeCipherSpec, which means nothing in TLS 1.3."""
    return b"".join(change(record) if record[0] == 22 else record for record in records(flight))


@pytest.mark.parametrize(
    ("rubbish", "alert"),
    [
        (b"\x16\x03\x01\x00\x04\x02\x00\x00\x00", _D.UNEXPECTED_MESSAGE),  # a ServerHello (RFC 8446, section 4)
        (b"\x16\x03\x01\x00\x01\x01\x17\x03\x03\x00\x01x", _D.UNEXPECTED_MESSAGE),  # data inside the hello
        (b"\x16\x03\x01\x40\x01", _D.RECORD_OVERFLOW),  # one byte more than a record may have (section 5.1)
        (b"\x16\x03\x01\x00\x06\x01\x00\x00\x02\x03\x03", _D.DECODE_ERROR),  # too short
        (b"\x16\x03\x01\x00\x00", _D.DECODE_ERROR),  # an empty record
        (b"\x16\x03\x01\x00\x04\x01\xff\xff\xff", _D.DECODE_ERROR),  # too long
    ],
)
def test_rubbish_is_refused_with_the_right_alert(hosts: Hosts, rubbish: bytes, alert: AlertDescription) -> None:
    """As OpenSSL does where no name is needed, and with bounded memory: a hello that never ends."""
    pair = Pair(hosts.client, hosts.server(hosts.a), server_chooses=True).start()
    pair.server.stream.receive(rubbish)
    pair.server.settle()
    assert pair.server.alerts_sent == [alert]
    assert pair.server.take() == b"\x15\x03\x03\x00\x02\x02" + bytes((alert,))


def test_a_hello_that_never_ends(hosts: Hosts) -> None:
    """A byte in each record, and never the last one: not more is kept than anybody needs."""
    pair = Pair(hosts.client, hosts.server(hosts.a), server_chooses=True).start()
    pair.server.stream.receive(b"\x16\x03\x01\x00\x04\x01\x00\xf0\x00")
    received = 0
    while pair.server.stream.state is StreamState.HANDSHAKING:
        pair.server.stream.receive(b"\x16\x03\x01\x00\x01\x00" * 1000)
        received += 6000
        assert received < 150_000
    pair.server.settle()
    assert pair.server.alerts_sent == [_D.DECODE_ERROR]


def test_data_behind_the_hello_is_bounded_while_it_waits(hosts: Hosts) -> None:
    """A client has nothing to say before the answer."""
    pair = Pair(hosts.client, hosts.server(hosts.a), name="b.example", server_chooses=True).handshake()
    for _ in range(40):
        pair.server.stream.receive(b"x" * 4096)
    pair.server.settle()
    assert pair.server.stream.state is StreamState.FAILED


def test_a_build_without_server_names_chooses_nothing(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody could contradict our own reader then."""
    monkeypatch.setattr(choosing._openssl_identity, "server_names_supported", False)
    with pytest.raises(SecureError) as caught:
        Pair(hosts.client, hosts.server(hosts.a), server_chooses=True)
    assert caught.value.code is SecureError.Code.NotSupported


def test_trust_is_not_inherited(hosts: Hosts) -> None:
    """The configuration that a stream began with has no part in what was chosen."""
    base = dataclasses.replace(hosts.demanding(hosts.a), trust=TrustAnchors.of([hosts.pki.otherCa.certificate]))
    visit = Visit("1.3", hosts.client, {"b.example": hosts.server(hosts.b)}, base, name="b.example").run()
    assert visit.completed
    assert visit.server.configuration.verify_mode is VerifyMode.NONE
