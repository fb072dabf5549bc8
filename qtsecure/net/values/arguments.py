"""Checks of setters' arguments; what passes them is what the engine takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from PySide6.QtCore import QByteArray
from PySide6.QtNetwork import QSslCipher

from qtsecure.engine.supported import (
    is_group_supported,
    is_srtp_profile_supported,
    supported_cipher_names,
    supported_group_names,
)
from qtsecure.net.values.ssl_cipher import SslCipher

__all__ = [
    "applicationProtocolsFrom",
    "cipherNamesFrom",
    "groupNamesFrom",
    "identityHintFrom",
    "items",
    "octets",
    "srtpProfilesFrom",
]

_Item = TypeVar("_Item")
_MAXIMUM_HINT_LENGTH = 255
_MAXIMUM_ALPN_LENGTH = 65535


def octets(value: bytes | bytearray | memoryview | QByteArray | str, argument: str) -> bytes:
    """Return ``value`` as bytes; text becomes UTF-8.

    Raises:
        TypeError: ``value`` is of another type; the message names ``argument``.
    """
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, QByteArray):
        return bytes(value.data())
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    raise TypeError(f"{argument} must be bytes or text, not {type(value).__name__}")


def items(given: Iterable[_Item], argument: str) -> Iterable[_Item]:
    """Return ``given`` as it is, if it has items.

    Raises:
        TypeError: It has none; the message names ``argument``.
    """
    if not isinstance(given, Iterable):
        raise TypeError(f"{argument} must be a list, not {type(given).__name__}")
    return given


def cipherNamesFrom(ciphers: str | Iterable[SslCipher | QSslCipher | str]) -> tuple[str, ...]:
    """Return OpenSSL's names of cipher suites, each once.

    Raises:
        TypeError: ``ciphers`` is of another type.
        ValueError: A suite is not known or protects nothing.
    """
    parts = [part for part in ciphers.split(":") if part] if isinstance(ciphers, str) else items(ciphers, "ciphers")
    names: dict[str, None] = {}
    for part in parts:
        name = part.name() if isinstance(part, (SslCipher, QSslCipher)) else part
        if not isinstance(name, str):
            raise TypeError(f"ciphers must contain cipher suites or their names, not {type(name).__name__}")
        if name not in supported_cipher_names():
            raise ValueError(f"ciphers contains {name!r}, which is not a supported cipher suite")
        names[name] = None
    return tuple(names)


def groupNamesFrom(groups: Iterable[str], argument: str = "groups") -> tuple[str, ...]:
    """Return the names of key-exchange groups, each once.

    Raises:
        TypeError: ``argument`` is not a list of strings.
        ValueError: The engine does not know a group; the message names those that it knows.
    """
    try:
        return _namesFrom(groups, argument, "a key-exchange group", is_group_supported)
    except ValueError as error:
        raise ValueError(f"{error}; it knows {', '.join(supported_group_names())}") from None


def srtpProfilesFrom(profiles: Iterable[str]) -> tuple[str, ...]:
    """Return the names of SRTP protection profiles, each once.

    Raises:
        TypeError: ``profiles`` is not a list of strings.
        ValueError: The engine does not know a profile.
    """
    return _namesFrom(profiles, "profiles", "an SRTP profile", is_srtp_profile_supported)


def _namesFrom(given: Iterable[str], argument: str, what: str, isKnown: Callable[[str], bool]) -> tuple[str, ...]:
    if isinstance(given, str):
        raise TypeError(f"{argument} must be a list of names, not one string")
    names = tuple(dict.fromkeys(items(given, argument)))
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"{argument} must contain names, not {type(name).__name__}")
        if not isKnown(name):
            raise ValueError(f"{argument} contains {name!r}, which is not {what} of the engine")
    return names


def applicationProtocolsFrom(protocols: Iterable[bytes | bytearray | QByteArray | str]) -> tuple[bytes, ...]:
    """Return names of application protocols (RFC 7301), each once.

    Raises:
        TypeError: ``protocols`` is not a list of bytes or strings.
        ValueError: A name is empty or longer than 255 bytes, or all are longer than 65535.
    """
    if isinstance(protocols, (bytes, bytearray, QByteArray, str)) or not isinstance(protocols, Iterable):
        raise TypeError(f"protocols must be a list of names, not one {type(protocols).__name__}")
    names = tuple(dict.fromkeys(octets(name, "protocols") for name in protocols))
    for name in names:
        if not 1 <= len(name) <= 255:
            raise ValueError(f"protocols contains a name of {len(name)} bytes; 1 to 255 are allowed")
    if sum(len(name) + 1 for name in names) > _MAXIMUM_ALPN_LENGTH:
        raise ValueError("protocols is too long to be sent; all names together have at most 65535 bytes")
    return names


def identityHintFrom(hint: bytes | bytearray | QByteArray | str) -> bytes:
    """Return the hint for a pre-shared key (RFC 4279) as bytes.

    Raises:
        TypeError: ``hint`` is neither bytes nor a string.
        ValueError: ``hint`` is longer than 255 bytes or contains a NUL.
    """
    value = octets(hint, "hint")
    # OpenSSL takes the hint as a C string and would silently send the part before the NUL.
    if len(value) > _MAXIMUM_HINT_LENGTH or 0 in value:
        raise ValueError("hint must have at most 255 bytes and no NUL")
    return value
