"""Registers the types of the QML module: importing this is what makes ``import QtSecure`` find them.

What has a plain class of Python is registered for that class (``QmlForeign``), with the properties and
methods for QML beside it (``QmlExtended``); so QML creates a plain SslSocket, and what Python gets from
QML has methods and nothing else.
"""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtQml import QmlExtended, QmlForeign, QmlNamedElement, QmlUncreatable

from qtsecure.net.dtls_peer import DtlsPeer
from qtsecure.net.dtls_server import DtlsServer
from qtsecure.net.socket_client.client import SocketClient
from qtsecure.net.ssl_server import SslServer
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


def _registerAll() -> None:
    # A class of its own for each, in this module, which carries the name for QML.
    namespace = {"__module__": __name__}
    QmlNamedElement("Tls")(QmlUncreatable("Tls has only enums.")(type("Tls", (TlsEnums,), dict(namespace))))
    for name, (plain, extension) in EXTENDED.items():
        holder = type(f"{name}Type", (QObject,), dict(namespace))
        QmlNamedElement(name)(QmlExtended(extension)(QmlForeign(plain)(holder)))
    for name, cls in CREATABLE.items():
        QmlNamedElement(name)(QmlForeign(cls)(type(f"{name}Type", (QObject,), dict(namespace))))
    for name, cls in MADE_BY_US.items():
        holder = type(f"{name}Type", (QObject,), dict(namespace))
        QmlNamedElement(name)(QmlUncreatable("It comes in signals and from methods.")(QmlForeign(cls)(holder)))


_registerAll()
