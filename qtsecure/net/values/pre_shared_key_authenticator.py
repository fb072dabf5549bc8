"""The question for a pre-shared key (RFC 4279) and its answer."""

from __future__ import annotations

from typing import NoReturn

from PySide6.QtCore import QByteArray, QCryptographicHash

from qtsecure.engine.psk import MAX_IDENTITY_LENGTH, MAX_KEY_LENGTH, PreSharedKey, PskHash
from qtsecure.errors import SecureError
from qtsecure.net.values.arguments import octets

__all__ = ["PreSharedKeyAuthenticator"]

_HASHES = {
    QCryptographicHash.Algorithm.Sha256: PskHash.SHA256,
    QCryptographicHash.Algorithm.Sha384: PskHash.SHA384,
}


class PreSharedKeyAuthenticator:
    """What ``preSharedKeyAuthenticationRequired`` hands to its slots, which set the key on it.

    Methods follow ``QSslPreSharedKeyAuthenticator``, but values that do not fit are refused
    instead of cut off. The object is valid only during the signal: afterwards the key is wiped and
    setters raise. It can be neither copied nor pickled, so that no copy of the key stays behind.
    Use it in the thread of the socket only.

    Args:
        identityHint: The server's hint; on a server its own one.
        identity: On a server: the identity that the client has sent.
        maximumIdentityLength: Bytes that :meth:`setIdentity` takes, 0 on a server.
        maximumPreSharedKeyLength: Bytes that :meth:`setPreSharedKey` takes.
        binaryIdentity: Whether :meth:`setIdentity` takes NUL bytes, which only TLS 1.3 can send.
    """

    __slots__ = (
        "_binaryIdentity",
        "_hash",
        "_identity",
        "_identityHint",
        "_key",
        "_maximumIdentityLength",
        "_maximumKeyLength",
        "_valid",
    )

    def __init__(
        self,
        *,
        identityHint: bytes = b"",
        identity: bytes = b"",
        maximumIdentityLength: int = MAX_IDENTITY_LENGTH,
        maximumPreSharedKeyLength: int = MAX_KEY_LENGTH,
        binaryIdentity: bool = False,
    ) -> None:
        self._binaryIdentity = binaryIdentity
        self._hash = QCryptographicHash.Algorithm.Sha256
        self._identityHint = bytes(identityHint)
        self._identity = bytes(identity)
        self._maximumIdentityLength = maximumIdentityLength
        self._maximumKeyLength = maximumPreSharedKeyLength
        self._key = bytearray()
        self._valid = True

    @classmethod
    def forClient(cls, identityHint: bytes = b"", *, binaryIdentity: bool = False) -> PreSharedKeyAuthenticator:
        """Return the question that a client asks: which identity and key for this hint?"""
        return cls(identityHint=identityHint, binaryIdentity=binaryIdentity)

    @classmethod
    def forServer(cls, identityHint: bytes, identity: bytes) -> PreSharedKeyAuthenticator:
        """Return the question that a server asks: which key belongs to this identity?"""
        return cls(identityHint=identityHint, identity=identity, maximumIdentityLength=0)

    def identityHint(self) -> QByteArray:
        """Return the hint about which identity to use; empty without one."""
        return QByteArray(self._identityHint)

    def identity(self) -> QByteArray:
        """Return the identity: on a client the one set here, on a server the client's."""
        return QByteArray(self._identity)

    def maximumIdentityLength(self) -> int:
        """Return how many bytes the identity may have; 0 on a server, which cannot choose it."""
        return self._maximumIdentityLength

    def setIdentity(self, identity: bytes | bytearray | QByteArray | str) -> None:
        """Set the identity that the client sends; a string is sent as UTF-8.

        In TLS 1.3 it may contain any bytes; if the server then chooses TLS 1.2, a handshake with a
        NUL in the identity fails.

        Raises:
            TypeError: ``identity`` is neither bytes nor a string.
            ValueError: ``identity`` is too long, or contains a NUL and the connection can only be
                TLS 1.2, or this is a server.
            SecureError: The handshake that asked is over.
        """
        self._requireValid()
        value = octets(identity, "identity")
        if self._maximumIdentityLength == 0:
            raise ValueError("identity cannot be set on a server: it is the client that chooses it")
        if len(value) > self._maximumIdentityLength:
            raise ValueError(f"identity has {len(value)} bytes; at most {self._maximumIdentityLength} can be sent")
        # OpenSSL takes the identity as a C string and would silently send the part before the NUL.
        if 0 in value and not self._binaryIdentity:
            raise ValueError("identity must not contain a NUL byte: only TLS 1.3 can send one")
        self._identity = value

    def preSharedKey(self) -> QByteArray:
        """Return a copy of the key; empty while none is set. The copy is not wiped."""
        return QByteArray(bytes(self._key))

    def maximumPreSharedKeyLength(self) -> int:
        """Return how many bytes the key may have."""
        return self._maximumKeyLength

    def setPreSharedKey(self, key: bytes | bytearray | QByteArray) -> None:
        """Set the key that both sides share.

        It is copied, and the copy is overwritten with zeros after use. To leave no other copy in
        memory, keep your own in a bytearray and overwrite that as well: bytes cannot be.

        Raises:
            TypeError: ``key`` is not bytes.
            ValueError: ``key`` is empty or too long.
            SecureError: The handshake that asked is over.
        """
        self._requireValid()
        if isinstance(key, str):
            raise TypeError("key must be bytes, not str: a key is no text")
        # Without a detour through bytes, which cannot be overwritten.
        value = bytearray(key if isinstance(key, (bytearray, memoryview)) else octets(key, "key"))
        if not value:
            raise ValueError("key must not be empty; to refuse the peer, set no key at all")
        if len(value) > self._maximumKeyLength:
            raise ValueError(f"key has {len(value)} bytes; at most {self._maximumKeyLength} can be used")
        self._zero()
        self._key = value

    def hashAlgorithm(self) -> QCryptographicHash.Algorithm:
        """Return the hash that the key belongs to in TLS 1.3; SHA-256 by default."""
        return self._hash

    def setHashAlgorithm(self, algorithm: QCryptographicHash.Algorithm) -> None:
        """Set the hash that the key belongs to in TLS 1.3 (RFC 8446, section 4.2.11).

        Both sides have to agree on it beforehand. A key for SHA-384 works with
        ``TLS_AES_256_GCM_SHA384`` only; a client offers nothing else then. TLS 1.2 ignores it.

        Args:
            algorithm: ``Sha256``, the default, or ``Sha384``.

        Raises:
            TypeError: ``algorithm`` is of another type.
            ValueError: ``algorithm`` is another hash.
            SecureError: The handshake that asked is over.
        """
        self._requireValid()
        if not isinstance(algorithm, QCryptographicHash.Algorithm):
            raise TypeError(f"algorithm must be a QCryptographicHash.Algorithm, not {type(algorithm).__name__}")
        if algorithm not in _HASHES:
            raise ValueError(f"algorithm {algorithm.name} is no hash of TLS 1.3 suites; use Sha256 or Sha384")
        self._hash = algorithm

    def takeKey(self) -> PreSharedKey | None:
        """Hand the answer over to whoever asked, who overwrites the key after use; None without a key."""
        if not self._key:
            return None
        key, self._key = self._key, bytearray()
        return PreSharedKey(self._identity, key, _HASHES[self._hash])

    def isValid(self) -> bool:
        """Whether the handshake still waits for the answer."""
        return self._valid

    def wipe(self) -> None:
        """Overwrite the key with zeros and end the object's life; harmless when repeated."""
        self._zero()
        self._key = bytearray()
        self._valid = False

    def _zero(self) -> None:
        # Assigning a slice of the same length overwrites the memory instead of replacing it.
        self._key[:] = bytes(len(self._key))

    def _requireValid(self) -> None:
        if not self._valid:
            raise SecureError(
                SecureError.Code.Closed,
                "The handshake no longer waits for a pre-shared key; set identity and key inside the slot "
                "connected to preSharedKeyAuthenticationRequired.",
            )

    def __repr__(self) -> str:
        state = "wiped" if not self._valid else "key set" if self._key else "no key"
        return f"<PreSharedKeyAuthenticator {state}>"

    def __copy__(self) -> NoReturn:
        raise TypeError("PreSharedKeyAuthenticator cannot be copied: it holds a secret")

    def __deepcopy__(self, memo: object) -> NoReturn:
        raise TypeError("PreSharedKeyAuthenticator cannot be copied: it holds a secret")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("PreSharedKeyAuthenticator cannot be pickled: it holds a secret")
