"""The public value types: certificates, errors, ciphers, protocols, configurations and pre-shared keys.

They are loaded when they are first used; see ``late_modules``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtsecure.late_modules import lateAttributes

if TYPE_CHECKING:
    from qtsecure.net.values.certificate_flag import CertificateFlag, certificateFlags
    from qtsecure.net.values.channel_binding import ChannelBinding
    from qtsecure.net.values.ocsp_response import OcspResponse
    from qtsecure.net.values.pre_shared_key_authenticator import PreSharedKeyAuthenticator
    from qtsecure.net.values.protocol import Protocol
    from qtsecure.net.values.session_facts import SessionFacts
    from qtsecure.net.values.ssl_certificate import SslCertificate
    from qtsecure.net.values.ssl_cipher import SslCipher
    from qtsecure.net.values.ssl_configuration import (
        ConfigurationSource,
        SslConfiguration,
        configurationFrom,
        startingConfiguration,
    )
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
    "startingConfiguration",
]

# The imports above say the same to type checkers.
_PLACES = {
    "CertificateFlag": "certificate_flag",
    "ChannelBinding": "channel_binding",
    "ConfigurationSource": "ssl_configuration",
    "OcspResponse": "ocsp_response",
    "PreSharedKeyAuthenticator": "pre_shared_key_authenticator",
    "Protocol": "protocol",
    "SessionFacts": "session_facts",
    "SslCertificate": "ssl_certificate",
    "SslCipher": "ssl_cipher",
    "SslConfiguration": "ssl_configuration",
    "SslError": "ssl_error",
    "TlsOptions": "tls_options",
    "TlsSession": "tls_session",
    "TrustStore": "trust_store",
    "UnknownHostPolicy": "tls_settings",
    "certificateFlags": "certificate_flag",
    "configurationFrom": "ssl_configuration",
    "startingConfiguration": "ssl_configuration",
}

__getattr__, __dir__ = lateAttributes(__name__, {name: f"{__name__}.{place}" for name, place in _PLACES.items()})
