"""Chains without a connection: the same verdict as in a handshake."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from qtsecure.engine.examination import examine_chain
from qtsecure.engine.pins import Pins
from qtsecure.engine.revocation import load_crls
from qtsecure.engine.verification import IssueCode
from qtsecure.errors import SecureError
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.engine.support import Pair, client_configuration, make_certificate, server_configuration

NAMES = (
    "server",
    "rsaServer",
    "ed25519Server",
    "expired",
    "notYetValid",
    "wrongHost",
    "badPurpose",
    "selfSigned",
    "unknownCa",
    "viaIntermediate",
    "missingIntermediate",
    "revoked",
)


@pytest.mark.parametrize("name", NAMES)
def test_the_verdict_is_that_of_a_handshake(pki: PublicKeyInfrastructure, name: str) -> None:
    """Every certificate of the throw-away PKI, with every problem."""
    identity = getattr(pki, name)
    client = client_configuration([pki.ca.certificate])
    pair = Pair(client, server_configuration(identity, "1.2"))
    pair.handshake()
    assert examine_chain(client, identity.chain, "localhost") == pair.client.stream.issues
    assert (name in ("server", "rsaServer", "ed25519Server", "viaIntermediate")) is pair.client.completed


def test_several_problems(pki: PublicKeyInfrastructure) -> None:
    """All of them; and the name only where it is asked for."""
    client = client_configuration([pki.otherCa.certificate])
    codes = [issue.code for issue in examine_chain(client, pki.expired.chain, "other.example")]
    assert IssueCode.HOSTNAME_MISMATCH in codes
    assert IssueCode.UNABLE_TO_GET_ISSUER_CERT_LOCALLY in codes
    assert IssueCode.CERT_HAS_EXPIRED in codes
    nameless = client_configuration([pki.ca.certificate], verify_host_name=False)
    assert examine_chain(nameless, pki.wrongHost.chain, "") == ()
    assert [issue.code for issue in examine_chain(client_configuration([pki.ca.certificate]), pki.server.chain, "")]


def test_weak_keys(pki: PublicKeyInfrastructure) -> None:
    """OpenSSL's security level counts as well."""
    weak = make_certificate(pki.ca, key=rsa.generate_private_key(65537, 1024))
    client = client_configuration([pki.ca.certificate])
    assert [issue.code for issue in examine_chain(client, weak.chain, "localhost")] == [IssueCode.EE_KEY_TOO_SMALL]


def test_revocation(pki: PublicKeyInfrastructure) -> None:
    """Lists are looked at; pins, which a program has for its own servers, are not."""
    crls = load_crls(pki.crl)
    client = client_configuration([pki.revokingCa.certificate], crls=crls)
    assert [issue.code for issue in examine_chain(client, pki.revoked.chain, "localhost")] == [IssueCode.CERT_REVOKED]
    pinned = client_configuration([pki.ca.certificate], pins=Pins(keys=frozenset({bytes(32)})))
    assert examine_chain(pinned, pki.server.chain, "localhost") == ()


def test_large_chains(pki: PublicKeyInfrastructure) -> None:
    """Several records are read; what no server may send is an error."""
    client = client_configuration([pki.ca.certificate])
    assert examine_chain(client, (*pki.server.chain, *[pki.otherCa.certificate] * 60), "localhost") == ()
    with pytest.raises(SecureError, match="cannot be examined"):
        examine_chain(client, (*pki.server.chain, *[pki.otherCa.certificate] * 1000), "localhost")


def test_an_empty_chain(pki: PublicKeyInfrastructure) -> None:
    """There is nothing to say about it."""
    with pytest.raises(SecureError, match="it is empty"):
        examine_chain(client_configuration([pki.ca.certificate]), (), "localhost")
