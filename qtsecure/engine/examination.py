"""The verdict about a chain that nobody is connected with, for example one in a file.

The binding has no function that verifies a chain and reports everything; the handshake does. So a
client is told the first two messages of a TLS 1.2 server, made by hand from the chain: that is all
that it needs for its verdict, and it needs no private key.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from qtsecure.engine.certificates import UNREADABLE, tolerating_old_certificates
from qtsecure.engine.configuration import TlsConfiguration
from qtsecure.engine.events import StreamFailed
from qtsecure.engine.pins import Pins
from qtsecure.engine.protocols import ProtocolVersion
from qtsecure.engine.tls_stream import TlsStream
from qtsecure.engine.verification import VerificationIssue
from qtsecure.errors import SecureError

__all__ = ["examine_chain"]

_HANDSHAKE_RECORD = 22
_SERVER_HELLO, _CERTIFICATE = 2, 11
_VERSION = b"\x03\x03"
_RSA_SUITE, _OTHER_SUITE = b"\xc0\x30", b"\xc0\x2c"
_SUITES = ("ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384")
_RENEGOTIATION_INFO = b"\xff\x01\x00\x01\x00"  # without it OpenSSL refuses the server (RFC 5746)
_LARGEST_RECORD = 16384


def examine_chain(
    configuration: TlsConfiguration, chain: tuple[x509.Certificate, ...], name: str
) -> tuple[VerificationIssue, ...]:
    """What a client finds wrong with a server's chain; nothing if it would accept it.

    Args:
        configuration: Of the client; pins and what has nothing to do with trust are not looked at.
        chain: What the server would send, its own certificate first.
        name: The name or address that it has to prove; not looked at with ``verify_host_name`` off.

    Raises:
        SecureError: ``BadCertificate`` if the chain cannot be sent, because it is empty, too large, or has a
            certificate that OpenSSL does not take.
    """
    if not chain:
        raise SecureError(SecureError.Code.BadCertificate, "The chain cannot be examined: it is empty.")
    client = _Client(
        dataclasses.replace(
            configuration,
            minimum_version=ProtocolVersion.TLS_1_2,
            maximum_version=ProtocolVersion.TLS_1_2,
            tls12_ciphers=_SUITES,
            pins=Pins(),
            ocsp_stapling=False,
            interrupt_on_error=False,  # everything is of interest
            psk_enabled=False,
        ),
        server=False,
        peer_name=name,
    )
    client.start()
    client.receive(b"".join(_records(_hello(chain[0]) + _certificates(chain))))
    failure = next((event for event in client.events if isinstance(event, StreamFailed)), None)
    if client.issues:
        return client.issues
    if failure is not None or not client.is_verified:
        why = failure.message if failure is not None else "it was not verified."
        raise SecureError(SecureError.Code.BadCertificate, f"The chain cannot be examined: {why}")
    return ()


class _Client(TlsStream):
    """Knows whether the verification has taken place: no news is no good news."""

    __slots__ = ()

    @property
    def is_verified(self) -> bool:
        return self._leaf_verified


def _hello(leaf: x509.Certificate) -> bytes:
    suite = _RSA_SUITE if _has_rsa_key(leaf) else _OTHER_SUITE
    extensions = len(_RENEGOTIATION_INFO).to_bytes(2, "big") + _RENEGOTIATION_INFO
    return _message(_SERVER_HELLO, _VERSION + bytes(32) + b"\0" + suite + b"\0" + extensions)


def _has_rsa_key(certificate: x509.Certificate) -> bool:
    try:
        return isinstance(certificate.public_key(), rsa.RSAPublicKey)
    except UNREADABLE:
        return False


def _certificates(chain: tuple[x509.Certificate, ...]) -> bytes:
    with tolerating_old_certificates():
        parts = [certificate.public_bytes(Encoding.DER) for certificate in chain]
    return _message(_CERTIFICATE, _vector(b"".join(map(_vector, parts))))


def _message(kind: int, body: bytes) -> bytes:
    return bytes((kind,)) + _vector(body)


def _vector(data: bytes) -> bytes:
    if len(data) >= 1 << 24:
        raise SecureError(SecureError.Code.BadCertificate, "The chain cannot be examined: it is larger than 16 MiB.")
    return len(data).to_bytes(3, "big") + data


def _records(messages: bytes) -> Iterator[bytes]:
    for start in range(0, len(messages), _LARGEST_RECORD):
        part = messages[start : start + _LARGEST_RECORD]
        yield bytes((_HANDSHAKE_RECORD,)) + _VERSION + len(part).to_bytes(2, "big") + part
