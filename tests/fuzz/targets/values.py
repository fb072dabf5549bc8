"""Values that come back as bytes: sessions, and Variants in datagrams."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from qtsecure.engine.configuration import TlsConfiguration
from qtsecure.engine.host_names import normalize_host_name
from qtsecure.engine.protocols import ProtocolVersion
from qtsecure.engine.sessions import Session, SessionScope, scope_of
from qtsecure.engine.tls_stream import TlsStream
from qtsecure.engine.trust import TrustAnchors
from qtsecure.errors import SecureError
from qtsecure.net.dtls_peer import DtlsPeer
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.values.tls_session import TlsSession
from qtsecure.net.variant_codec import MalformedVariantError, Variant, decodeVariant_untrusted, encodeVariant
from tests.fuzz import materials
from tests.fuzz.targets.target import Target

__all__ = ["VALUES"]


def _session(data: bytes) -> None:
    session = TlsSession.fromBytes(data)
    assert session.toBytes() == data
    assert "TlsSession" in repr(session)
    session.protocol()
    session.toEngine().is_still_valid()


@functools.cache
def _client() -> tuple[TlsConfiguration, SessionScope]:
    configuration = TlsConfiguration(trust=TrustAnchors.of(materials.authority()))
    return configuration, scope_of(configuration, normalize_host_name("localhost"), "localhost:443")


def _offerSession(data: bytes) -> None:
    """OpenSSL gets it, although it has come from elsewhere."""
    configuration, scope = _client()
    session = replace(Session.from_bytes(data), scope=scope)
    stream = TlsStream(configuration, server=False, peer_name="localhost", peer_place="localhost:443", session=session)
    stream.start()
    assert stream.raised is None
    assert stream.take_outgoing()[:1] == b"\x16"


def _setSession(data: bytes) -> None:
    """A socket refuses it at once: it was made with another configuration."""
    session = TlsSession.fromBytes(data)
    for end in (SslSocket(), DtlsPeer()):
        with pytest.raises(SecureError):
            end.setSession(session)


def _variant(data: bytes) -> None:
    value = decodeVariant_untrusted(data)
    again = encodeVariant(value, len(data))  # which is never longer than what it was read from
    assert _same(decodeVariant_untrusted(again), value)


def _same(one: Variant, other: Variant) -> bool:
    """Equal, and NaN equals NaN."""
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict):
        # NaN as a key is equal to nothing: the order tells which is which.
        return len(one) == len(other) and all(
            _same(key, otherKey) and _same(one[key], other[otherKey]) for key, otherKey in zip(one, other, strict=True)
        )
    return type(one) is type(other) and bool(one == other)


def _number(number: int) -> bytes:
    return bytes((2, 1, number)) if number < 0x80 else b"\2\2" + number.to_bytes(2, "big")


def _encodedSession(version: ProtocolVersion, ticket: bool) -> bytes:
    """What OpenSSL writes (ssl_asn1.c), as far as it has to be there."""
    content = b"".join(
        (
            _number(1),
            b"\2\2" + int(version).to_bytes(2, "big"),
            b"\4\2" + (b"\x13\1" if version is ProtocolVersion.TLS_1_3 else b"\xc0\x2b"),
            b"\4\x20" + bytes(range(32)),
            b"\4\x30" + bytes(48),
            b"\xa1\6\2\4\x69\0\0\0",
            b"\xa2\4\2\2\x1c\x20",
            b"\xa4\2\4\0",
            b"\xaa\x12\4\x10" + bytes(16) if ticket else b"",
        )
    )
    return b"\x30\x81" + bytes((len(content),)) + content


@functools.cache
def _sessions() -> Sequence[bytes]:
    scope = SessionScope("localhost", "localhost:443", bytes(32))
    chain = (materials.der(materials.certificate()), materials.der(materials.authority()))
    return tuple(
        Session(scope, version, bytes(range(32)), chain[:size], _encodedSession(version, ticket)).to_bytes()
        for version, ticket, size in (
            (ProtocolVersion.TLS_1_2, False, 1),
            (ProtocolVersion.TLS_1_3, True, 2),
            (ProtocolVersion.DTLS_1_2, True, 1),
        )
    )


def _variants() -> Sequence[bytes]:
    deep: Variant = []
    for _ in range(30):
        deep = [deep]
    values: list[Variant] = [
        None,
        True,
        -(1 << 100),
        math.nan,
        "text ä",
        b"bytes",
        [1, 2.5, "x", [None]],
        {"a": 1, b"b": {1: math.nan}, -1: [], 2.0: "", None: False},
        deep,
    ]
    return [encodeVariant(value, 65536) for value in values]


VALUES = (
    Target("session", _session, _sessions, (SecureError,), share=0.7, grows=(b"qtsecure session\x01\0\0\0\0",)),
    Target("session-offer", _offerSession, _sessions, (SecureError,), share=0.2),
    Target("set-session", _setSession, _sessions, (SecureError,), share=0.1),
    Target(
        "variant",
        _variant,
        _variants,
        (MalformedVariantError,),
        share=3,
        grows=(b"\1\7\x80\x80\x01", b"\1\7\1", b"\1\x08\xff\xff\x01"),
    ),
)
