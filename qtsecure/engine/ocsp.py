"""Stapled revocation status (RFC 6066, section 8): whether it is good, and whether the issuer says so (RFC 6960).

OpenSSL hands out the bytes and judges nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import MD5, SHA1, HashAlgorithm
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from qtsecure.engine.certificates import UNREADABLE, read_source, tolerating_old_certificates, unusable
from qtsecure.engine.verification import IssueCode
from qtsecure.errors import SecureError

__all__ = ["demands_status_untrusted", "judge_status_untrusted", "load_status", "require_status_of"]

_CLOCK_SKEW: Final = timedelta(minutes=5)
_WITHOUT_END: Final = timedelta(days=1)
"""How long a status counts that names no end: for ever would let a thief of the key use an old one for ever."""
_SMALLEST_RSA, _SMALLEST_EC = 2048, 224
_BROKEN_HASHES: Final = (MD5, SHA1)
_TLS_FEATURE: Final = bytes.fromhex("06082b06010505070118")
"""The DER of the object identifier of the extension that demands a status (RFC 7633, section 4)."""

_Status = ocsp.OCSPResponseStatus
_REFUSALS: Final = {
    _Status.MALFORMED_REQUEST: IssueCode.STATUS_MALFORMED_REQUEST,
    _Status.INTERNAL_ERROR: IssueCode.STATUS_INTERNAL_ERROR,
    _Status.TRY_LATER: IssueCode.STATUS_TRY_LATER,
    _Status.SIG_REQUIRED: IssueCode.STATUS_SIGNATURE_REQUIRED,
    _Status.UNAUTHORIZED: IssueCode.STATUS_UNAUTHORIZED,
}


def judge_status_untrusted(response: bytes, leaf: bytes, others: Iterable[bytes], now: datetime) -> IssueCode | None:
    """What is wrong with the revocation status that a server has sent; None if the certificate is good.

    Args:
        response: What was stapled, as DER; empty for nothing.
        leaf: The certificate of the server, as DER.
        others: Certificates among which its issuer is, as DER.
        now: The time, with its time zone.
    """
    if not response:
        return IssueCode.STATUS_DEMANDED if demands_status_untrusted(leaf) else IssueCode.STATUS_NOT_SENT
    try:
        answer = ocsp.load_der_ocsp_response(response)
        if answer.response_status is not _Status.SUCCESSFUL:
            return _REFUSALS[answer.response_status]
        if len(list(answer.responses)) != 1:
            return IssueCode.STATUS_UNREADABLE  # as in Qt: it is asked about one certificate
        with tolerating_old_certificates():
            return _judge(answer, x509.load_der_x509_certificate(leaf), others, now)
    except UNREADABLE:
        return IssueCode.STATUS_UNREADABLE


def demands_status_untrusted(certificate: bytes) -> bool:
    """Whether a certificate (DER) may only be shown together with its status ("must staple", RFC 7633).

    OpenSSL takes certificates with extensions that cannot be read here: then the demand is believed
    wherever there could be one.
    """
    try:
        with tolerating_old_certificates():
            extensions = x509.load_der_x509_certificate(certificate).extensions
        return x509.TLSFeatureType.status_request in extensions.get_extension_for_class(x509.TLSFeature).value
    except x509.ExtensionNotFound:
        return False
    except UNREADABLE:
        return _TLS_FEATURE in certificate


def load_status(source: bytes | bytearray | str | os.PathLike[str]) -> bytes:
    """Read what a server is to staple.

    Args:
        source: An OCSP response as DER, or the path of a file with it.

    Raises:
        SecureError: ``BadCertificate`` if it cannot be read, or is the refusal of a responder.
    """
    data, origin = read_source(source, "OCSP response")
    try:
        answer = ocsp.load_der_ocsp_response(data)
    except ValueError as error:
        raise unusable(f"{origin} is no OCSP response in DER, or a damaged one", error) from None
    if answer.response_status is not _Status.SUCCESSFUL:
        reason = answer.response_status.name.lower().replace("_", " ")
        raise unusable(f"{origin} is a refusal of the responder ({reason}); ask it again")
    return data


def require_status_of(certificate: x509.Certificate, response: bytes) -> None:
    """Refuse to staple the status of another certificate, which every client would reject.

    Raises:
        SecureError: ``BadCertificate``.
    """
    answer = ocsp.load_der_ocsp_response(response)
    if certificate.serial_number not in [each.serial_number for each in answer.responses]:
        raise SecureError(
            SecureError.Code.BadCertificate,
            "The OCSP response is about another certificate than the local one; remove it with "
            "setOcspResponse(None) before you change the certificate, and set that of the new one afterwards.",
        )


def _judge(
    answer: ocsp.OCSPResponse, leaf: x509.Certificate, others: Iterable[bytes], now: datetime
) -> IssueCode | None:
    issuer = _issuer_of(leaf, others)
    if issuer is None:
        return IssueCode.STATUS_UNTRUSTED_RESPONDER
    signers = [each for each in (issuer, *answer.certificates) if _is_named(each, answer)]
    authorized = [each for each in signers if each == issuer or _may_answer(each, issuer, now)]
    if not authorized:
        return IssueCode.STATUS_UNTRUSTED_RESPONDER
    if not any(_has_signed(each, answer) for each in authorized):
        return IssueCode.STATUS_FORGED
    if any(extension.critical for extension in (*answer.extensions, *answer.single_extensions)):
        return IssueCode.STATUS_UNREADABLE  # there is none that a client has to know
    if not _is_about(leaf, issuer, answer):
        return IssueCode.STATUS_OF_ANOTHER
    if answer.certificate_status is ocsp.OCSPCertStatus.REVOKED:
        return IssueCode.STATUS_REVOKED  # however old that is: it can be overridden least of all
    if answer.this_update_utc > now + _CLOCK_SKEW:
        return IssueCode.STATUS_FROM_FUTURE
    end = answer.next_update_utc or answer.this_update_utc + _WITHOUT_END
    if end < now - _CLOCK_SKEW:
        return IssueCode.STATUS_OUT_OF_DATE
    return None if answer.certificate_status is ocsp.OCSPCertStatus.GOOD else IssueCode.STATUS_UNKNOWN


def _issuer_of(leaf: x509.Certificate, others: Iterable[bytes]) -> x509.Certificate | None:
    """The certificate whose key has signed the leaf; a trusted self-signed one is its own issuer."""
    for other in others:
        try:
            candidate = x509.load_der_x509_certificate(other)
        except UNREADABLE:
            continue
        if _has_issued(candidate, leaf):
            return candidate
    return leaf if _has_issued(leaf, leaf) else None


def _has_issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, *UNREADABLE):
        return False
    return True


def _is_named(signer: x509.Certificate, answer: ocsp.OCSPResponse) -> bool:
    """Whether the response says that this one has signed it."""
    if answer.responder_name is not None:
        return signer.subject == answer.responder_name
    return x509.SubjectKeyIdentifier.from_public_key(signer.public_key()).digest == answer.responder_key_hash


def _may_answer(delegate: x509.Certificate, issuer: x509.Certificate, now: datetime) -> bool:
    """Whether the issuer itself has authorized somebody to answer for it (RFC 6960, section 4.2.2.2)."""
    try:
        usage = delegate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return (
        ExtendedKeyUsageOID.OCSP_SIGNING in usage
        and delegate.not_valid_before_utc <= now <= delegate.not_valid_after_utc
        and not isinstance(delegate.signature_hash_algorithm, _BROKEN_HASHES)
        and _has_issued(issuer, delegate)
    )


def _has_signed(signer: x509.Certificate, answer: ocsp.OCSPResponse) -> bool:
    algorithm: HashAlgorithm | None = answer.signature_hash_algorithm
    if isinstance(algorithm, _BROKEN_HASHES):
        return False
    key, signature, data = signer.public_key(), answer.signature, answer.tbs_response_bytes
    try:
        if isinstance(key, rsa.RSAPublicKey) and algorithm is not None and key.key_size >= _SMALLEST_RSA:
            key.verify(signature, data, PKCS1v15(), algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey) and algorithm is not None and key.key_size >= _SMALLEST_EC:
            key.verify(signature, data, ec.ECDSA(algorithm))
        elif isinstance(key, (ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)):
            key.verify(signature, data)
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _is_about(leaf: x509.Certificate, issuer: x509.Certificate, answer: ocsp.OCSPResponse) -> bool:
    builder = ocsp.OCSPRequestBuilder().add_certificate(leaf, issuer, answer.hash_algorithm)
    wanted = builder.build()
    return (wanted.serial_number, wanted.issuer_name_hash, wanted.issuer_key_hash) == (
        answer.serial_number,
        answer.issuer_name_hash,
        answer.issuer_key_hash,
    )
