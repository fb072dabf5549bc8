"""Hosts that are reached directly: the patterns of Gio.SimpleProxyResolver's ignore-hosts."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable

from qtsecure.engine.host_names import InvalidHostName, normalize_host_name

__all__ = ["IgnoredHosts"]

_Matches = Callable[[str, int], bool]
_NETWORK = re.compile(r"[0-9A-Fa-f.:]+/[0-9]+\Z")
_WITH_PORT = re.compile(r"(?:\[(?P<literal>[^\]]*)\]|(?P<host>[^:]*)):(?P<port>[0-9]{1,5})\Z")


class IgnoredHosts:
    """What a list of patterns matches.

    Args:
        patterns: A domain with everything below it (``example.org``, ``.example.org`` and
            ``*.example.org`` mean the same), an IP address, a network (``10.0.0.0/8``), and each but the
            last with a port (``example.org:8080``, ``[::1]:443``) to mean this port only.

    Raises:
        ValueError: For any other pattern.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        self._matchers = [_matcher(pattern) for pattern in patterns]

    def match(self, host: str, port: int) -> bool:
        """Whether a host, a name or an address without brackets, is among them."""
        name = _normal(host)
        return any(matches(name, port) for matches in self._matchers)


def _matcher(pattern: str) -> _Matches:
    text = pattern.strip()
    if _NETWORK.match(text):
        try:
            return _inNetwork(ipaddress.ip_network(text))
        except ValueError as error:
            raise ValueError(f"ignoreHosts contains {pattern!r}, which is no network: {error}.") from None
    only = 0
    if (match := _WITH_PORT.match(text)) and not _isAddress(text):
        text, only = match["literal"] or match["host"] or "", int(match["port"])
    if _isAddress(text):
        wanted = _normal(text)
        return lambda name, port: name == wanted and only in (0, port)
    domain = text.removeprefix("*").removeprefix(".")
    if only > 65535 or not domain or (text[0] == "*" and text[1:2] != "."):
        raise ValueError(f"ignoreHosts contains {pattern!r}, which is no pattern for hosts.")
    try:
        domain = normalize_host_name(domain).ascii
    except InvalidHostName as error:
        raise ValueError(f"ignoreHosts contains {pattern!r}, which is no pattern for hosts. {error}") from None
    return lambda name, port: (name == domain or name.endswith(f".{domain}")) and only in (0, port)


def _inNetwork(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> _Matches:
    return lambda name, port: _isAddress(name) and ipaddress.ip_address(name) in network


def _isAddress(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _normal(host: str) -> str:
    """In the form in which equal hosts have equal texts; addresses without their scope."""
    try:
        return normalize_host_name(host).ascii
    except InvalidHostName:
        return host.lower().removesuffix(".")
