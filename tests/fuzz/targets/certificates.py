"""Certificates, and what is said about them: DER that a peer may have sent."""

from __future__ import annotations

import contextlib
import functools
import hashlib
from collections.abc import Sequence
from datetime import datetime, timezone

from cryptography.hazmat.primitives.serialization import Encoding
from PySide6.QtCore import QByteArray
from PySide6.QtNetwork import QSsl

from qtsecure.engine.certificate_names import describe_names_untrusted
from qtsecure.engine.channel_bindings import ChannelBindingError, _digest_name
from qtsecure.engine.distinguished_names import name_attributes_untrusted
from qtsecure.engine.ocsp import demands_status_untrusted, judge_status_untrusted
from qtsecure.engine.pins import Pins, key_pin_untrusted
from qtsecure.engine.verification import IssueCode
from qtsecure.net.questions.choice_requests import readableNames_untrusted
from qtsecure.net.values import SslCertificate
from qtsecure.net.values.certificate_encoding import parseCertificate_untrusted, splitCertificates_untrusted
from qtsecure.net.values.ocsp_response import OcspResponse
from tests.fuzz import materials
from tests.fuzz.targets.target import Target, frozen

__all__ = ["CERTIFICATES"]

_NOW = datetime(2030, 1, 1, tzinfo=timezone.utc)


def _parse(data: bytes) -> None:
    certificate = parseCertificate_untrusted(data)
    assert certificate.public_bytes(Encoding.DER) == data


def _engine(data: bytes) -> object:
    text = describe_names_untrusted(data)
    assert text.isascii()
    assert len(text) < 400
    pin = key_pin_untrusted(data)
    assert len(pin) in (0, 32)
    assert not Pins(keys=frozenset({b"another"})).match_untrusted(data)
    assert isinstance(demands_status_untrusted(data), bool)
    digest = ""
    with contextlib.suppress(ChannelBindingError):
        digest = hashlib.new(_digest_name(data)).name
    return text[:20], bool(pin), digest


def _value(data: bytes) -> None:
    parts = splitCertificates_untrusted(data)
    assert sum(map(len, parts)) <= len(data)
    assert b"-----BEGIN" in data or all(part in data for part in parts)
    for certificate in SslCertificate.fromData(data):
        _useCertificate(certificate)


def _useCertificate(certificate: SslCertificate) -> None:
    """Everything that a program or a dialog asks."""
    assert not certificate.isNull()
    assert SslCertificate.fromData(certificate.toPem()) == [certificate]
    for name in (*certificate.subjectInfoAttributes(), *certificate.issuerInfoAttributes()):
        certificate.subjectInfo(name)
        certificate.issuerInfo(name)
    for values in certificate.subjectAlternativeNames().values():
        assert all(isinstance(value, str) for value in values)
    assert isinstance(certificate.subjectAlternativeNames().get(QSsl.AlternativeNameEntryType.DnsEntry, []), list)
    for ask in (
        certificate.version,
        certificate.serialNumber,
        certificate.fingerprint,
        certificate.subjectDisplayName,
        certificate.issuerDisplayName,
        certificate.effectiveDate,
        certificate.expiryDate,
        certificate.publicKeyText,
        certificate.publicKeyPin,
        certificate.isSelfSigned,
        certificate.toText,
        certificate.__repr__,
        certificate.__hash__,
    ):
        ask()
    # What is shown can be shown: Qt takes no lone surrogates.
    certificate.toText().encode()


def _status(data: bytes) -> object:
    leaf, others = materials.der(materials.certificate()), [materials.der(materials.authority())]
    verdict = judge_status_untrusted(data, leaf, others, _NOW)
    # The responder of the corpus has never been authorized, so that nothing is believed.
    assert isinstance(verdict, IssueCode)
    response = OcspResponse(data)
    for ask in (
        response.certificateStatus,
        response.revocationReason,
        response.serialNumber,
        response.thisUpdate,
        response.nextUpdate,
        response.__repr__,
    ):
        ask()
    assert response.toDer() == QByteArray(data)
    return verdict, response.certificateStatus(), response.revocationReason()


def _names(data: bytes) -> object:
    attributes = name_attributes_untrusted(data)
    for key, value in attributes:
        key.encode()
        value.encode()
    (text,) = readableNames_untrusted((data,))
    assert text.isprintable()
    text.encode()
    return [key for key, _ in attributes]


@functools.cache
def _certificates() -> Sequence[bytes]:
    all_ = (materials.authority(), materials.certificate(), materials.exoticCertificate())
    return tuple(map(materials.der, all_))


@functools.cache
def _distinguishedNames() -> Sequence[bytes]:
    return (
        materials.certificate().subject.public_bytes(),
        materials.exoticCertificate().subject.public_bytes(),
        b"\x30\0",
        bytes.fromhex("300e310c300a06035504031e0300 41d8".replace(" ", "")),  # a BMPString with half a surrogate
        bytes.fromhex("300d310b3009060355040a14020a1b"),  # a TeletexString with control characters
    )


CERTIFICATES = (
    Target("certificate-der", _parse, _certificates, (ValueError,), der=True),
    Target("certificate-facts", _engine, _certificates, der=True, share=0.7, grows=(b"\x30\x82\x01\x01",)),
    Target(
        "certificate-value",
        _value,
        lambda: (*_certificates(), b"".join(_certificates()), materials.pem(materials.certificate())),
        words=(b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----", b"-----BEGIN TRUSTED CERTIFICATE-----"),
        der=True,
        share=0.4,
        grows=(
            b"-----BEGIN CERTIFICATE-----",
            b"-----BEGIN CERTIFICATE-----\n-----END X509 CERTIFICATE-----\n",
            b"\x30\x81\x02\0\0",
        ),
    ),
    Target("status", _status, lambda: (frozen("status/seed-good"), frozen("status/seed-revoked")), der=True, share=0.7),
    Target("distinguished-name", _names, _distinguishedNames, der=True),
)
