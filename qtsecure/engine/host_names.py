"""Names of servers, checked and normalised before OpenSSL sees them (RFC 9525, RFC 5890).

``X509_VERIFY_PARAM_set1_host`` refuses some names with a return code that is easily lost, takes an
empty name for "no check", and lets a leading dot match every sub-domain. So whatever is not
certainly a complete host name or address is refused here.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from dataclasses import dataclass
from typing import Final

__all__ = ["HostName", "InvalidHostName", "normalize_host_name"]

_LONGEST_NAME: Final = 253
_LONGEST_LABEL: Final = 63
# Mapping can shorten an international name, but idna's work grows faster than its input.
_LONGEST_TEXT: Final = 4 * _LONGEST_NAME
_TOO_LONG: Final = f"The host name is longer than {_LONGEST_NAME} characters."
_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\Z")
_CONTROL_OR_SPACE: Final = re.compile(r"[\x00-\x20\x7f-\xa0]|\s")
# What inet_aton accepts as one number of an address: decimal, octal or hexadecimal.
_LEGACY_NUMBER: Final = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)\Z")


class InvalidHostName(ValueError):  # noqa: N818 - named like InvalidArgument and the other error codes
    """A text that cannot be the name of a server in a certificate."""


@dataclass(frozen=True, slots=True)
class HostName:
    """A checked server name.

    Attributes:
        ascii: The DNS name in lower case with A-labels and without trailing dot, or the address in
            its canonical text form without brackets and scope.
        ip: The address as 4 or 16 bytes in network order; empty for DNS names.
    """

    ascii: str
    ip: bytes

    @property
    def is_ip(self) -> bool:
        """Whether this is an address: it matches only iPAddress entries and is never sent as SNI."""
        return bool(self.ip)


@functools.lru_cache(maxsize=256)
def normalize_host_name(text: str) -> HostName:
    """Check a server name and bring it into the form that certificates are matched against.

    Args:
        text: A DNS name, also an international one, or an IP address; an IPv6 address may be in
            brackets and carry a scope (``%eth0``), which is dropped because certificates have none.

    Returns:
        The normalised name. IPv4-mapped IPv6 addresses stay IPv6.

    Raises:
        InvalidHostName: If it is not a complete name or address; the message says why.
        TypeError: If it is not a string.
    """
    if not isinstance(text, str):
        raise TypeError(f"text must be str, not {type(text).__name__}.")
    if not text:
        raise InvalidHostName("The host name is empty.")
    # Before everything else, so that no error message repeats a control character.
    if _CONTROL_OR_SPACE.search(text):
        raise InvalidHostName("The host name contains a space or a control character.")
    address = _parse_address(text)
    if address is not None:
        return address
    return HostName(_normalize_dns_name(text), b"")


def _parse_address(text: str) -> HostName | None:
    bracketed = text.startswith("[") and text.endswith("]")
    try:
        return _host_name_of(ipaddress.IPv6Address(text[1:-1]) if bracketed else ipaddress.ip_address(text))
    except ValueError:
        if text.startswith("["):
            raise InvalidHostName("The host name begins with a bracket, but is no IPv6 address.") from None
        return None


def _host_name_of(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> HostName:
    # str() of an IPv6 address contains the scope; a new object made of the bytes does not.
    return HostName(str(ipaddress.ip_address(address.packed)), address.packed)


def _normalize_dns_name(text: str) -> str:
    if len(text) > _LONGEST_TEXT:
        raise InvalidHostName(_TOO_LONG)
    if text.isascii():
        name = text.lower()
    else:
        import idna  # late: few names need it, and its tables take milliseconds to import

        try:
            name = idna.uts46_remap(text, std3_rules=False, transitional=False)
        except idna.IDNAError:
            raise InvalidHostName("The host name contains characters that international names must not have.") from None
    name = name.removesuffix(".")
    labels = [_normalize_label(label) for label in name.split(".")]
    name = ".".join(labels)
    if len(name) > _LONGEST_NAME:
        raise InvalidHostName(_TOO_LONG)
    # No top-level domain is a number, but inet_aton takes "127.1" and "0x7f.1" for addresses: one
    # text would be a name for the certificate and an address for the resolver.
    if _LEGACY_NUMBER.match(labels[-1]):
        raise InvalidHostName("The host name ends in a number, but is no IP address in the usual form.")
    # OpenSSL 4 refuses these in X509_VERIFY_PARAM_set1_host, although it takes "a.example".
    if len(name) == 1:
        raise InvalidHostName("The host name has only one letter; write it with its domain.")
    return name


def _normalize_label(label: str) -> str:
    if not label:
        raise InvalidHostName("The host name has an empty label: it begins with a dot or has two dots in a row.")
    if "*" in label:
        raise InvalidHostName("The host name contains a wildcard; only certificates may have one.")
    if not label.isascii() or label.startswith("xn--"):
        label = _normalize_international_label(label)
    if len(label) > _LONGEST_LABEL:
        raise InvalidHostName(f"The host name has a label of more than {_LONGEST_LABEL} characters.")
    if not _LABEL.match(label):
        raise InvalidHostName(
            "The host name has a label with other characters than letters, digits, hyphens and underscores, "
            "or with a hyphen at its beginning or end."
        )
    return label


def _normalize_international_label(label: str) -> str:
    import idna  # late: see _normalize_dns_name()

    try:
        if not label.isascii():
            return idna.alabel(label).decode("ascii")
        idna.ulabel(label)  # an A-label has to mean something
        return label
    except (idna.IDNAError, UnicodeError):
        raise InvalidHostName("The host name has a label that is no valid international name (IDNA 2008).") from None
