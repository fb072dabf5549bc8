"""Sessions of TLS 1.2 and 1.3 and of DTLS 1.2 as values that can be kept, stored and offered again.

A resumed handshake shows no certificate, and OpenSSL verifies nothing: it would resume the session
of one host with another, or one whose errors were ignored under a strict configuration. So a
session here carries everything that decided trust (its scope) and fits nothing else.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum
from typing import NoReturn

from OpenSSL import SSL

from qtsecure.engine import _openssl_sessions
from qtsecure.engine.certificates import Credentials
from qtsecure.engine.configuration import TlsConfiguration
from qtsecure.engine.host_names import HostName
from qtsecure.engine.protocols import ProtocolVersion
from qtsecure.engine.trust import TrustAnchors
from qtsecure.errors import SecureError

__all__ = ["Session", "SessionScope", "scope_of"]

_MAGIC = b"qtsecure session\x01"
_OTHER_CONFIGURATION = "it was made with another configuration, which has to be set before it"
_LARGEST = 1 << 20
_VERSIONS = (ProtocolVersion.TLS_1_2, ProtocolVersion.TLS_1_3, ProtocolVersion.DTLS_1_2)


@dataclass(frozen=True, slots=True)
class SessionScope:
    """What a session is good for, and nothing else.

    Attributes:
        name: What the certificate has proved: a DNS name or an address.
        place: Where that was, for example ``"host:443"``, as the front end calls it.
        configuration: The fingerprint of the whole configuration: versions, verify mode and depth,
            authorities, own certificate, application protocols and so on.
    """

    name: str
    place: str
    configuration: bytes


def scope_of(configuration: TlsConfiguration, host: HostName, place: str) -> SessionScope:
    """The scope of the sessions of a client's connection."""
    return SessionScope(host.ascii, place, _fingerprint(configuration))


@dataclass(frozen=True, slots=True)
class Session:
    """A session that a client can resume: immutable, usable from any thread, not picklable.

    It contains secrets. Whoever reads it can decrypt the connection that it came from, in TLS 1.2,
    and whoever can change it can pretend to be the server.

    Attributes:
        scope: What it fits.
        version: The protocol version.
        identifier: Tells one session, or ticket, from another.
        chain: The server's certificates as DER, its own first, as they were sent.
        encoded: The secrets, in OpenSSL's encoding.
    """

    scope: SessionScope
    version: ProtocolVersion
    identifier: bytes = field(repr=False)
    chain: tuple[bytes, ...] = field(repr=False)
    encoded: bytes = field(repr=False)

    @classmethod
    def of(cls, connection: SSL.Connection, scope: SessionScope, chain: tuple[bytes, ...]) -> Session | None:
        """The present session of a client's connection; None as long as it cannot be resumed."""
        if not _openssl_sessions.sessions_supported:
            return None
        encoded = _openssl_sessions.encoded_session(connection)
        if not encoded or not chain:
            return None
        version, identifier = _describe_untrusted(encoded)
        if version not in _VERSIONS or not identifier:
            return None
        return cls(scope, ProtocolVersion(version), identifier, chain, encoded)

    def offer_on(self, connection: SSL.Connection) -> None:
        """Let a client's connection that has not begun yet offer this session.

        Raises:
            SecureError: OpenSSL cannot use it.
        """
        if not _openssl_sessions.sessions_supported:
            raise SecureError(
                SecureError.Code.NotSupported,
                "This build of the 'cryptography' package cannot resume sessions; install a newer one.",
            )
        if not _openssl_sessions.offer_session(connection, self.encoded):
            raise SecureError(
                SecureError.Code.InvalidArgument, "The TLS session is damaged; connect without it for a new one."
            )

    def require(self, scope: SessionScope) -> None:
        """Refuse to serve for anything else than it was made for.

        Raises:
            SecureError: ``InvalidArgument``; the message tells what differs.
        """
        own = self.scope
        if own.name != scope.name:
            raise _misplaced(f"it belongs to {own.name!r}, not to {scope.name!r}")
        if own.place != scope.place:
            raise _misplaced(f"it was made at {own.place!r}, not at {scope.place!r}")
        if own.configuration != scope.configuration:
            raise _misplaced(_OTHER_CONFIGURATION)

    def require_configuration(self, configuration: TlsConfiguration) -> None:
        """The same while the peer is not known yet.

        Raises:
            SecureError: ``InvalidArgument``: it was made with another configuration.
        """
        if self.scope.configuration != _fingerprint(configuration):
            raise _misplaced(_OTHER_CONFIGURATION)

    def is_still_valid(self) -> bool:
        """Whether the dates of the server's certificate are good; worth asking before it is offered."""
        return not _openssl_sessions.leaf_problem(self.chain[0], None)

    def to_bytes(self) -> bytes:
        """Everything, for :meth:`from_bytes`; as secret as a private key."""
        scope = self.scope
        head = (scope.name.encode(), scope.place.encode(), scope.configuration, self.encoded)
        return _MAGIC + b"".join(len(part).to_bytes(4, "big") + part for part in (*head, *self.chain))

    @classmethod
    def from_bytes(cls, data: bytes) -> Session:
        """The session of which :meth:`to_bytes` has told.

        Raises:
            SecureError: ``InvalidArgument`` if it is none.
        """
        return _parse_untrusted(data)

    def __copy__(self) -> Session:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Session:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("A TLS session contains secrets and cannot be pickled; store to_bytes() in a safe place.")


@functools.lru_cache(maxsize=64)
def _fingerprint(configuration: TlsConfiguration) -> bytes:
    """A hash of all fields, so that none can be forgotten when there are more."""
    return hashlib.sha256(_canonical(configuration)).digest()


def _canonical(value: object) -> bytes:
    if isinstance(value, Credentials):
        value = value.encoded_chain
    elif isinstance(value, TrustAnchors):
        value = value.fingerprints
    if isinstance(value, bytes):
        return _tagged(b"b", value)
    if isinstance(value, str):
        return _tagged(b"s", value.encode())
    if isinstance(value, Enum):
        return _tagged(b"e", value.name.encode())
    if value is None or isinstance(value, int):
        return _tagged(b"i", str(value).encode())
    if isinstance(value, tuple):
        return _tagged(b"t", *map(_canonical, value))
    if isinstance(value, frozenset):
        return _tagged(b"f", *sorted(map(_canonical, value)))
    if is_dataclass(value):
        named = ((each.name, getattr(value, each.name)) for each in fields(value) if each.compare)
        return _tagged(b"d", *map(_canonical, named))
    raise TypeError(f"A configuration with a {type(value).__name__} has no fingerprint yet.")


def _tagged(kind: bytes, *parts: bytes) -> bytes:
    return kind + str(len(parts)).encode() + b"".join(b":%d:%b" % (len(part), part) for part in parts)


def _parse_untrusted(data: bytes) -> Session:
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TypeError(f"data must be bytes, not {type(data).__name__}.")
    if not len(_MAGIC) < len(data) <= _LARGEST or bytes(data[: len(_MAGIC)]) != _MAGIC:
        raise _damaged()
    parts = list(_split_untrusted(bytes(data[len(_MAGIC) :])))
    if len(parts) < 5:
        raise _damaged()
    name, place, configuration, encoded, *chain = parts
    try:
        scope = SessionScope(name.decode(), place.decode(), configuration)
    except UnicodeDecodeError:
        raise _damaged() from None
    version, identifier = _describe_untrusted(encoded)
    if version not in _VERSIONS or not identifier:
        raise _damaged()
    if len(configuration) != hashlib.sha256().digest_size or not _is_session(encoded):
        raise _damaged()
    return Session(scope, ProtocolVersion(version), identifier, tuple(chain), encoded)


def _is_session(encoded: bytes) -> bool:
    return _openssl_sessions.sessions_supported and _openssl_sessions.is_session(encoded)


def _split_untrusted(data: bytes) -> Iterable[bytes]:
    position = 0
    while position < len(data):
        end = position + 4 + int.from_bytes(data[position : position + 4], "big")
        if end > len(data) or end < position + 4:
            raise _damaged()
        yield data[position + 4 : end]
        position = end


def _describe_untrusted(encoded: bytes) -> tuple[int, bytes]:
    """The version and the identifier in OpenSSL's encoding of a session.

    It is a DER sequence: the number of the format, the version, the cipher suite, the identifier
    and more. The identifier of a ticket is its hash; without a ticket it is empty in TLS 1.3.
    """
    content, rest = _der_untrusted(encoded, 0x30)
    if rest:
        raise _damaged()
    _, content = _der_untrusted(content, 0x02)
    version, content = _der_untrusted(content, 0x02)
    _, content = _der_untrusted(content, 0x04)
    identifier, _ = _der_untrusted(content, 0x04)
    return int.from_bytes(version, "big"), identifier


def _der_untrusted(data: bytes, tag: int) -> tuple[bytes, bytes]:
    """The content of the first element, which must have this tag, and what follows it."""
    if len(data) < 2 or data[0] != tag:
        raise _damaged()
    length, start = data[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(data[2:start], "big")
    if start > 6 or start + length > len(data):
        raise _damaged()
    return data[start : start + length], data[start + length :]


def _misplaced(what: str) -> SecureError:
    return SecureError(
        SecureError.Code.InvalidArgument, f"The TLS session cannot be used here: {what}; connect without it."
    )


def _damaged() -> SecureError:
    return SecureError(
        SecureError.Code.InvalidArgument, "The data is no TLS session, or a damaged one; connect without it."
    )
