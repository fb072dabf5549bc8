"""TLS peers that are not qtsecure: Python's ssl module, the openssl command line, and broken ones.

Everything here runs in threads or processes of its own, so it works beside a Qt event loop in the
same test. Peers are context managers, listen on a free port of the loopback interface, and are
bounded by timeouts. Waiting methods keep a Qt event loop of the calling thread running. What goes
wrong inside a peer is raised when it is stopped, unless ``takeErrors()`` fetched it before.
"""

from __future__ import annotations

from qtsecure.testing.peers._misbehaving import (
    AlertingServer,
    GarbageServer,
    PlainHttpServer,
    ResettingServer,
    SilentServer,
    SlowServer,
    TruncatingServer,
)
from qtsecure.testing.peers._openssl import OpensslClient, OpensslServer, opensslVersion
from qtsecure.testing.peers._python_tls import PythonTlsClient, PythonTlsServer, TlsConnection
from qtsecure.testing.peers._raw import HTTP_REQUEST, RawClient
from qtsecure.testing.peers._threads import PeerError

__all__ = [
    "HTTP_REQUEST",
    "AlertingServer",
    "GarbageServer",
    "OpensslClient",
    "OpensslServer",
    "PeerError",
    "PlainHttpServer",
    "PythonTlsClient",
    "PythonTlsServer",
    "RawClient",
    "ResettingServer",
    "SilentServer",
    "SlowServer",
    "TlsConnection",
    "TruncatingServer",
    "opensslVersion",
]
