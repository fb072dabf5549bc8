"""The network part of a URI: scheme, host and port (RFC 3986; g_network_address_parse_uri)."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from qtsecure.net.socket_client.host_and_port import invalidArgument, portNumber, splitHostAndPort

__all__ = ["UriParts", "parseUri"]

_AUTHORITY: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)")
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
_NOT_PRINTABLE: Final = re.compile(r"[\x00-\x20\x7f]")


class UriParts(NamedTuple):
    """What a connection needs of a URI."""

    scheme: str
    """As it was typed."""
    host: str
    """Decoded, and without brackets."""
    port: int


def parseUri(uri: str, defaultPort: int) -> UriParts:
    """The parts; user information, path, query and fragment are ignored, and the scheme implies nothing.

    A missing port, an empty one and port 0 stand for the default.

    Raises:
        SecureError: ``InvalidArgument``, with what is wrong. The message never shows user information.
    """
    found = _AUTHORITY.match(uri)
    if found is None:
        raise invalidArgument(_harmless(uri), "a URI such as https://example.org is needed, with a scheme and a host")
    scheme, authority = found.groups()
    userInformation, _, place = authority.rpartition("@")
    shown = f"{scheme}://{place}"
    if _BAD_ESCAPE.search(userInformation):
        raise invalidArgument(shown, "in its user information a % is not followed by two hexadecimal digits")
    host, port = splitHostAndPort(place)
    if not place.startswith("[") and ":" in host:
        raise invalidArgument(shown, "an IPv6 address goes into brackets: https://[::1]:443")
    if _BAD_ESCAPE.search(host):
        raise invalidArgument(
            shown, "in its host a % is not followed by two hexadecimal digits; a scope is written %25eth0"
        )
    try:
        decoded = _ESCAPE.sub(lambda match: bytes.fromhex(match[1].decode()), host.encode()).decode()
    except UnicodeError:
        raise invalidArgument(shown, "the escaped characters of its host are no UTF-8") from None
    if not decoded:
        raise invalidArgument(shown, "it names no host")
    if _NOT_PRINTABLE.search(decoded):
        raise invalidArgument(shown, "its host contains a space or a control character")
    if port and not (port.isascii() and port.isdigit()):
        raise invalidArgument(shown, "its port is no number")
    number = portNumber(port) if port else 0
    if number > 65535:
        raise invalidArgument(shown, "its port is larger than 65535")
    return UriParts(scheme, decoded, number or defaultPort)


def _harmless(uri: str) -> str:
    """Without anything that might be a password."""
    return uri.rpartition("@")[2]
