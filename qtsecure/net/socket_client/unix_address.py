"""The path of a local socket (Gio.UnixSocketAddress)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from qtsecure.net.socket_client.connectable import SocketConnectable

if TYPE_CHECKING:
    from qtsecure.net.socket_client.enumeration import AddressEnumerator, LookupPlan

__all__ = ["UnixAddress"]

_LONGEST_PATH = 107
"""What fits into sockaddr_un on Linux, in bytes, besides its NUL."""


class UnixAddress(SocketConnectable):
    """A server of this machine: the path of its socket, or on Windows the name of its pipe (QLocalSocket).

    There is no name that a certificate could prove: with TLS call setPeerVerifyName() in a slot of clientEvent when the
    event is TlsHandshaking.

    Args:
        path: 1 to 107 bytes, without NUL.

    Raises:
        TypeError, ValueError: For anything else.
    """

    __slots__ = ("_path",)

    def __init__(self, path: str | os.PathLike[str]) -> None:
        text = os.fspath(path) if isinstance(path, os.PathLike) else path
        if not isinstance(text, str):
            raise TypeError(f"path must be a str or a path, not {type(path).__name__}.")
        if not text or "\0" in text:
            raise ValueError("path must not be empty, and without NUL.")
        if len(os.fsencode(text)) > _LONGEST_PATH:
            raise ValueError(f"path must have at most {_LONGEST_PATH} bytes; choose a shorter one for the socket.")
        self._path = text

    def path(self) -> str:
        """The path."""
        return self._path

    def toString(self) -> str:
        return self._path

    def serverIdentity(self) -> str:
        return ""

    def enumerate(self, plan: LookupPlan) -> AddressEnumerator:
        return plan.single(self)

    def _parts(self) -> tuple[object, ...]:
        return (self._path,)
