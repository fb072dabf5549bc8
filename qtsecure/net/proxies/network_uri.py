"""URIs that name a host (RFC 3986, section 3.2): of proxies, and of what is reached through them."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from qtsecure.errors import SecureError

__all__ = ["NetworkUri", "hostInUri", "schemeOf"]

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_AUTHORITY = re.compile(
    r"""(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://
    (?: (?P<user>[^@:/?#\[\]]*) (?: : (?P<password>[^@/?#\[\]]*) )? @ )?
    (?: \[ (?P<literal>[^\[\]@/?#]+) \] | (?P<host>[^:@/?#\[\]]*) )
    (?: : (?P<port>[0-9]*) )?
    (?: [/?#].* )? \Z""",
    re.VERBOSE | re.DOTALL,
)
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SPECIAL = re.compile(r"[%/?#@\[\]\\\x00-\x20\x7f]")
_BAD_IN_HOST = re.compile(r"[\x00-\x20\x7f/?#@\\\[\]]|\s")


@dataclass(frozen=True)
class NetworkUri:
    """The parts of a URI that name a host; its path, if any, means nothing here.

    Attributes:
        scheme: In lower case.
        host: A name or an address, decoded, without brackets; empty in ``direct://``.
        port: 0 when there is none.
        userName: Decoded; None when there is none, which differs from an empty one.
        password: Likewise. Neither of them is in the repr.
    """

    scheme: str
    host: str
    port: int = 0
    userName: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, text: str) -> NetworkUri:
        """Take a URI apart.

        Raises:
            SecureError: It is none, or names no host (``InvalidArgument``). The sentence never repeats
                the text, which may contain a password.
        """
        if (match := _AUTHORITY.match(text)) is None or _BAD_PERCENT.search(text):
            raise _invalid("it has to look like scheme://host:port, with special characters percent-encoded")
        port = int(match["port"] or 0) if len(match["port"] or "") <= 5 else 65536
        if port > 65535:
            raise _invalid("its port is greater than 65535")
        host = _decoded(match["literal"] or match["host"] or "") or ""
        if match["literal"] is not None and not _isIpv6(host):
            raise _invalid("what stands in brackets is no IPv6 address")
        if _BAD_IN_HOST.search(host):
            raise _invalid("its host contains a space, a control character or a delimiter")
        return cls(match["scheme"].lower(), host, port, _decoded(match["user"]), _decoded(match["password"]))


def hostInUri(host: str) -> str:
    """A host as it stands in a URI: an address in brackets, the percent sign of its scope escaped (RFC 6874)."""
    escaped = _SPECIAL.sub(lambda match: f"%{ord(match[0]):02X}", host)
    return f"[{escaped}]" if ":" in host else escaped


def schemeOf(text: str) -> str:
    """The scheme of any URI in lower case; empty when the text is no URI."""
    match = _SCHEME.match(text)
    return match[1].lower() if match is not None else ""


def _isIpv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _decoded(part: str | None) -> str | None:
    if part is None:
        return None
    try:
        return unquote_to_bytes(part).decode()
    except UnicodeError:  # also for a lone surrogate
        raise _invalid("its characters are not UTF-8") from None


def _invalid(why: str) -> SecureError:
    return SecureError(SecureError.Code.InvalidArgument, f"The URI is not valid: {why}.")
