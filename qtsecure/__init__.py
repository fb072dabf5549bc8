"""TLS and DTLS sockets for PySide6 that bring their own OpenSSL.

The names below are loaded when they are first used (PEP 562): ``import qtsecure`` by itself loads
neither Qt nor OpenSSL, so that ``qtsecure.engine`` works without PySide6 and a headless server
never loads a GUI module.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qtsecure.errors import ChannelBindingError, SecureError
    from qtsecure.net.cancellable import Cancellable
    from qtsecure.net.certificate_request import CertificateRequest
    from qtsecure.net.condition_notifier import ConditionNotifier
    from qtsecure.net.datagram_based import Condition, DatagramBased, DtlsMessage
    from qtsecure.net.dtls_connection_interface import DtlsConnectionInterface
    from qtsecure.net.dtls_peer import DtlsPeer
    from qtsecure.net.dtls_server import DtlsServer
    from qtsecure.net.socket_writer import SocketWriter
    from qtsecure.net.ssl_server import SslServer
    from qtsecure.net.ssl_socket import SslSocket
    from qtsecure.net.values import (
        CertificateFlag,
        ChannelBinding,
        PreSharedKeyAuthenticator,
        Protocol,
        SslCertificate,
        SslCipher,
        SslConfiguration,
        SslError,
        TlsOptions,
        TlsSession,
        TrustStore,
    )

__version__ = "0.1.0"

__all__ = [
    "Cancellable",
    "CertificateFlag",
    "CertificateRequest",
    "ChannelBinding",
    "ChannelBindingError",
    "Condition",
    "ConditionNotifier",
    "DatagramBased",
    "DtlsConnectionInterface",
    "DtlsMessage",
    "DtlsPeer",
    "DtlsServer",
    "PreSharedKeyAuthenticator",
    "Protocol",
    "SecureError",
    "SocketWriter",
    "SslCertificate",
    "SslCipher",
    "SslConfiguration",
    "SslError",
    "SslServer",
    "SslSocket",
    "TlsOptions",
    "TlsSession",
    "TrustStore",
]

# Where each public name lives. The imports above say the same to type checkers.
_MODULES = {
    "Cancellable": "qtsecure.net.cancellable",
    "CertificateFlag": "qtsecure.net.values",
    "CertificateRequest": "qtsecure.net.certificate_request",
    "ChannelBinding": "qtsecure.net.values",
    "ChannelBindingError": "qtsecure.errors",
    "Condition": "qtsecure.net.datagram_based",
    "ConditionNotifier": "qtsecure.net.condition_notifier",
    "DatagramBased": "qtsecure.net.datagram_based",
    "DtlsConnectionInterface": "qtsecure.net.dtls_connection_interface",
    "DtlsMessage": "qtsecure.net.datagram_based",
    "DtlsPeer": "qtsecure.net.dtls_peer",
    "DtlsServer": "qtsecure.net.dtls_server",
    "PreSharedKeyAuthenticator": "qtsecure.net.values",
    "Protocol": "qtsecure.net.values",
    "SecureError": "qtsecure.errors",
    "SocketWriter": "qtsecure.net.socket_writer",
    "SslCertificate": "qtsecure.net.values",
    "SslCipher": "qtsecure.net.values",
    "SslConfiguration": "qtsecure.net.values",
    "SslError": "qtsecure.net.values",
    "SslServer": "qtsecure.net.ssl_server",
    "SslSocket": "qtsecure.net.ssl_socket",
    "TlsOptions": "qtsecure.net.values",
    "TlsSession": "qtsecure.net.values",
    "TrustStore": "qtsecure.net.values",
}


def __getattr__(name: str) -> object:
    try:
        module = _MODULES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    value: object = getattr(importlib.import_module(module), name)
    # The next access finds it without coming here.
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
