"""Revocation status of every kind, good and bad, as a responder or a forger would make it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.ocsp import OCSPCertStatus, OCSPResponseStatus
from cryptography.x509.oid import ExtendedKeyUsageOID

from qtsecure.testing.pki import CertificateAuthority, IssuedCertificate
from tests.engine.support import make_certificate

NOW = dt.datetime.now(dt.timezone.utc).replace(microsecond=0)
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
OCSP_SIGNING = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), False)
MUST_STAPLE = (x509.TLSFeature([x509.TLSFeatureType.status_request]), False)

Issuer = CertificateAuthority | IssuedCertificate


def make_status(
    issuer: Issuer,
    certificate: IssuedCertificate,
    *,
    status: OCSPCertStatus = OCSPCertStatus.GOOD,
    begin: dt.datetime = NOW - HOUR,
    end: dt.datetime | None = NOW + DAY,
    signer: Issuer | None = None,
    responder: Issuer | None = None,
    by_name: bool = False,
    hash_algorithm: HashAlgorithm | None = None,
    id_hash: HashAlgorithm | None = None,
    certificates: Sequence[x509.Certificate] = (),
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
) -> bytes:
    """A response about one certificate.

    Args:
        issuer: Of the certificate.
        certificate: What it is about.
        status: What it says.
        begin: Since when that is known.
        end: Until when it counts; None for no end.
        signer: Whose key signs; the issuer's if None.
        responder: Who claims to have signed, which breaks the signature; the signer if None.
        by_name: Name the responder instead of its key.
        hash_algorithm: Of the signature; SHA-256 if None.
        id_hash: Of the identifier of the certificate; SHA-256 if None.
        certificates: What is sent along.
        extensions: More, with their criticality.
    """
    signer = signer or issuer
    encoding = ocsp.OCSPResponderEncoding.NAME if by_name else ocsp.OCSPResponderEncoding.HASH
    revoked = status is OCSPCertStatus.REVOKED
    builder = (
        ocsp.OCSPResponseBuilder()
        .add_response(
            cert=certificate.certificate,
            issuer=issuer.certificate,
            algorithm=id_hash or SHA256(),
            cert_status=status,
            this_update=begin,
            next_update=end,
            revocation_time=NOW - DAY if revoked else None,
            revocation_reason=x509.ReasonFlags.key_compromise if revoked else None,
        )
        .responder_id(encoding, signer.certificate)
    )
    if certificates:
        builder = builder.certificates(certificates)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    key: Any = signer.privateKey
    response = builder.sign(key, hash_algorithm or SHA256()).public_bytes(Encoding.DER)
    # The builder signs in nobody's name but the signer's.
    return response if responder is None else response.replace(_key_hash(signer), _key_hash(responder))


def signed_with_sha1(issuer: Issuer, certificate: IssuedCertificate) -> bytes:
    """A good status whose signature is right, but of a kind that can be forged."""
    key = rsa.generate_private_key(65537, 2048)
    delegate = make_delegate(issuer, key=key)
    modern = make_status(issuer, certificate, signer=delegate, certificates=[delegate.certificate])
    answer = ocsp.load_der_ocsp_response(modern)
    new, old = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b", b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05"
    signature = key.sign(answer.tbs_response_bytes, PKCS1v15(), SHA1())
    return modern.replace(new, old).replace(answer.signature, signature)


def _key_hash(holder: Issuer) -> bytes:
    public: Any = holder.certificate.public_key()
    return x509.SubjectKeyIdentifier.from_public_key(public).digest


def make_refusal(status: OCSPResponseStatus) -> bytes:
    """A responder's error."""
    return ocsp.OCSPResponseBuilder.build_unsuccessful(status).public_bytes(Encoding.DER)


def make_delegate(issuer: Issuer, **fields: Any) -> IssuedCertificate:
    """A certificate of somebody who may sign for the issuer, unless ``fields`` spoil it."""
    return make_certificate(issuer, (), **{"extensions": (OCSP_SIGNING,), "common_name": "responder", **fields})


def with_two_answers(first: bytes, second: bytes) -> bytes:
    """A response with the answers of two, signed like the first; by hand, as the builder makes only one."""
    one, two = (ocsp.load_der_ocsp_response(each) for each in (first, second))
    both = _content(_single_responses(one.tbs_response_bytes)) + _content(_single_responses(two.tbs_response_bytes))
    return _with_single_responses(first, both)


def with_an_extension_of_the_answer(issuer: Issuer, certificate: IssuedCertificate, *, critical: bool) -> bytes:
    """A good status with an unknown extension of the answer and not of the whole, signed as it should be."""
    good = make_status(issuer, certificate)
    single = _content(_single_responses(ocsp.load_der_ocsp_response(good).tbs_response_bytes))
    criticality = b"\x01\x01\xff" if critical else b""
    extension = _der(0x30, bytes.fromhex("06032a0304") + criticality + b"\x04\x02\x05\x00")
    longer = _der(0x30, _content(single) + _der(0xA1, _der(0x30, extension)))
    unsigned = _with_single_responses(good, longer)
    answer = ocsp.load_der_ocsp_response(unsigned)
    key: Any = issuer.privateKey
    signature = key.sign(answer.tbs_response_bytes, ECDSA(SHA256()))
    parts = [*_parts(_content(_basic_response(unsigned)))[:2], _der(0x03, b"\0" + signature)]
    return _response_of(_der(0x30, b"".join(parts)))


def _with_single_responses(response: bytes, singles: bytes) -> bytes:
    """The same about these, with a signature that does not fit any more."""
    tbs = ocsp.load_der_ocsp_response(response).tbs_response_bytes
    changed = _der(0x30, _content(tbs).replace(_single_responses(tbs), _der(0x30, singles)))
    return _response_of(_der(0x30, _content(_basic_response(response)).replace(tbs, changed)))


def _response_of(basic: bytes) -> bytes:
    oid = bytes.fromhex("06092b0601050507300101")
    return _der(0x30, b"\x0a\x01\x00" + _der(0xA0, _der(0x30, oid + _der(0x04, basic))))


def _basic_response(response: bytes) -> bytes:
    octets = _content(_content(_parts(_content(response))[1]))
    return _content(_parts(octets)[1])


def _single_responses(tbs: bytes) -> bytes:
    return next(part for part in _parts(_content(tbs)) if part[0] == 0x30)


def _parts(content: bytes) -> list[bytes]:
    parts = []
    while content:
        start, length = _header(content)
        parts.append(content[: start + length])
        content = content[start + length :]
    return parts


def _content(element: bytes) -> bytes:
    start, length = _header(element)
    return element[start : start + length]


def _header(element: bytes) -> tuple[int, int]:
    if element[1] < 0x80:
        return 2, element[1]
    count = element[1] & 0x7F
    return 2 + count, int.from_bytes(element[2 : 2 + count], "big")


def _der(tag: int, content: bytes) -> bytes:
    if len(content) < 0x80:
        return bytes((tag, len(content))) + content
    size = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(size))) + size + content
