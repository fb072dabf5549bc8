"""Addresses between Qt and the operating system."""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

from PySide6.QtNetwork import QHostAddress

__all__ = ["Ends", "checkPort", "listenAddress", "nativeAddress", "qtAddress", "unmapped"]

_LARGEST_INDEX = 0xFFFFFFFF
"""Of an interface; the system would take a larger one for another."""
_INDEX_DIGITS = len(str(_LARGEST_INDEX)) + 1


class Ends:
    """The two ends of a connection; few programs ask, so Qt's objects are made when one does.

    Args:
        local: The own end, as getsockname() gives it or as a QHostAddress and a port.
        peer: The peer's end, likewise.
    """

    __slots__ = ("_local", "_peer")

    def __init__(self, local: Any = None, peer: Any = None) -> None:
        self._local = local
        self._peer = peer

    def local(self) -> tuple[QHostAddress, int]:
        """The own address and port; null and 0 when there is none."""
        return qtAddress(self._local)

    def peer(self) -> tuple[QHostAddress, int]:
        """The peer's address and port; null and 0 when there is none."""
        return qtAddress(self._peer)

    def peerHost(self) -> str:
        """The peer's address as text, which is cheaper; equal for equal addresses."""
        host = self._peer[0] if isinstance(self._peer, tuple) else ""
        return host.toString() if isinstance(host, QHostAddress) else str(host)


def nativeAddress(address: QHostAddress, port: int) -> tuple[socket.AddressFamily, tuple[Any, ...]]:
    """The family and address tuple for the socket module; OSError when it names no interface of this machine."""
    text = address.toString()
    if ":" in text:  # asking for the protocol costs four times as much
        scope = address.scopeId()
        index = _interfaceIndex(scope) if scope else 0
        plain = QHostAddress(address)
        plain.setScopeId("")
        return socket.AF_INET6, (plain.toString(), port, 0, index)
    return socket.AF_INET, (text, port)


def qtAddress(native: Any) -> tuple[QHostAddress, int]:
    """The QHostAddress and port of what getsockname() or getpeername() gave; null for other families.

    A pair of QHostAddress and port will do, too. IPv4 addresses come out as such: a dual-stack socket
    shows them as mapped IPv6 ones, which equal no IPv4 address.
    """
    if not isinstance(native, tuple):
        return QHostAddress(), 0
    first = native[0]
    if isinstance(first, QHostAddress):
        return unmapped(first), native[1]
    address = unmapped(QHostAddress(first))
    if len(native) > 3 and native[3] and not address.scopeId():
        address.setScopeId(_interfaceName(native[3]))  # link-local addresses mean nothing without it
    return address, int(native[1])


def listenAddress(address: QHostAddress | QHostAddress.SpecialAddress | str) -> QHostAddress:
    """The address to listen on; a null one would mean every interface, so a misspelt one must not become it."""
    if not isinstance(address, (QHostAddress, QHostAddress.SpecialAddress, str)):
        raise TypeError(
            f"address must be a QHostAddress, a QHostAddress.SpecialAddress or a str, not {type(address).__name__}."
        )
    if address == "localhost":
        return QHostAddress(QHostAddress.SpecialAddress.LocalHost)
    host = QHostAddress(address)
    if host.isNull():
        raise ValueError(f'address must be an IP address or "localhost", not {address!r}.')
    return host


def _interfaceIndex(scope: str) -> int:
    if scope.isascii() and scope.isdigit():
        index = int(scope[:_INDEX_DIGITS])
        if index <= _LARGEST_INDEX:
            return index
    else:
        try:
            return socket.if_nametoindex(scope)
        except (OSError, ValueError):  # without a number; ValueError is NUL or a surrogate
            pass
    raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))


def _interfaceName(index: int) -> str:
    try:
        return socket.if_indextoname(index)
    except OSError:  # the interface has gone since
        return str(index)


def unmapped(address: QHostAddress) -> QHostAddress:
    """The IPv4 address behind what a dual-stack socket shows, a mapped IPv6 address, which equals none."""
    text = address.toString()
    return QHostAddress(text[len("::ffff:") :]) if text.startswith("::ffff:") and "." in text else address


def checkPort(port: object, *, name: str = "port", lowest: int = 0) -> int:
    """The port, if it is one; TypeError or ValueError naming the argument otherwise."""
    if isinstance(port, bool) or not isinstance(port, int):
        raise TypeError(f"{name} must be an int, not {type(port).__name__}.")
    if not lowest <= port <= 65535:
        raise ValueError(f"{name} must be between {lowest} and 65535, not {port}.")
    return port
