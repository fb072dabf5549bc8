"""The public value types: certificates, errors, ciphers, protocols, configurations and pre-shared keys."""

from __future__ import annotations

from qtsecure.net.values.certificate_flag import CertificateFlag, certificateFlags
from qtsecure.net.values.channel_binding import ChannelBinding
from qtsecure.net.values.ocsp_response import OcspResponse
from qtsecure.net.values.pre_shared_key_authenticator import PreSharedKeyAuthenticator
from qtsecure.net.values.protocol import Protocol
from qtsecure.net.values.session_facts import SessionFacts
from qtsecure.net.values.ssl_certificate import SslCertificate
from qtsecure.net.values.ssl_cipher import SslCipher
from qtsecure.net.values.ssl_configuration import ConfigurationSource, SslConfiguration, configurationFrom
from qtsecure.net.values.ssl_error import SslError
from qtsecure.net.values.tls_options import TlsOptions
from qtsecure.net.values.tls_session import TlsSession
from qtsecure.net.values.tls_settings import UnknownHostPolicy
from qtsecure.net.values.trust_store import TrustStore

__all__ = [
    "CertificateFlag",
    "ChannelBinding",
    "ConfigurationSource",
    "OcspResponse",
    "PreSharedKeyAuthenticator",
    "Protocol",
    "SessionFacts",
    "SslCertificate",
    "SslCipher",
    "SslConfiguration",
    "SslError",
    "TlsOptions",
    "TlsSession",
    "TrustStore",
    "UnknownHostPolicy",
    "certificateFlags",
    "configurationFrom",
]
