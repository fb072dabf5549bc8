"""Which texts are IP addresses, and which merely look like one to inet_aton()."""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from PySide6.QtNetwork import QHostAddress

__all__ = ["isLocalName", "literalAddress", "looksNumeric"]

# What inet_aton() accepts as the last part: decimal, octal or hexadecimal.
_NUMBER: Final = re.compile(r"(?:[0-9]+|0[xX][0-9A-Fa-f]*)\Z")


def literalAddress(text: str) -> QHostAddress | None:
    """The address if the text is one in the usual form, perhaps with a scope (``%eth0``); else None.

    Not Qt's own parser: that takes ``192.168.258`` and ``0xc0a80102`` for addresses.
    """
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return None
    return QHostAddress(text)


def looksNumeric(host: str) -> bool:
    """Whether the last label is a number, as in no domain, though resolvers may take it for an address."""
    return bool(_NUMBER.match(host.removesuffix(".").rpartition(".")[2]))


def isLocalName(host: str) -> bool:
    """Whether the name stands for this machine wherever it is asked for (RFC 6761, section 6.3)."""
    name = host.removesuffix(".").lower()
    return name == "localhost" or name.endswith(".localhost")
