"""Stateless cookies: a client proves that it receives what is sent to its address (RFC 6347 section 4.2.1)."""

from __future__ import annotations

import hmac
import os
from typing import NoReturn

__all__ = ["Cookies"]

_LENGTH = 20
"""Bytes of a cookie. A shorter answer amplifies less; DTLS 1.0 allows 32."""


class Cookies:
    """Makes and checks cookies without remembering any client.

    A cookie is an HMAC over the client's address, port and hello. A secret of our own is replaced
    regularly and its predecessor stays good for as long again; a secret from the program (shared
    with other processes, say) is used until the program brings the next one.

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
        self._previous, self._current = self._current, bytes(secret)
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
        return hmac.digest(self._current, address + b"\0" + hello, "sha256")[:_LENGTH]

    def check(self, cookie: bytes, address: bytes, hello: bytes, now: float) -> bool:
        """Whether this cookie was made for this client, with the current secret or the one before."""
        if len(cookie) != _LENGTH:
            return False
        if hmac.compare_digest(cookie, self.make(address, hello, now)):
            return True
        earlier = hmac.digest(self._previous, address + b"\0" + hello, "sha256")[:_LENGTH]
        return hmac.compare_digest(cookie, earlier)

    def _rotate(self, now: float) -> None:
        if self._made_at is None:
            self._made_at = now
        age = now - self._made_at
        if age >= self._rotation:
            fresh = os.urandom(32)
            # After two periods without any hello the current secret has expired as well.
            self._previous = self._current if age < 2 * self._rotation else fresh
            self._current = fresh
            self._made_at = now
