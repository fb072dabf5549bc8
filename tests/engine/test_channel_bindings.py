"""Channel bindings: the same bytes at both ends, and the right reason where there are none."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512, HashAlgorithm

from qtsecure.engine import channel_bindings
from qtsecure.engine.ciphers import PSK_TLS12_CIPHERS
from qtsecure.engine.configuration import VerifyMode
from qtsecure.engine.sessions import Session
from qtsecure.errors import ChannelBindingError
from qtsecure.testing.pki import IssuedCertificate, PublicKeyInfrastructure, selfSignedCertificate
from tests.engine.dtls.support import IDENTITY, KEY
from tests.engine.hosts import ANY_VERSION, AnyPair, AnyVersion, of_version
from tests.engine.support import (
    Pair,
    Recorder,
    client_configuration,
    credentials,
    make_certificate,
    server_configuration,
)

any_version = pytest.mark.parametrize("version", ANY_VERSION)
UNIQUE, END_POINT, EXPORTER = "tls-unique", "tls-server-end-point", "tls-exporter"
Code = ChannelBindingError.Code


class Ends(AnyPair):
    """Both ends of an established connection."""

    def __init__(
        self, pki: PublicKeyInfrastructure, version: AnyVersion, own: IssuedCertificate | None = None, **options: Any
    ) -> None:
        client, server = client_configuration([pki.ca.certificate]), server_configuration(own or pki.server)
        super().__init__(version, client, server, place="here:1", **options)
        self.pair.established()

    def both(self, kind: str) -> bytes:
        """What both have in common."""
        mine: bytes = self.client.channel_binding(kind)
        assert mine == self.server.channel_binding(kind)
        return mine

    def session(self) -> Session:
        self.pair.say(b"ticket", from_server=True)
        session = self.client.session()
        assert session is not None
        result: Session = session
        return result


def refusal(end: Any, kind: str) -> ChannelBindingError.Code:
    """Why there is none."""
    with pytest.raises(ChannelBindingError) as caught:
        end.channel_binding(kind)
    assert caught.value.message
    return caught.value.code


@any_version
def test_gio_d51_both_ends_agree(pki: PublicKeyInfrastructure, version: AnyVersion) -> None:
    """All three kinds, of the right size; tls-unique not with TLS 1.3."""
    ends, others = Ends(pki, version), Ends(pki, version)
    assert len(ends.both(EXPORTER)) == 32
    assert ends.both(EXPORTER) != others.both(EXPORTER)
    leaf = credentials(pki.server).encoded_chain[0]
    assert ends.both(END_POINT) == hashlib.sha256(leaf).digest()
    if version == "1.3":
        assert refusal(ends.client, UNIQUE) is refusal(ends.server, UNIQUE) is Code.NotSupported
    else:
        assert len(ends.both(UNIQUE)) == 12
        assert ends.both(UNIQUE) != others.both(UNIQUE)


@any_version
def test_sec_e19_the_exporter_has_an_empty_context(pki: PublicKeyInfrastructure, version: AnyVersion) -> None:
    """Up to TLS 1.2 none would be another value."""
    ends = Ends(pki, version)
    label = b"EXPORTER-Channel-Binding"
    assert ends.both(EXPORTER) == ends.client.export_keying_material(label, 32, b"")
    without = ends.client.export_keying_material(label, 32, None)
    assert (ends.both(EXPORTER) == without) is (version == "1.3")


@pytest.mark.parametrize("version", ["1.2", "dtls"])
def test_gio_d52_a_resumed_session_turns_tls_unique_around(pki: PublicKeyInfrastructure, version: AnyVersion) -> None:
    """It is the server's Finished then, which comes first."""
    full = Ends(pki, version)
    resumed = Ends(pki, version, session=full.session())
    assert resumed.client.session_reused()
    stream = resumed.client._session if version == "dtls" else resumed.client
    first = full.client._session if version == "dtls" else full.client
    assert full.both(UNIQUE) == first._pipe.connection.get_finished()
    assert resumed.both(UNIQUE) == stream._pipe.connection.get_peer_finished()
    assert resumed.both(UNIQUE) != full.both(UNIQUE)
    assert resumed.both(END_POINT) == full.both(END_POINT)
    assert resumed.both(EXPORTER) != full.both(EXPORTER)


def test_resumed_tls_1_3(pki: PublicKeyInfrastructure) -> None:
    """The certificate is the session's."""
    full = Ends(pki, "1.3")
    resumed = Ends(pki, "1.3", session=full.session())
    assert resumed.client.session_reused()
    assert resumed.both(END_POINT) == full.both(END_POINT)
    assert resumed.both(EXPORTER) != full.both(EXPORTER)


@any_version
def test_gio_d51_invalid_state_before_the_end_of_the_handshake(
    pki: PublicKeyInfrastructure, version: AnyVersion
) -> None:
    """For every kind, known or not, at any moment before."""
    ends = AnyPair(version, client_configuration([pki.ca.certificate]), server_configuration(pki.server))
    assert {refusal(ends.client, kind) for kind in (UNIQUE, END_POINT, EXPORTER)} == {Code.InvalidState}
    ends.pair.start()
    assert {refusal(ends.client, kind) for kind in (UNIQUE, END_POINT, EXPORTER)} == {Code.InvalidState}


@pytest.mark.parametrize("algorithm", [SHA256(), SHA384(), SHA512()], ids=lambda value: str(value.name))
def test_the_hash_is_that_of_the_signature(pki: PublicKeyInfrastructure, algorithm: HashAlgorithm) -> None:
    """RFC 5929, section 4.1."""
    own = make_certificate(pki.ca, hash_algorithm=algorithm)
    leaf = credentials(own).encoded_chain[0]
    assert Ends(pki, "1.3", own).both(END_POINT) == hashlib.new(algorithm.name, leaf).digest()


def test_md5_and_sha_1_count_as_sha_256(pki: PublicKeyInfrastructure, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are too weak; and what is not known is said to be so."""
    encoded = credentials(pki.server).encoded_chain[0]

    class Certificate:
        signature_hash_algorithm = SHA1()

    monkeypatch.setattr(channel_bindings.x509, "load_der_x509_certificate", lambda data: Certificate)
    assert channel_bindings._digest_name(encoded) == "sha256"

    def unknown(data: bytes) -> object:
        raise ValueError("what is this?")

    monkeypatch.setattr(channel_bindings.x509, "load_der_x509_certificate", unknown)
    with pytest.raises(ChannelBindingError) as caught:
        channel_bindings._digest_name(encoded)
    assert caught.value.code is Code.GeneralError


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_sec_e19_no_end_point_for_ed25519(version: AnyVersion) -> None:
    """Its signature has no hash of its own; RFC 5929 leaves it undefined."""
    own = selfSignedCertificate(key="ed25519")
    client = of_version(client_configuration([own.certificate]), version)
    pair = Pair(client, of_version(server_configuration(own), version)).established()
    for end in (pair.client.stream, pair.server.stream):
        assert refusal(end, END_POINT) is Code.NotSupported


@any_version
def test_no_end_point_without_certificate(version: AnyVersion) -> None:
    """A connection with a pre-shared key."""
    fields: dict[str, Any] = {"psk_enabled": True, "tls12_ciphers": PSK_TLS12_CIPHERS}
    ends = AnyPair(
        version,
        client_configuration((), verify_mode=VerifyMode.NONE, **fields),
        server_configuration(None, **fields),
        client_decisions=Recorder(client_key=(IDENTITY, KEY)),
        server_decisions=Recorder(server_keys={IDENTITY: KEY}),
    )
    ends.pair.established()
    for end in (ends.client, ends.server):
        assert refusal(end, END_POINT) is Code.NotAvailable
        assert len(end.channel_binding(EXPORTER)) == 32


def test_sec_e19_no_exporter_without_extended_master_secret(
    pki: PublicKeyInfrastructure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to TLS 1.2 only; TLS 1.3 always binds its keys to the handshake."""
    monkeypatch.setattr(channel_bindings._openssl_identity, "has_extended_master_secret", lambda connection: False)
    ends = Ends(pki, "1.2")
    assert refusal(ends.client, EXPORTER) is Code.NotAvailable
    assert len(ends.both(UNIQUE)) == 12
    assert len(Ends(pki, "1.3").both(EXPORTER)) == 32


def test_unknown_kinds(pki: PublicKeyInfrastructure) -> None:
    """A name that nobody has registered."""
    assert refusal(Ends(pki, "1.3").client, "tls-magic") is Code.NotImplemented
