"""R13: chains of certificates, good and bad: the verdict, everything that is found, and the alert."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from weakref import WeakKeyDictionary

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import MD5, SHA1, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.ocsp import OCSPCertStatus, OCSPResponseStatus
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier
from OpenSSL import SSL

from qtsecure.engine.configuration import TlsConfiguration
from qtsecure.engine.events import FailureKind, StreamFailed
from qtsecure.engine.revocation import load_crls
from qtsecure.engine.verification import IssueCode, VerificationIssue
from qtsecure.testing.pki import IssuedCertificate, PublicKeyInfrastructure
from tests.engine.dtls.support import Network, for_datagrams
from tests.engine.ocsp_responses import MUST_STAPLE, make_delegate, make_refusal, make_status
from tests.engine.support import (
    NUMBERS,
    VERSIONS,
    BarePeer,
    Pair,
    Recorder,
    Side,
    Version,
    client_configuration,
    credentials,
    der_chain,
    make_certificate,
    server_configuration,
)
from tests.engine.test_revocation import make_crl
from tests.figures import Figure

pytestmark = pytest.mark.figure("R13")

Role = Literal["client", "server"]
I = IssueCode  # noqa: E741 - a table
HOST = "host.test.example"
LARGE_MTU = 16_000
NOW = dt.datetime.now(dt.timezone.utc)
DAY = dt.timedelta(days=1)
EXPIRED = {"not_before": NOW - 10 * DAY, "not_after": NOW - DAY}
FUTURE = {"not_before": NOW + DAY, "not_after": NOW + 10 * DAY}
UNKNOWN_EXTENSION = x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\x05\x00")


class World:
    """Makes the chains for one role of the side that verifies.

    Attributes:
        purpose: The extended key usage that is right for the other side.
        other: The one that is wrong.
        root: The trusted authority.
    """

    def __init__(self, verifier: Role) -> None:
        server, client = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
        self.purpose, self.other = (server, client) if verifier == "client" else (client, server)

    @functools.cached_property
    def root(self) -> IssuedCertificate:
        return make_certificate(None, (), ca=True, common_name="root")

    @functools.cached_property
    def stranger(self) -> IssuedCertificate:
        return make_certificate(None, (), ca=True, common_name="stranger")

    @functools.cached_property
    def expiredRoot(self) -> IssuedCertificate:
        return make_certificate(None, (), ca=True, common_name="expired root", **EXPIRED)

    @functools.cached_property
    def middle(self) -> IssuedCertificate:
        return self.authority(self.root)

    def authority(self, issuer: IssuedCertificate, **fields: Any) -> IssuedCertificate:
        """An authority below another."""
        return make_certificate(issuer, (), **{"ca": True, "common_name": "middle", **fields})

    def leaf(
        self,
        issuer: IssuedCertificate | None,
        names: Sequence[str | x509.GeneralName] = (HOST,),
        usages: Sequence[ObjectIdentifier] | None = None,
        extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
        **fields: Any,
    ) -> IssuedCertificate:
        """A certificate for the other side."""
        own = (self.purpose,) if usages is None else usages
        purpose = [(x509.ExtendedKeyUsage(own), False)] if own else []
        return make_certificate(issuer, names, extensions=[*purpose, *extensions], **fields)

    def below(self, *authorities: IssuedCertificate, **fields: Any) -> IssuedCertificate:
        """A certificate of the last authority, sent with all of them."""
        return self.leaf(authorities[-1], send=[each.certificate for each in reversed(authorities)], **fields)

    def constrained(self, names: Sequence[str] = (HOST,), **constraints: Any) -> IssuedCertificate:
        """A certificate of an authority that may only certify some names."""
        fields = {"permitted_subtrees": None, "excluded_subtrees": None, **constraints}
        limit = (x509.NameConstraints(**fields), True)
        return self.below(self.authority(self.root, extensions=[limit]), names=names)

    def resend(self, certificate: IssuedCertificate, *chain: IssuedCertificate) -> IssuedCertificate:
        """The same certificate with something else behind it."""
        sent = (certificate.certificate, *(each.certificate for each in chain))
        return IssuedCertificate(certificate.certificate, certificate.privateKey, sent)

    def outdated(self, last: int, algorithm: SHA1 | MD5) -> IssuedCertificate:
        """A certificate with an old kind of signature, which has to be made by hand.

        Args:
            last: The last number of the method's object identifier (RFC 8017, appendix A.2.4).
            algorithm: Its hash.
        """
        issuer = self.authority(self.root, key=RSA_2048())
        modern = self.below(issuer)
        new, old = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b", b"\x2a\x86\x48\x86\xf7\x0d\x01\x01" + bytes([last])
        signed = modern.certificate.tbs_certificate_bytes.replace(new, old)
        signature = RSA_2048().sign(signed, PKCS1v15(), algorithm)
        der = modern.certificate.public_bytes(Encoding.DER).replace(new, old)
        der = der.replace(modern.certificate.signature, signature)
        other = x509.load_der_x509_certificate(der)
        return IssuedCertificate(other, modern.privateKey, (other, issuer.certificate))

    def changed(self, certificate: IssuedCertificate) -> IssuedCertificate:
        """The same with a bit of the signature flipped."""
        der = bytearray(certificate.certificate.public_bytes(Encoding.DER))
        der[-1] ^= 1
        other = x509.load_der_x509_certificate(bytes(der))
        return IssuedCertificate(other, certificate.privateKey, (other, *certificate.chain[1:]))


Make = Callable[[World], IssuedCertificate]


@dataclass(frozen=True)
class Case:
    """One row.

    Attributes:
        make: The chain of the other side.
        found: The codes of everything that is wrong with it.
        alert: The fatal alert that a rejection sends.
        trust: Whom to trust; the root if None.
        fields: More for the configuration of the side that verifies.
        roles: The sides that see it this way.
        bare: The other side is OpenSSL without the engine, which would not show such a certificate.
        status: What a server staples to it; then the client asks.
    """

    make: Make
    found: frozenset[int] = frozenset()
    alert: int | None = None
    trust: Callable[[World], Sequence[IssuedCertificate]] = field(default=lambda world: [world.root])
    fields: Callable[[World], dict[str, Any]] = field(default=lambda world: {})
    roles: tuple[Role, ...] = ("client", "server")
    bare: bool = False
    status: Callable[[World, IssuedCertificate], bytes] | None = None


def good(make: Make, **more: Any) -> Case:
    return Case(make, **more)


def bad(make: Make, alert: int, *found: int, **more: Any) -> Case:
    return Case(make, frozenset(map(int, found)), alert, **more)


def dns(*names: str) -> list[x509.GeneralName]:
    return [x509.DNSName(name) for name in names]


def crls(*makers: Callable[[World], x509.CertificateRevocationList]) -> Callable[[World], dict[str, Any]]:
    return lambda world: {"crls": load_crls([make(world) for make in makers])}


def stapled(make: Callable[[World, IssuedCertificate], bytes] | None = None, **status: Any) -> dict[str, Any]:
    """A server that staples this, by default the status of a certificate of the root, and a client that asks."""
    return {
        "status": make or (lambda world, leaf: make_status(world.root, leaf, **status)),
        "fields": lambda world: {"ocsp_stapling": True},
        "roles": ("client",),
    }


def by_delegate(world: World, leaf: IssuedCertificate, **fields: Any) -> bytes:
    """Signed by somebody who may sign for the root, or not."""
    delegate = make_delegate(world.root, **fields)
    return make_status(world.root, leaf, signer=delegate, certificates=[delegate.certificate])


ONLY_CLIENT: dict[str, Any] = {"roles": ("client",)}
RSA_1024 = functools.cache(lambda: rsa.generate_private_key(65537, 1024))
RSA_2048 = functools.cache(lambda: rsa.generate_private_key(65537, 2048))
DEPTH_1 = {"fields": lambda world: {"verify_depth": 1}}

CASES: dict[str, Case] = {
    # Good ones
    "of the root": good(lambda w: w.leaf(w.root)),
    "of an intermediate": good(lambda w: w.below(w.middle)),
    "of a second intermediate": good(lambda w: w.below(w.middle, w.authority(w.middle, common_name="low"))),
    "RSA key": good(lambda w: w.leaf(w.root, key=RSA_2048())),
    "P-384 key": good(lambda w: w.leaf(w.root, key=ec.generate_private_key(ec.SECP384R1()))),
    "Ed25519 key": good(lambda w: w.leaf(w.root, key=ed25519.Ed25519PrivateKey.generate())),
    "RSA authority": good(lambda w: w.below(w.authority(w.root, key=RSA_2048()))),
    "signed with SHA-384": good(lambda w: w.leaf(w.root, hash_algorithm=SHA384())),
    "signed with SHA-512": good(lambda w: w.leaf(w.root, hash_algorithm=SHA512())),
    "no extended key usage": good(lambda w: w.leaf(w.root, usages=())),
    "for both purposes": good(lambda w: w.leaf(w.root, usages=(w.purpose, w.other))),
    "for this purpose and code signing": good(
        lambda w: w.leaf(w.root, usages=(ExtendedKeyUsageOID.CODE_SIGNING, w.purpose))
    ),
    "no key usage": good(lambda w: w.leaf(w.root, key_usage=False)),
    "an authority's own certificate": good(lambda w: w.leaf(w.root, ca=True)),
    "root sent along": good(lambda w: w.resend(w.leaf(w.root), w.root)),
    "chain in the wrong order": good(
        lambda w: (lambda low: w.resend(w.leaf(low), w.middle, low))(w.authority(w.middle, common_name="low"))
    ),
    "unrelated certificate sent along": good(lambda w: w.resend(w.leaf(w.root), w.stranger)),
    "intermediate sent twice": good(lambda w: w.resend(w.leaf(w.middle), w.middle, w.middle)),
    "unknown extension": good(lambda w: w.leaf(w.root, extensions=[(UNKNOWN_EXTENSION, False)])),
    "path length just enough": good(lambda w: w.below(w.authority(w.root, path_length=0))),
    "name among the permitted": good(lambda w: w.constrained(permitted_subtrees=dns("test.example"))),
    "name not among the excluded": good(lambda w: w.constrained(excluded_subtrees=dns("bad.example"))),
    "wildcard": good(lambda w: w.leaf(w.root, ["*.test.example"])),
    "several names": good(lambda w: w.leaf(w.root, ["a.example", HOST, "b.example", "10.0.0.1"])),
    "name in capitals": good(lambda w: w.leaf(w.root, [HOST.upper()])),
    "depth just enough": good(lambda w: w.below(w.middle), **DEPTH_1),
    # What is trusted besides a root
    "trusted self-signed certificate": good(lambda w: selfSigned(w), trust=lambda w: [selfSigned(w)]),
    "trusted leaf of an unknown authority": good(lambda w: strangersLeaf(w), trust=lambda w: [strangersLeaf(w)]),
    "trusted intermediate, root unknown": good(lambda w: w.leaf(w.middle), trust=lambda w: [w.middle]),
    "two trusted roots": good(lambda w: w.leaf(w.stranger), trust=lambda w: [w.root, w.stranger]),
    # Dates
    "expired": bad(lambda w: w.leaf(w.root, **EXPIRED), 45, I.CERT_HAS_EXPIRED),
    "not yet valid": bad(lambda w: w.leaf(w.root, **FUTURE), 42, I.CERT_NOT_YET_VALID),
    "expired intermediate": bad(lambda w: w.below(w.authority(w.root, **EXPIRED)), 45, I.CERT_HAS_EXPIRED),
    "intermediate not yet valid": bad(lambda w: w.below(w.authority(w.root, **FUTURE)), 42, I.CERT_NOT_YET_VALID),
    "expired root": bad(lambda w: w.leaf(w.expiredRoot), 45, I.CERT_HAS_EXPIRED, trust=lambda w: [w.expiredRoot]),
    "everything expired": bad(lambda w: w.below(w.authority(w.root, **EXPIRED), **EXPIRED), 45, I.CERT_HAS_EXPIRED),
    # Nobody to trust
    "self-signed": bad(lambda w: w.leaf(None), 48, I.DEPTH_ZERO_SELF_SIGNED_CERT),
    "self-signed and expired": bad(
        lambda w: w.leaf(None, **EXPIRED), 48, I.DEPTH_ZERO_SELF_SIGNED_CERT, I.CERT_HAS_EXPIRED
    ),
    "unknown root": bad(
        lambda w: w.leaf(w.stranger), 48, I.UNABLE_TO_GET_ISSUER_CERT_LOCALLY, I.UNABLE_TO_VERIFY_LEAF_SIGNATURE
    ),
    "unknown root sent along": bad(lambda w: w.resend(w.leaf(w.stranger), w.stranger), 48, I.SELF_SIGNED_CERT_IN_CHAIN),
    "missing intermediate": bad(
        lambda w: w.leaf(w.middle), 48, I.UNABLE_TO_GET_ISSUER_CERT_LOCALLY, I.UNABLE_TO_VERIFY_LEAF_SIGNATURE
    ),
    "missing upper intermediate": bad(
        lambda w: (lambda low: w.resend(w.leaf(low), low))(w.authority(w.middle, common_name="low")),
        48,
        I.UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
    ),
    "nobody trusted": bad(
        lambda w: w.leaf(w.root),
        48,
        I.UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
        I.UNABLE_TO_VERIFY_LEAF_SIGNATURE,
        trust=lambda w: [w.stranger],
    ),
    "root of the same name with another key": bad(
        lambda w: w.leaf(make_certificate(None, (), ca=True, common_name="root")),
        48,
        I.UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
        I.UNABLE_TO_VERIFY_LEAF_SIGNATURE,
    ),
    "trusted leaf beside the one that is shown": bad(
        # OpenSSL says less where a trusted certificate need not be a root.
        lambda w: w.leaf(w.stranger),
        48,
        I.UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
        trust=lambda w: [strangersLeaf(w)],
    ),
    # Signatures
    "changed": bad(lambda w: w.changed(w.leaf(w.root)), 51, I.CERT_SIGNATURE_FAILURE),
    "changed intermediate": bad(
        lambda w: (lambda broken: w.resend(w.leaf(w.middle), broken))(w.changed(w.middle)), 51, I.CERT_SIGNATURE_FAILURE
    ),
    "changed and expired": bad(
        lambda w: w.changed(w.leaf(w.root, **EXPIRED)), 51, I.CERT_SIGNATURE_FAILURE, I.CERT_HAS_EXPIRED
    ),
    # Who may issue
    "issued by a leaf": bad(
        lambda w: w.below(w.leaf(w.root, ["ca.example"])), 48, I.INVALID_CA, I.KEYUSAGE_NO_CERTSIGN, I.INVALID_PURPOSE
    ),
    "issuer is no authority, no key usage": bad(
        lambda w: w.below(w.authority(w.root, ca=False, key_usage=False)), 48, I.INVALID_CA, I.INVALID_PURPOSE
    ),
    "path length exceeded": bad(
        lambda w: w.below(
            *(lambda top: (top, w.authority(top, common_name="low")))(w.authority(w.root, path_length=0))
        ),
        48,
        I.PATH_LENGTH_EXCEEDED,
    ),
    "path length of the upper one exceeded": bad(
        lambda w: w.below(
            *(lambda a: (lambda b: (a, b, w.authority(b, common_name="c")))(w.authority(a, common_name="b")))(
                w.authority(w.root, path_length=1)
            )
        ),
        48,
        I.PATH_LENGTH_EXCEEDED,
    ),
    "too deep": bad(
        lambda w: w.below(w.middle, w.authority(w.middle, common_name="low")),
        48,
        I.CERT_CHAIN_TOO_LONG,
        I.UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
        **DEPTH_1,
    ),
    # Purposes
    "for the other purpose": bad(lambda w: w.leaf(w.root, usages=(w.other,)), 43, I.INVALID_PURPOSE),
    "for code signing": bad(
        lambda w: w.leaf(w.root, usages=(ExtendedKeyUsageOID.CODE_SIGNING,)), 43, I.INVALID_PURPOSE
    ),
    "for any purpose": bad(
        lambda w: w.leaf(w.root, usages=(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,)), 43, I.INVALID_PURPOSE
    ),
    "intermediate for the other purpose": bad(
        lambda w: w.below(w.authority(w.root, extensions=[(x509.ExtendedKeyUsage([w.other]), False)])),
        43,
        I.INVALID_PURPOSE,
    ),
    "for the other purpose and expired": bad(
        lambda w: w.leaf(w.root, usages=(w.other,), **EXPIRED), 43, I.INVALID_PURPOSE, I.CERT_HAS_EXPIRED
    ),
    # Names that the issuer may not certify
    "name not among the permitted": bad(
        lambda w: w.constrained(permitted_subtrees=dns("other.example")), 46, I.PERMITTED_VIOLATION
    ),
    "name among the excluded": bad(
        lambda w: w.constrained(excluded_subtrees=dns("test.example")), 46, I.EXCLUDED_VIOLATION
    ),
    "one of two names not permitted": bad(
        lambda w: w.constrained([HOST, "evil.example"], permitted_subtrees=dns("test.example")),
        46,
        I.PERMITTED_VIOLATION,
    ),
    # Weak keys and hashes
    "RSA key of 1024 bits": bad(lambda w: w.leaf(w.root, key=RSA_1024()), 42, I.EE_KEY_TOO_SMALL, bare=True),
    "authority with 1024 bits": bad(
        lambda w: w.below(w.authority(w.root, key=RSA_1024())), 42, I.CA_KEY_TOO_SMALL, bare=True
    ),
    "signed with SHA-1": bad(lambda w: w.outdated(5, SHA1()), 42, I.CA_MD_TOO_WEAK, bare=True),
    "signed with MD5": bad(lambda w: w.outdated(4, MD5()), 42, I.CA_MD_TOO_WEAK, bare=True),
    # Extensions
    "unknown critical extension": bad(
        lambda w: w.leaf(w.root, extensions=[(UNKNOWN_EXTENSION, True)]), 46, I.UNHANDLED_CRITICAL_EXTENSION
    ),
    "unknown critical extension in the intermediate": bad(
        lambda w: w.below(w.authority(w.root, extensions=[(UNKNOWN_EXTENSION, True)])),
        46,
        I.UNHANDLED_CRITICAL_EXTENSION,
    ),
    # The name; servers do not look at their clients' names
    "another name": bad(lambda w: w.leaf(w.root, ["www.example"]), 42, I.HOSTNAME_MISMATCH, **ONLY_CLIENT),
    "only a common name": bad(lambda w: w.leaf(w.root, (), common_name=HOST), 42, I.HOSTNAME_MISMATCH, **ONLY_CLIENT),
    "common name beside another name": bad(
        lambda w: w.leaf(w.root, ["www.example"], common_name=HOST), 42, I.HOSTNAME_MISMATCH, **ONLY_CLIENT
    ),
    "wildcard of a higher level": bad(lambda w: w.leaf(w.root, ["*.example"]), 42, I.HOSTNAME_MISMATCH, **ONLY_CLIENT),
    "wildcard in a part of a label": bad(
        lambda w: w.leaf(w.root, ["ho*.test.example"]), 42, I.HOSTNAME_MISMATCH, **ONLY_CLIENT
    ),
    "another name and expired": bad(
        lambda w: w.leaf(w.root, ["www.example"], **EXPIRED),
        42,
        I.HOSTNAME_MISMATCH,
        I.CERT_HAS_EXPIRED,
        **ONLY_CLIENT,
    ),
    "another name, self-signed, expired": bad(
        lambda w: w.leaf(None, ["www.example"], **EXPIRED),
        48,
        I.HOSTNAME_MISMATCH,
        I.DEPTH_ZERO_SELF_SIGNED_CERT,
        I.CERT_HAS_EXPIRED,
        **ONLY_CLIENT,
    ),
    # Revocation
    "on no list": good(lambda w: w.leaf(w.root), fields=crls(lambda w: make_crl(w.root))),
    "revoked": bad(lambda w: revoked(w), 44, I.CERT_REVOKED, fields=crls(lambda w: make_crl(w.root, revoked(w)))),
    "revoked intermediate": bad(
        lambda w: w.below(w.middle),
        44,
        I.CERT_REVOKED,
        fields=crls(lambda w: make_crl(w.root, w.middle), lambda w: make_crl(w.middle)),
    ),
    "no list": bad(lambda w: w.leaf(w.root), 48, I.UNABLE_TO_GET_CRL, fields=crls(lambda w: make_crl(w.stranger))),
    "no list of the intermediate": bad(
        lambda w: w.below(w.middle), 48, I.UNABLE_TO_GET_CRL, fields=crls(lambda w: make_crl(w.root))
    ),
    "list out of date": bad(
        lambda w: w.leaf(w.root), 45, I.CRL_HAS_EXPIRED, fields=crls(lambda w: make_crl(w.root, end=NOW - DAY / 2))
    ),
    "list from the future": bad(
        lambda w: w.leaf(w.root), 42, I.CRL_NOT_YET_VALID, fields=crls(lambda w: make_crl(w.root, begin=NOW + DAY / 2))
    ),
    "list forged": bad(
        lambda w: w.leaf(w.root),
        51,
        I.CRL_SIGNATURE_FAILURE,
        fields=crls(lambda w: make_crl(w.root, signer=w.stranger)),  # type: ignore[arg-type]  # it signs like an authority
    ),
    "on neither of two lists": good(
        lambda w: w.below(w.middle), fields=crls(lambda w: make_crl(w.root), lambda w: make_crl(w.middle))
    ),
    "revoked and expired": bad(
        lambda w: revokedAndExpired(w),
        44,
        I.CERT_REVOKED,
        I.CERT_HAS_EXPIRED,
        fields=crls(lambda w: make_crl(w.root, revokedAndExpired(w))),
    ),
    # Stapled status, which only clients ask for
    "good status": good(lambda w: w.leaf(w.root), **stapled()),
    "good status of an intermediate": good(
        lambda w: w.below(w.middle), **stapled(lambda w, leaf: make_status(w.middle, leaf))
    ),
    "good status of a delegate": good(lambda w: w.leaf(w.root), **stapled(lambda w, leaf: by_delegate(w, leaf))),
    "good status, demanded": good(lambda w: w.leaf(w.root, extensions=[MUST_STAPLE]), **stapled()),
    "no status": bad(lambda w: w.leaf(w.root), 113, I.STATUS_NOT_SENT, **stapled(lambda w, leaf: b"")),
    "no status, demanded": bad(
        lambda w: w.leaf(w.root, extensions=[MUST_STAPLE]), 113, I.STATUS_DEMANDED, **stapled(lambda w, leaf: b"")
    ),
    "status: revoked": bad(lambda w: w.leaf(w.root), 113, I.STATUS_REVOKED, **stapled(status=OCSPCertStatus.REVOKED)),
    "status: unknown": bad(lambda w: w.leaf(w.root), 113, I.STATUS_UNKNOWN, **stapled(status=OCSPCertStatus.UNKNOWN)),
    "status out of date": bad(
        lambda w: w.leaf(w.root), 113, I.STATUS_OUT_OF_DATE, **stapled(begin=NOW - 9 * DAY, end=NOW - DAY)
    ),
    "status from the future": bad(lambda w: w.leaf(w.root), 113, I.STATUS_FROM_FUTURE, **stapled(begin=NOW + DAY / 2)),
    "status forged": bad(
        lambda w: w.leaf(w.root),
        113,
        I.STATUS_FORGED,
        **stapled(lambda w, leaf: make_status(w.root, leaf, signer=w.stranger, responder=w.root)),
    ),
    "status of a stranger": bad(
        lambda w: w.leaf(w.root),
        113,
        I.STATUS_UNTRUSTED_RESPONDER,
        **stapled(lambda w, leaf: make_status(w.root, leaf, signer=w.stranger)),
    ),
    "status of a delegate without the purpose": bad(
        lambda w: w.leaf(w.root),
        113,
        I.STATUS_UNTRUSTED_RESPONDER,
        **stapled(lambda w, leaf: by_delegate(w, leaf, extensions=())),
    ),
    "status: try later": bad(
        lambda w: w.leaf(w.root),
        113,
        I.STATUS_TRY_LATER,
        **stapled(lambda w, leaf: make_refusal(OCSPResponseStatus.TRY_LATER)),
    ),
    "status: revoked, and expired": bad(
        # The alert is that of what was found first.
        lambda w: w.leaf(w.root, **EXPIRED),
        45,
        I.CERT_HAS_EXPIRED,
        I.STATUS_REVOKED,
        **stapled(status=OCSPCertStatus.REVOKED),
    ),
    "good status, another name": bad(lambda w: w.leaf(w.root, ["www.example"]), 42, I.HOSTNAME_MISMATCH, **stapled()),
}


def _once(make: Make) -> Make:
    """The same certificate for the same world, where a row needs it twice."""
    # Weak, not by id(): the next world may be where an earlier one was.
    made: WeakKeyDictionary[World, IssuedCertificate] = WeakKeyDictionary()

    def remember(world: World) -> IssuedCertificate:
        if world not in made:
            made[world] = make(world)
        return made[world]

    return remember


selfSigned = _once(lambda world: world.leaf(None))
strangersLeaf = _once(lambda world: world.leaf(world.stranger, ["a.example", HOST]))
revoked = _once(lambda world: world.leaf(world.root))
revokedAndExpired = _once(lambda world: world.leaf(world.root, **EXPIRED))


def configure(
    case: Case,
    role: Role,
    version: Version | None,
    world: World,
    shown: IssuedCertificate,
    pki: PublicKeyInfrastructure,
) -> tuple[TlsConfiguration, TlsConfiguration]:
    """Client and server of a row."""
    anchors = [each.certificate for each in case.trust(world)]
    fields = case.fields(world)
    if role == "client":
        response = case.status(world, shown) if case.status is not None else b""
        server = server_configuration(pki.server if case.bare else shown, version, ocsp_response=response)
        return client_configuration(anchors, version, **fields), server
    own = None if case.bare else credentials(shown)
    client = client_configuration([pki.ca.certificate], version, credentials=own)
    return client, server_configuration(pki.server, version, clients=anchors, **fields)


@dataclass
class Outcome:
    """What came of showing a chain to a side that verifies.

    Attributes:
        shown: The chain.
        issues: Everything that was found.
        completed: Whether it was accepted.
        failure: How it ended otherwise.
        sent: The fatal alerts of the side that verifies.
        heard: Those that the other side has heard.
    """

    shown: IssuedCertificate
    issues: tuple[VerificationIssue, ...]
    completed: bool
    failure: StreamFailed | None
    sent: list[int]
    heard: list[int]


def show(case: Case, role: Role, version: Version, world: World, pki: PublicKeyInfrastructure) -> Outcome:
    """Show the chain of a row over a stream."""
    shown = case.make(world)
    client, server = configure(case, role, version, world, shown, pki)
    # A TLS 1.3 server can only send an alert while its client still waits.
    pair = Pair(
        client, server, name=HOST if role == "client" else "localhost", server_decisions=Recorder(accepts=False)
    )
    side, other = pair.sides if role == "client" else pair.sides[::-1]
    if case.bare:
        heard = talk_to_bare_peer(side, shown, version)
    else:
        pair.handshake()
        if side.completed:
            assert pair.say(b"hello") == b"hello"
        other.drain()  # a TLS 1.3 client hears the verdict after its own handshake
        heard = other.alerts_received
    return Outcome(shown, side.stream.issues, side.completed, side.failure, side.alerts_sent, heard)


def show_over_datagrams(case: Case, role: Role, world: World, pki: PublicKeyInfrastructure) -> Outcome:
    """The same over DTLS 1.2; not for rows whose other side is a bare OpenSSL."""
    shown = case.make(world)
    client, server = map(for_datagrams, configure(case, role, None, world, shown, pki))
    network = Network(client, server, name=HOST if role == "client" else "localhost", mtu=LARGE_MTU)
    network.handshake()
    network.run(5.0, lambda: bool(network.server.alerts_received))  # a client's alert is still under way
    side, other = network.ends if role == "client" else network.ends[::-1]
    if side.completed:
        assert network.say(b"hello") == [b"hello"]
    assert side.association is not None
    issues = side.association.issues
    return Outcome(shown, issues, side.completed, side.failure, side.alerts_sent, other.alerts_received)


def talk_to_bare_peer(side: Side, shown: IssuedCertificate, version: Version) -> list[int]:
    """The handshake of a stream with an OpenSSL that demands nothing of certificates; the alerts that it heard."""
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_cipher_list(b"ALL:@SECLEVEL=0")
    context.set_min_proto_version(NUMBERS[version])
    context.set_max_proto_version(NUMBERS[version])
    context.use_certificate(shown.certificate)
    context.use_privatekey(shown.privateKey)
    for each in shown.chain[1:]:
        context.add_extra_chain_cert(each)
    heard: list[int] = []

    def note(_: SSL.Connection, where: int, value: int) -> None:
        if where & SSL.SSL_CB_ALERT and where & SSL.SSL_CB_READ and value >> 8 == 2:
            heard.append(value & 0xFF)

    context.set_info_callback(note)
    peer = BarePeer(context, server=not side.stream.server)
    side.stream.start()
    for _ in range(5):
        with contextlib.suppress(SSL.WantReadError, SSL.Error):
            peer.connection.do_handshake()
            peer.connection.recv(1)
        if data := peer.take():
            side.stream.receive(data)
        side.settle()
        if data := side.take():
            peer.connection.bio_write(data)
    return heard


def wrong(name: str, case: Case, outcome: Outcome, world: World) -> list[str]:
    """What is not as the row says; nothing if all is well."""
    known = der_chain([*outcome.shown.chain, *(each.certificate for each in case.trust(world))])
    found = []

    def check(good: bool, what: str) -> None:
        if not good:
            found.append(f"{name}: {what}")

    codes = frozenset(issue.code for issue in outcome.issues)
    failure = outcome.failure
    check(codes == case.found, f"found {sorted(codes)} instead of {sorted(case.found)}")
    check(outcome.completed is (not case.found), f"verdict: {failure}")
    check(outcome.sent == ([] if case.alert is None else [case.alert]), f"alerts {outcome.sent}")
    check(outcome.heard == outcome.sent, f"the peer heard {outcome.heard}")
    for issue in outcome.issues:
        check(issue.certificate in (None, *known), f"{issue.name} is about another certificate")
    if case.found:
        check(failure is not None and failure.kind is FailureKind.CERTIFICATE_REJECTED, f"failure {failure}")
    return found


@pytest.mark.parametrize("role", ["client", "server"])
def test_matrix(role: Role, qtsecure_pki: PublicKeyInfrastructure, figure: Figure) -> None:
    """Each row in both versions."""
    world = World(role)
    rows = {name: case for name, case in CASES.items() if role in case.roles}
    found: list[str] = []
    handshakes = 0
    for name, case in rows.items():
        for version in VERSIONS:
            outcome = show(case, role, version, world, qtsecure_pki)
            found += wrong(f"{name}, {role}, TLS {version}", case, outcome, world)
        handshakes += len(VERSIONS)
    figure.none("deviations from the table", len(found), handshakes, f"TLS, verified by the {role}")
    assert len(rows) >= 60
    assert found == []


@pytest.mark.parametrize("role", ["client", "server"])
def test_matrix_over_datagrams(role: Role, qtsecure_pki: PublicKeyInfrastructure, figure: Figure) -> None:
    """Each row that our own other side can show, over DTLS 1.2."""
    world = World(role)
    shown = (name for name, case in CASES.items() if role in case.roles and not case.bare)
    # OpenSSL has no DTLS 1.2 server with an Ed25519 key yet; clients may have one.
    rows = {name: CASES[name] for name in shown if role == "server" or name != "Ed25519 key"}
    found: list[str] = []
    for name, case in rows.items():
        outcome = show_over_datagrams(case, role, world, qtsecure_pki)
        found += wrong(f"{name}, {role}, DTLS 1.2", case, outcome, world)
    figure.none("deviations from the table", len(found), len(rows), f"DTLS, verified by the {role}")
    assert len(rows) >= 60
    assert found == []
