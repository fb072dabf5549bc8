"""What sockets need only when they connect: the engine, and the modules here that build on it.

See ``late_modules``. The engine's foundation, ``_openssl``, is no such module: that an installation
is broken shall be told by the import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtsecure.late_modules import lateAttributes

if TYPE_CHECKING:
    from qtsecure.engine.configuration import TlsConfiguration
    from qtsecure.engine.events import (
        AlertReceived,
        AlertSent,
        CertificateProblems,
        CertificateRequested,
        ConfigurationNeeded,
        FailureKind,
        HandshakeCompleted,
        HandshakeMessage,
        PeerClosed,
        StreamFailed,
    )
    from qtsecure.engine.features import probe_features
    from qtsecure.engine.host_names import HostName, InvalidHostName, normalize_host_name
    from qtsecure.engine.records import describe_first_bytes_untrusted, starts_tls_handshake_untrusted
    from qtsecure.engine.resumption import Resumption, may_be_shared
    from qtsecure.engine.sessions import Session, scope_of
    from qtsecure.engine.tls_stream import TlsStream
    from qtsecure.engine.verification import VerificationIssue
    from qtsecure.net.failures import networkFailure, tlsFailure
    from qtsecure.net.native_sockets.name_lookup import NameLookup, lookUpBlocking
    from qtsecure.net.native_sockets.readiness import checkConnected
    from qtsecure.net.questions.choice_requests import (
        ClientCertificateRequest,
        VirtualHostRequest,
        readableNames_untrusted,
    )
    from qtsecure.net.questions.handshake_questions import (
        DECISION_LIMIT_MS,
        ProgramDecisions,
        alertArguments,
        allIgnored,
        judgeCertificate,
    )
    from qtsecure.net.questions.interaction import Interaction
    from qtsecure.net.session_cache import sharedSessions
    from qtsecure.net.transports.choice import adoptStream, makeStream
    from qtsecure.net.transports.device_stream import DeviceStream
    from qtsecure.net.transports.devices import checkDevice
    from qtsecure.net.transports.proxy_stream import ProxyStream

__all__ = [
    "DECISION_LIMIT_MS",
    "AlertReceived",
    "AlertSent",
    "CertificateProblems",
    "CertificateRequested",
    "ClientCertificateRequest",
    "ConfigurationNeeded",
    "DeviceStream",
    "FailureKind",
    "HandshakeCompleted",
    "HandshakeMessage",
    "HostName",
    "Interaction",
    "InvalidHostName",
    "NameLookup",
    "PeerClosed",
    "ProgramDecisions",
    "ProxyStream",
    "Resumption",
    "Session",
    "StreamFailed",
    "TlsConfiguration",
    "TlsStream",
    "VerificationIssue",
    "VirtualHostRequest",
    "adoptStream",
    "alertArguments",
    "allIgnored",
    "checkConnected",
    "checkDevice",
    "describe_first_bytes_untrusted",
    "judgeCertificate",
    "lookUpBlocking",
    "makeStream",
    "may_be_shared",
    "networkFailure",
    "normalize_host_name",
    "probe_features",
    "readableNames_untrusted",
    "scope_of",
    "sharedSessions",
    "starts_tls_handshake_untrusted",
    "tlsFailure",
]

# The imports above say the same to type checkers.
_PLACES = {
    "engine.configuration": ("TlsConfiguration",),
    "engine.events": (
        *("AlertReceived", "AlertSent", "CertificateProblems", "CertificateRequested", "ConfigurationNeeded"),
        *("FailureKind", "HandshakeCompleted", "HandshakeMessage", "PeerClosed", "StreamFailed"),
    ),
    "engine.features": ("probe_features",),
    "engine.host_names": ("HostName", "InvalidHostName", "normalize_host_name"),
    "engine.records": ("describe_first_bytes_untrusted", "starts_tls_handshake_untrusted"),
    "engine.resumption": ("Resumption", "may_be_shared"),
    "engine.sessions": ("Session", "scope_of"),
    "engine.tls_stream": ("TlsStream",),
    "engine.verification": ("VerificationIssue",),
    "net.questions.choice_requests": ("ClientCertificateRequest", "VirtualHostRequest", "readableNames_untrusted"),
    "net.failures": ("networkFailure", "tlsFailure"),
    "net.questions.handshake_questions": (
        "DECISION_LIMIT_MS",
        "ProgramDecisions",
        "alertArguments",
        "allIgnored",
        "judgeCertificate",
    ),
    "net.questions.interaction": ("Interaction",),
    "net.native_sockets.name_lookup": ("NameLookup", "lookUpBlocking"),
    "net.native_sockets.readiness": ("checkConnected",),
    "net.session_cache": ("sharedSessions",),
    "net.transports.choice": ("adoptStream", "makeStream"),
    "net.transports.device_stream": ("DeviceStream",),
    "net.transports.devices": ("checkDevice",),
    "net.transports.proxy_stream": ("ProxyStream",),
}

_find, __dir__ = lateAttributes(
    __name__, {name: f"qtsecure.{place}" for place, names in _PLACES.items() for name in names}
)
__getattr__ = _find
_complete = False


def loadAll() -> None:
    """Load everything, for who is about to listen or to connect: no handshake shall wait for it, nor its deadline."""
    global _complete
    if not _complete:
        for name in __all__:
            _find(name)
        _complete = True
