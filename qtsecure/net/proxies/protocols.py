"""The proxy protocols that are known, and what each of them can do."""

from __future__ import annotations

from qtsecure.errors import SecureError

__all__ = ["defaultProxyPort", "supportsProxy", "takesHostNames", "unsupportedProxy"]

# Whether the proxy looks up names; SOCKS 4 takes IPv4 addresses only.
_TAKES_HOST_NAMES = {"socks5": True, "socks4a": True, "socks4": False, "http": True, "https": True}
# GLib's table, from its g_uri_get_default_scheme_port().
_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443, "ftp": 21}


def supportsProxy(protocol: str) -> bool:
    """Whether proxies of this protocol, the scheme of their URI, can be negotiated with."""
    return protocol in _TAKES_HOST_NAMES


def unsupportedProxy(protocol: str) -> SecureError:
    """The failure of a proxy whose protocol nobody here speaks."""
    return SecureError(
        SecureError.Code.NotSupported,
        f"Proxies of the protocol {protocol!r} are not supported; use one of {', '.join(_TAKES_HOST_NAMES)}, "
        "or addApplicationProxy() for one that the program speaks itself.",
    )


def takesHostNames(protocol: str) -> bool:
    """Whether such a proxy looks up the name of the destination; unknown ones are supposed to, as in Gio."""
    return _TAKES_HOST_NAMES.get(protocol, True)


def defaultProxyPort(protocol: str) -> int:
    """The port of a proxy whose URI has none; 0 when there is no usual one."""
    return 1080 if protocol.startswith("socks") else _PORTS.get(protocol, 0)
