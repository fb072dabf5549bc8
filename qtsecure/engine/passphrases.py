"""What opens an encrypted key: known beforehand, or asked for when it turns out to be needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias, cast

__all__ = ["Ask", "Passphrase", "passphrases"]

Ask: TypeAlias = Callable[[str], bytes | bytearray | str | None]
"""Asks somebody; the argument says what for, as a phrase. None is "give up"."""

Passphrase: TypeAlias = bytes | bytearray | str | Ask | None
"""The passphrase itself (text is encoded as UTF-8), or who asks for it."""

_ATTEMPTS: Final = 3


def passphrases(passphrase: Passphrase, description: str) -> Iterator[bytes]:
    """Yield what to try, one after the other; nothing if nobody knows any.

    Whoever is asked may mistype, and is asked again; what was given is tried once.

    Args:
        passphrase: What the caller has.
        description: What it is for, for example ``"the private key file 'server.key'"``.

    Raises:
        TypeError: ``passphrase``, or the answer, is of another type.
    """
    if not callable(passphrase):
        if passphrase is not None and not isinstance(passphrase, (bytes, bytearray, str)):
            raise TypeError(f"passphrase must be bytes, bytearray, str or None, not {type(passphrase).__name__}.")
        if passphrase:
            yield _octets(passphrase)
        return
    for attempt in range(_ATTEMPTS):
        answer = passphrase(f"{description} (the last passphrase was wrong)" if attempt else description)
        if answer is not None and not isinstance(answer, (bytes, bytearray, str)):
            raise TypeError(f"The answer to askPassword must be str, bytes or None, not {type(answer).__name__}.")
        if not answer:
            return
        yield _octets(answer)


def _octets(passphrase: bytes | bytearray | str) -> bytes:
    # cryptography takes any buffer: bytes(passphrase) would be one more copy that nobody can wipe.
    return passphrase.encode("utf-8") if isinstance(passphrase, str) else cast(bytes, passphrase)
