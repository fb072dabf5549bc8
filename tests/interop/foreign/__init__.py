"""Other TLS and DTLS implementations as servers and clients, all with the same few methods.

OpenSSL's and GnuTLS's programs, tlslite-ng and trio are the independent ones; Python's ssl module and
Qt's own classes use an OpenSSL as well, but another one than the engine, and have habits of their own.
"""

from __future__ import annotations

from tests.interop.foreign.base import DTLS, LINE, ForeignClient, ForeignServer, Psk, Told, UndecipheredAlertError
from tests.interop.foreign.implementations import IMPLEMENTATIONS, Implementation

__all__ = [
    "DTLS",
    "IMPLEMENTATIONS",
    "LINE",
    "ForeignClient",
    "ForeignServer",
    "Implementation",
    "Psk",
    "Told",
    "UndecipheredAlertError",
]
