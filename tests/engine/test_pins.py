"""Pins: a demand on the peer's own certificate that nothing lifts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from qtsecure.engine.ciphers import PSK_TLS12_CIPHERS
from qtsecure.engine.configuration import VerifyMode
from qtsecure.engine.events import FailureKind
from qtsecure.engine.pins import Pins, key_pin_untrusted
from qtsecure.testing.pki import IssuedCertificate, PublicKeyInfrastructure
from tests.engine.support import (
    VERSIONS,
    Pair,
    Recorder,
    Version,
    client_configuration,
    credentials,
    make_certificate,
    server_configuration,
)

MakePins = Callable[[IssuedCertificate], Pins]


def whole(certificate: IssuedCertificate) -> Pins:
    der = certificate.certificate.public_bytes(Encoding.DER)
    return Pins(certificates=frozenset({hashlib.sha256(der).digest()}))


def key(certificate: IssuedCertificate) -> Pins:
    public = certificate.privateKey.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return Pins(keys=frozenset({hashlib.sha256(public).digest()}))


@pytest.mark.parametrize("pin", [whole, key])
@pytest.mark.parametrize("mode", VerifyMode)
@pytest.mark.parametrize("version", VERSIONS)
def test_the_pinned_server(pki: PublicKeyInfrastructure, version: Version, mode: VerifyMode, pin: MakePins) -> None:
    """By its certificate or its key."""
    client = client_configuration([pki.ca.certificate], version, verify_mode=mode, pins=pin(pki.server))
    pair = Pair(client, server_configuration(pki.server, version)).established()
    assert pair.say(b"hello") == b"hello"


@pytest.mark.parametrize("pin", [whole, key])
@pytest.mark.parametrize("mode", VerifyMode)
@pytest.mark.parametrize("version", VERSIONS)
def test_another_server(
    engine_path: str, pki: PublicKeyInfrastructure, version: Version, mode: VerifyMode, pin: MakePins
) -> None:
    """Refused with bad_certificate although its chain is valid, in every mode; nobody is asked."""
    other = make_certificate(pki.ca)
    client = client_configuration([pki.ca.certificate], version, verify_mode=mode, pins=pin(other))
    pair = Pair(client, server_configuration(pki.server, version), client_answer="accept")
    pair.handshake()
    failure = pair.client.failure
    assert failure is not None
    assert failure.kind is FailureKind.CERTIFICATE_REJECTED
    assert "none of the pinned ones" in failure.message
    assert pair.client.alerts_sent == pair.server.alerts_received == [42]
    assert pair.client.decisions_asked == 0
    assert not pair.server.completed


def test_pins_are_not_trust(pki: PublicKeyInfrastructure) -> None:
    """A pinned certificate still has to be verified."""
    pair = Pair(client_configuration([pki.ca.certificate], pins=whole(pki.expired)), server_configuration(pki.expired))
    pair.handshake()
    assert not pair.client.completed
    assert pair.client.alerts_sent == [45]


def test_only_the_leaf_counts(pki: PublicKeyInfrastructure) -> None:
    """The authority's key is no pin for all that it certifies."""
    ca = key_pin_untrusted(pki.ca.certificate.public_bytes(Encoding.DER))
    client = client_configuration([pki.ca.certificate], pins=Pins(keys=frozenset({ca})))
    pair = Pair(client, server_configuration(pki.server))
    pair.handshake()
    assert not pair.client.completed


@pytest.mark.parametrize("mode", VerifyMode)
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("shown", ["pinned", "other", "none"])
def test_clients_of_a_server(pki: PublicKeyInfrastructure, version: Version, mode: VerifyMode, shown: str) -> None:
    """A server with pins needs a certificate of its clients, whatever its mode."""
    own = {"pinned": pki.client, "other": make_certificate(pki.ca), "none": None}[shown]
    client = client_configuration([pki.ca.certificate], version, credentials=credentials(own) if own else None)
    server = server_configuration(
        pki.server, version, clients=[pki.ca.certificate], verify_mode=mode, pins=key(pki.client)
    )
    pair = Pair(client, server, server_answer="accept")
    pair.handshake()
    assert pair.server.completed is (shown == "pinned")
    if shown == "other":
        assert pair.server.alerts_sent == [42]
    if shown == "none":
        assert pair.server.alerts_sent == [116 if version == "1.3" else 40]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_key_needs_no_pin(pki: PublicKeyInfrastructure, version: Version) -> None:
    """With a pre-shared key there is no certificate; without it the pin counts."""
    answer = (b"somebody", b"k" * 32)
    fields = {"psk_enabled": True, "tls12_ciphers": PSK_TLS12_CIPHERS}
    client = client_configuration((), version, verify_mode=VerifyMode.NONE, pins=key(pki.client), **fields)
    pair = Pair(
        client,
        server_configuration(None, version, **fields),  # type: ignore[arg-type]  # fields of any kind
        client_decisions=Recorder(client_key=answer),
        server_decisions=Recorder(server_keys=dict([answer])),
    )
    pair.established()


def test_unreadable_certificates_match_no_key() -> None:
    """Fail closed, and raise nothing."""
    assert key_pin_untrusted(b"garbage") == b""
    assert not Pins(keys=frozenset({b""[:0] or b"x" * 32})).match_untrusted(b"garbage")
    assert not Pins()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_peer_whose_certificate_cannot_be_read(pki: PublicKeyInfrastructure, version: Version) -> None:
    """It matches no pin; the connection fails with an event, not with an exception of cryptography."""
    leaf = make_certificate(pki.ca)
    der = leaf.certificate.public_bytes(Encoding.DER)
    odd = der.replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020107"))
    assert key_pin_untrusted(odd) == b""
    assert not key(leaf).match_untrusted(odd)
    if version == "1.2":  # where it can be changed on its way
        pair = Pair(
            client_configuration([pki.ca.certificate], version, pins=key(leaf)), server_configuration(leaf, version)
        )
        pair.client.stream.start()
        pair.server.stream.start()
        pair.server.stream.receive(pair.client.take())
        flight = pair.server.take()
        assert der in flight
        pair.client.stream.receive(flight.replace(der, odd))
        pair.client.settle()
        assert pair.client.failure is not None
        assert not pair.client.completed
