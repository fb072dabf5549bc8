"""A resolver with fixed rules (Gio.SimpleProxyResolver)."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QObject

from qtsecure.errors import SecureError
from qtsecure.net.proxies.ignored_hosts import IgnoredHosts
from qtsecure.net.proxies.network_uri import NetworkUri, schemeOf
from qtsecure.net.proxies.resolver import ProxyResolver
from qtsecure.net.qt_objects.thread_guard import confinedToThread

__all__ = ["SimpleProxyResolver"]

_DIRECT = "direct://"
_ANY_SOCKS = "socks://"


@confinedToThread(harmless=())
class SimpleProxyResolver(ProxyResolver):
    """One proxy for everything, others for some schemes, none for some hosts.

    A proxy is given by its URI, such as ``http://proxy.example:3128``. ``socks://host:port`` stands for
    three tries with the same proxy: ``socks5``, ``socks4a``, ``socks4``.

    Args:
        defaultProxy: For URIs without a rule of their own; empty for a direct connection.
        ignoreHosts: Hosts that are reached directly: names with everything below them
            (``example.org``, ``.example.org``, ``*.example.org``), addresses, networks (``10.0.0.0/8``),
            perhaps with a port (``example.org:8080``, ``[::1]:443``).
        parent: The QObject that owns it.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: ``ignoreHosts`` contains something else, or a proxy is not empty and no URI.
    """

    def __init__(self, defaultProxy: str = "", ignoreHosts: Iterable[str] = (), parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._proxies: dict[str, str] = {}
        self.setDefaultProxy(defaultProxy)
        self.setIgnoreHosts(ignoreHosts)

    def defaultProxy(self) -> str:
        """The proxy for URIs without a rule of their own, as it was set, or an empty string."""
        return self._default

    def setDefaultProxy(self, proxy: str) -> None:
        """Use this proxy unless there is a rule; an empty string for a direct connection.

        Raises:
            ValueError: It is neither empty nor a URI.
        """
        self._default = _proxy(proxy, "defaultProxy")

    def ignoreHosts(self) -> list[str]:
        """The patterns of setIgnoreHosts()."""
        return list(self._patterns)

    def setIgnoreHosts(self, ignoreHosts: Iterable[str]) -> None:
        """Reach these hosts directly; see the class for the patterns.

        Raises:
            ValueError: A pattern is not valid.
        """
        if isinstance(ignoreHosts, str) or not isinstance(ignoreHosts, Iterable):
            raise TypeError(f"ignoreHosts must be a list of str, not {type(ignoreHosts).__name__}.")
        patterns = list(ignoreHosts)
        for pattern in patterns:
            if not isinstance(pattern, str):
                raise TypeError(f"ignoreHosts must be a list of str, not of {type(pattern).__name__}.")
        self._ignored = IgnoredHosts(patterns)
        self._patterns = patterns

    def setUriProxy(self, uriScheme: str, proxy: str) -> None:
        """Use a proxy of their own for URIs with this scheme, in any case; an empty string ends that.

        Raises:
            ValueError: ``uriScheme`` is no scheme, or ``proxy`` neither empty nor a URI.
        """
        if not isinstance(uriScheme, str):
            raise TypeError(f"uriScheme must be a str, not {type(uriScheme).__name__}.")
        scheme = uriScheme.lower()
        if schemeOf(f"{scheme}:") != scheme or not scheme:
            raise ValueError(f"uriScheme must be a scheme such as http, not {uriScheme!r}.")
        proxy = _proxy(proxy, "proxy")
        if proxy:
            self._proxies[scheme] = proxy
        else:
            self._proxies.pop(scheme, None)

    def proxiesFor(self, uri: str) -> list[str]:
        """The rules in their order: ignored hosts, the scheme, the default."""
        if not isinstance(uri, str):
            raise TypeError(f"uri must be a str, not {type(uri).__name__}.")
        proxy = _DIRECT if self._isIgnored(uri) else self._proxies.get(schemeOf(uri), self._default) or _DIRECT
        if proxy.lower().startswith(_ANY_SOCKS):
            rest = proxy[len(_ANY_SOCKS) :]
            return [f"{protocol}://{rest}" for protocol in ("socks5", "socks4a", "socks4")]
        return [proxy]

    def _isIgnored(self, uri: str) -> bool:
        try:
            target = NetworkUri.parse(uri)
        except SecureError:
            return False  # it names no host
        return self._ignored.match(target.host, target.port)


def _proxy(uri: str, name: str) -> str:
    if not isinstance(uri, str):
        raise TypeError(f"{name} must be a str, not {type(uri).__name__}.")
    if uri:
        try:
            NetworkUri.parse(uri)
        except SecureError as error:
            raise ValueError(f"{name} must be the URI of a proxy. {error.message}") from None
    return uri
