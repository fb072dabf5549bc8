"""``HOST[:PORT]`` as users write it (g_network_address_parse)."""

from __future__ import annotations

import re
import socket
from typing import Final

from qtsecure.errors import SecureError

__all__ = ["invalidArgument", "parseHostAndPort", "portNumber", "portOf", "splitHostAndPort"]

_DIGITS: Final = re.compile(r"[0-9]+\Z")
_SHOWN: Final = 200


def parseHostAndPort(text: str, defaultPort: int) -> tuple[str, int]:
    """The host and the port.

    Two colons or more make it a bare IPv6 address; brackets may surround any host. The port may be the name of a
    service of TCP.

    Raises:
        SecureError: ``InvalidArgument``, with what is wrong.
    """
    host, port = splitHostAndPort(text)
    if not host:
        raise invalidArgument(text, "it names no host; write HOST or HOST:PORT")
    return host, defaultPort if port is None else portOf(text, port)


def splitHostAndPort(text: str) -> tuple[str, str | None]:
    """The host without brackets, and what stands behind the colon; None when there is no colon.

    Raises:
        SecureError: ``InvalidArgument``, for brackets that do not fit.
    """
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket:
            raise invalidArgument(text, "its bracket is not closed")
        if rest and not rest.startswith(":"):
            raise invalidArgument(text, "after the bracket only :PORT may follow")
        return host, rest[1:] if rest else None
    if text.count(":") == 1:
        host, _, port = text.partition(":")
        return host, port
    return text, None


def portOf(text: str, port: str) -> int:
    """The number of a port that is written as a number or as a service of TCP.

    Raises:
        SecureError: ``InvalidArgument``.
    """
    if not port:
        raise invalidArgument(text, "its port is empty; leave out the colon or write a port")
    if _DIGITS.match(port):
        number = portNumber(port)
        if number > 65535:
            raise invalidArgument(text, "its port is larger than 65535")
        return number
    try:
        if port.isascii() and port[0].isalpha():
            return socket.getservbyname(port, "tcp")
    except (OSError, ValueError):
        pass  # no such service; ValueError is a NUL character
    raise invalidArgument(text, "its port is neither a number from 0 to 65535 nor the name of a known service")


def portNumber(digits: str) -> int:
    """The number, which may be no port; of very many digits only its size is kept."""
    return int(digits.lstrip("0")[:9] or "0")


def invalidArgument(text: str, reason: str) -> SecureError:
    """The error for a text that a user got wrong; the text is shown without control characters, and not endlessly."""
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
    return SecureError(SecureError.Code.InvalidArgument, f"{shown!r} cannot be connected to: {reason}.")
