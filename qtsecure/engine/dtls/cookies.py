"""Stateless cookies: a client proves that it receives what is sent to its address (RFC 6347 section 4.2.1)."""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import NoReturn

__all__ = ["Cookies"]

_LENGTH = 16
"""Bytes of a cookie, without the listener's mark. A shorter answer amplifies less; DTLS 1.0 allows 32."""
_LONGEST_KEY = hashlib.blake2b.MAX_KEY_SIZE


class Cookies:
    """Makes and checks cookies without remembering any client.

    A cookie is a keyed digest (BLAKE2b, RFC 7693) of the client's address, port and hello: as good as an
    HMAC, and made in a third of the time. A secret of our own is replaced regularly and its predecessor
    stays good for as long again; a secret from the program (shared with other processes, say) is used
    until the program brings the next one.

    Args:
        rotation: Seconds after which an own secret is replaced.
    """

    __slots__ = ("_current", "_made_at", "_own", "_previous", "_rotation")

    def __init__(self, rotation: float = 60.0) -> None:
        self._rotation = rotation
        self._current = self._previous = os.urandom(32)
        self._made_at: float | None = None
        self._own = True

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"  # and nothing of the secrets

    def __reduce__(self) -> NoReturn:
        raise TypeError("Cookies hold secrets and cannot be pickled or copied.")

    def set_secret(self, secret: bytes) -> None:
        """Use this secret from now on; cookies of the one before it stay good.

        Args:
            secret: At least 16 bytes that nobody can guess.

        Raises:
            ValueError: When it is shorter.
        """
        if len(secret) < 16:
            raise ValueError(f"secret must have at least 16 bytes, not {len(secret)}.")
        key = bytes(secret) if len(secret) <= _LONGEST_KEY else hashlib.blake2b(secret).digest()
        self._previous, self._current = self._current, key
        self._own = False

    def make(self, address: bytes, hello: bytes, now: float) -> bytes:
        """The cookie of a client.

        Args:
            address: Its address and port, in any unambiguous form.
            hello: What distinguishes its hello from others.
            now: The time in seconds.
        """
        if self._own:
            self._rotate(now)
        return _digest(self._current, address, hello)

    def check(self, cookie: bytes, address: bytes, hello: bytes, now: float) -> bool:
        """Whether this cookie was made for this client, with the current secret or the one before."""
        if len(cookie) != _LENGTH:
            return False
        if hmac.compare_digest(cookie, self.make(address, hello, now)):
            return True
        return hmac.compare_digest(cookie, _digest(self._previous, address, hello))

    def _rotate(self, now: float) -> None:
        if self._made_at is None:
            self._made_at = now
        age = now - self._made_at
        if age >= self._rotation:
            fresh = os.urandom(32)
            # After two periods without any hello the current secret has expired as well.
            expired = age >= 2 * self._rotation
            self._previous = fresh if expired else self._current
            self._current = fresh
            # Whenever the hello comes: else the secret before would live for a third period.
            self._made_at = now if expired else self._made_at + self._rotation


def _digest(key: bytes, address: bytes, hello: bytes) -> bytes:
    return hashlib.blake2b(address + b"\0" + hello, key=key, digest_size=_LENGTH).digest()
