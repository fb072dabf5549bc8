"""Registers the types of the QML module: importing this is what makes ``import QtSecure`` find them.

What has a plain class of Python is registered for that class (``QmlForeign``), with the properties and
methods for QML beside it (``QmlExtended``); so QML creates a plain SslSocket, and what Python gets from
QML has methods and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from PySide6.QtCore import QObject
from PySide6.QtQml import QmlExtended, QmlForeign, QmlNamedElement, QmlUncreatable

from qtsecure.net.dtls_peer import DtlsPeer
from qtsecure.net.servers.dtls_server import DtlsServer
from qtsecure.net.servers.ssl_server import SslServer
from qtsecure.net.socket_client.client import SocketClient
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.qml.certificate_question import CertificateQuestion
from qtsecure.qml.dtls_peer import DtlsConnection, DtlsPeerExtension
from qtsecure.qml.enums import TlsEnums
from qtsecure.qml.psk_question import PskQuestion
from qtsecure.qml.servers import DtlsServerExtension, TlsServerExtension
from qtsecure.qml.socket_client import SocketClientExtension
from qtsecure.qml.tls_configuration import TlsConfiguration
from qtsecure.qml.tls_socket import TlsConnection, TlsSocketExtension
from qtsecure.qml.trust_decisions import TrustDecisionsItem

__all__ = ["CREATABLE", "EXTENDED", "MADE_BY_US"]

# PySide looks for these in the module of a registered class.
QML_IMPORT_NAME = "QtSecure"
QML_IMPORT_MAJOR_VERSION = 1
QML_IMPORT_MINOR_VERSION = 0

EXTENDED: dict[str, tuple[type[QObject], type[QObject]]] = {
    "TlsSocket": (SslSocket, TlsSocketExtension),
    "TlsServer": (SslServer, TlsServerExtension),
    "DtlsPeer": (DtlsPeer, DtlsPeerExtension),
    "DtlsServer": (DtlsServer, DtlsServerExtension),
    "SocketClient": (SocketClient, SocketClientExtension),
}
"""Types with a plain class of Python: the name in QML, that class, and what is added for QML."""

CREATABLE: dict[str, type[QObject]] = {"TlsConfiguration": TlsConfiguration, "TrustDecisions": TrustDecisionsItem}
"""Types that are for QML alone."""

MADE_BY_US: dict[str, type[QObject]] = {
    "TlsConnection": TlsConnection,
    "DtlsConnection": DtlsConnection,
    "CertificateQuestion": CertificateQuestion,
    "PskQuestion": PskQuestion,
}
"""What QML is given and cannot create."""


# Their stubs say that instances of these decorators cannot be called.
_named = cast("Callable[[str], Callable[[type], type]]", QmlNamedElement)
_extended = cast("Callable[[type], Callable[[type], type]]", QmlExtended)
_foreign = cast("Callable[[type], Callable[[type], type]]", QmlForeign)
_uncreatable = cast("Callable[[str], Callable[[type], type]]", QmlUncreatable)


def _holder(name: str, base: type[QObject] = QObject) -> type[QObject]:
    """A class of this module, which carries the name for QML."""
    return type(name, (base,), {"__module__": __name__})


def _registerAll() -> None:
    _named("Tls")(_uncreatable("Tls has only enums.")(_holder("Tls", TlsEnums)))
    for name, (plain, extension) in EXTENDED.items():
        _named(name)(_extended(extension)(_foreign(plain)(_holder(f"{name}Type"))))
    for name, cls in CREATABLE.items():
        _named(name)(_foreign(cls)(_holder(f"{name}Type")))
    for name, cls in MADE_BY_US.items():
        reason = "It comes in signals and from methods."
        _named(name)(_uncreatable(reason)(_foreign(cls)(_holder(f"{name}Type"))))


_registerAll()
