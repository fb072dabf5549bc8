"""A pre-shared key with everything that belongs to it, kept where it can be overwritten."""

from __future__ import annotations

import enum

__all__ = ["MAX_IDENTITY_LENGTH", "MAX_KEY_LENGTH", "PreSharedKey", "PskHash"]

MAX_IDENTITY_LENGTH = 255
"""Bytes of an identity: what TLS 1.2 can carry through OpenSSL; TLS 1.3 keeps to the same."""

MAX_KEY_LENGTH = 512


class PskHash(enum.Enum):
    """The hash that a key belongs to in TLS 1.3 (RFC 8446, section 4.2.11); TLS 1.2 has none."""

    SHA256 = "SHA256"
    SHA384 = "SHA384"


class PreSharedKey:
    """The answer to the question for a key; whoever makes it need not keep a copy.

    The stream overwrites the key with zeros when the handshake is over. It can be neither printed
    nor pickled.

    Args:
        identity: What tells the other side which key it is.
        key: The key; a bytearray is taken over, not copied.
        hash_algorithm: The hash for TLS 1.3; both sides have to agree on it beforehand.

    Raises:
        TypeError: ``key`` is not bytes.
    """

    __slots__ = ("hash_algorithm", "identity", "key")

    def __init__(self, identity: bytes, key: bytes | bytearray, hash_algorithm: PskHash = PskHash.SHA256) -> None:
        self.key = bytearray()
        if not isinstance(key, (bytes, bytearray)):
            raise TypeError(f"key must be bytes, not {type(key).__name__}")  # a number would give so many zeros
        self.identity = identity
        self.key = key if isinstance(key, bytearray) else bytearray(key)
        self.hash_algorithm = hash_algorithm

    @property
    def usable(self) -> bool:
        """Whether the lengths are possible; OpenSSL itself would take a key without any byte."""
        return 0 < len(self.key) <= MAX_KEY_LENGTH and 0 < len(self.identity) <= MAX_IDENTITY_LENGTH

    def wipe(self) -> None:
        """Overwrite the key in place."""
        self.key[:] = bytes(len(self.key))

    def __del__(self) -> None:
        # A stream may be dropped in the middle of its handshake.
        self.wipe()

    def __repr__(self) -> str:
        return f"<PreSharedKey for {self.hash_algorithm.value}>"

    def __reduce_ex__(self, protocol: object) -> str:
        raise TypeError("PreSharedKey cannot be pickled or copied: it holds a secret")
