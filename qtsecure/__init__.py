"""TLS and DTLS sockets for PySide6 that bring their own OpenSSL.

The names below are loaded when they are first used (PEP 562): ``import qtsecure`` by itself loads
neither Qt nor OpenSSL, so that ``qtsecure.engine`` works without PySide6 and a headless server
never loads a GUI module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtsecure.late_modules import lateAttributes

if TYPE_CHECKING:
    from qtsecure.errors import ChannelBindingError, SecureError
    from qtsecure.net.cancellable import Cancellable
    from qtsecure.net.condition_notifier import ConditionNotifier
    from qtsecure.net.datagram_based import Condition, DatagramBased, DtlsMessage
    from qtsecure.net.datagram_transport import DatagramTransport
    from qtsecure.net.dtls_connection_interface import DtlsConnectionInterface
    from qtsecure.net.dtls_peer import DtlsPeer
    from qtsecure.net.proxies.negotiator import ProxyNegotiator
    from qtsecure.net.proxies.proxy_address import ProxyAddress
    from qtsecure.net.proxies.resolver import ProxyResolver
    from qtsecure.net.proxies.simple_resolver import SimpleProxyResolver
    from qtsecure.net.questions.certificate_request import CertificateRequest
    from qtsecure.net.questions.choice_requests import ClientCertificateRequest, VirtualHostRequest
    from qtsecure.net.questions.interaction import Interaction
    from qtsecure.net.servers.dtls_server import DtlsServer
    from qtsecure.net.servers.ssl_server import SslServer
    from qtsecure.net.socket_client.client import SocketClient
    from qtsecure.net.socket_client.connectable import SocketConnectable
    from qtsecure.net.socket_client.events import ClientEvent
    from qtsecure.net.socket_client.inet_address import InetAddress
    from qtsecure.net.socket_client.network_address import NetworkAddress
    from qtsecure.net.socket_client.network_service import NetworkService
    from qtsecure.net.socket_client.operation import ConnectOperation
    from qtsecure.net.socket_client.resolver import NameResolver
    from qtsecure.net.socket_client.service_records import ServiceRecord
    from qtsecure.net.socket_client.unix_address import UnixAddress
    from qtsecure.net.socket_writer import SocketWriter
    from qtsecure.net.ssl_socket import SslSocket
    from qtsecure.net.trust.trust_decision import TrustDecision
    from qtsecure.net.trust.trust_decisions import TrustDecisions
    from qtsecure.net.values import (
        CertificateFlag,
        ChannelBinding,
        OcspResponse,
        PreSharedKeyAuthenticator,
        Protocol,
        SslCertificate,
        SslCipher,
        SslConfiguration,
        SslError,
        TlsOptions,
        TlsSession,
        TrustStore,
        UnknownHostPolicy,
    )

__version__ = "0.1.0"

__all__ = [
    "Cancellable",
    "CertificateFlag",
    "CertificateRequest",
    "ChannelBinding",
    "ChannelBindingError",
    "ClientCertificateRequest",
    "ClientEvent",
    "Condition",
    "ConditionNotifier",
    "ConnectOperation",
    "DatagramBased",
    "DatagramTransport",
    "DtlsConnectionInterface",
    "DtlsMessage",
    "DtlsPeer",
    "DtlsServer",
    "InetAddress",
    "Interaction",
    "NameResolver",
    "NetworkAddress",
    "NetworkService",
    "OcspResponse",
    "PreSharedKeyAuthenticator",
    "Protocol",
    "ProxyAddress",
    "ProxyNegotiator",
    "ProxyResolver",
    "SecureError",
    "ServiceRecord",
    "SimpleProxyResolver",
    "SocketClient",
    "SocketConnectable",
    "SocketWriter",
    "SslCertificate",
    "SslCipher",
    "SslConfiguration",
    "SslError",
    "SslServer",
    "SslSocket",
    "TlsOptions",
    "TlsSession",
    "TrustDecision",
    "TrustDecisions",
    "TrustStore",
    "UnixAddress",
    "UnknownHostPolicy",
    "VirtualHostRequest",
]

# Where each public name lives. The imports above say the same to type checkers.
_MODULES = {
    "Cancellable": "qtsecure.net.cancellable",
    "CertificateFlag": "qtsecure.net.values",
    "CertificateRequest": "qtsecure.net.questions.certificate_request",
    "ChannelBinding": "qtsecure.net.values",
    "ChannelBindingError": "qtsecure.errors",
    "ClientCertificateRequest": "qtsecure.net.questions.choice_requests",
    "ClientEvent": "qtsecure.net.socket_client.events",
    "Condition": "qtsecure.net.datagram_based",
    "ConditionNotifier": "qtsecure.net.condition_notifier",
    "ConnectOperation": "qtsecure.net.socket_client.operation",
    "DatagramBased": "qtsecure.net.datagram_based",
    "DatagramTransport": "qtsecure.net.datagram_transport",
    "DtlsConnectionInterface": "qtsecure.net.dtls_connection_interface",
    "DtlsMessage": "qtsecure.net.datagram_based",
    "DtlsPeer": "qtsecure.net.dtls_peer",
    "DtlsServer": "qtsecure.net.servers.dtls_server",
    "InetAddress": "qtsecure.net.socket_client.inet_address",
    "Interaction": "qtsecure.net.questions.interaction",
    "NameResolver": "qtsecure.net.socket_client.resolver",
    "NetworkAddress": "qtsecure.net.socket_client.network_address",
    "NetworkService": "qtsecure.net.socket_client.network_service",
    "OcspResponse": "qtsecure.net.values",
    "PreSharedKeyAuthenticator": "qtsecure.net.values",
    "Protocol": "qtsecure.net.values",
    "ProxyAddress": "qtsecure.net.proxies.proxy_address",
    "ProxyNegotiator": "qtsecure.net.proxies.negotiator",
    "ProxyResolver": "qtsecure.net.proxies.resolver",
    "SecureError": "qtsecure.errors",
    "ServiceRecord": "qtsecure.net.socket_client.service_records",
    "SimpleProxyResolver": "qtsecure.net.proxies.simple_resolver",
    "SocketClient": "qtsecure.net.socket_client.client",
    "SocketConnectable": "qtsecure.net.socket_client.connectable",
    "SocketWriter": "qtsecure.net.socket_writer",
    "SslCertificate": "qtsecure.net.values",
    "SslCipher": "qtsecure.net.values",
    "SslConfiguration": "qtsecure.net.values",
    "SslError": "qtsecure.net.values",
    "SslServer": "qtsecure.net.servers.ssl_server",
    "SslSocket": "qtsecure.net.ssl_socket",
    "TlsOptions": "qtsecure.net.values",
    "TlsSession": "qtsecure.net.values",
    "TrustDecision": "qtsecure.net.trust.trust_decision",
    "TrustDecisions": "qtsecure.net.trust.trust_decisions",
    "TrustStore": "qtsecure.net.values",
    "UnixAddress": "qtsecure.net.socket_client.unix_address",
    "UnknownHostPolicy": "qtsecure.net.values",
    "VirtualHostRequest": "qtsecure.net.questions.choice_requests",
}

__getattr__, __dir__ = lateAttributes(__name__, _MODULES)
