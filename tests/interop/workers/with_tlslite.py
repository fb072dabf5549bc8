"""tlslite-ng, which is TLS in pure Python, as a worker."""

from __future__ import annotations

import socket
import sys
import warnings
from pathlib import Path
from typing import Any

from tests.interop.workers.orders import Orders, say, sayTold

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # asyncore, on old versions of Python
    from tlslite.api import HandshakeSettings, SessionCache, TLSConnection, X509CertChain, parsePEMKey
    from tlslite.errors import TLSAbruptCloseError

_TIMEOUT_S = 60
_VERSIONS = {"1.2": (3, 3), "1.3": (3, 4)}


def _settings(orders: Orders) -> HandshakeSettings:
    settings = HandshakeSettings()
    settings.minVersion = settings.maxVersion = _VERSIONS[orders.version]
    settings.ticketKeys = [bytearray(range(32))]
    # It compresses the certificate of a client whether the server has asked for that or not.
    settings.certificate_compression_send = []
    if orders.psk is not None:
        identity, key = orders.psk
        settings.pskConfigs = [(identity.encode(), bytes.fromhex(key), "sha256")]
    return settings


def _credentials(orders: Orders) -> dict[str, Any]:
    if not orders.certificate:
        return {}
    chain = X509CertChain()
    chain.parsePemList(Path(orders.certificate).read_text())
    return {"certChain": chain, "privateKey": parsePEMKey(Path(orders.key).read_text(), private=True)}


def _tell(connection: TLSConnection, orders: Orders) -> None:
    session = connection.session
    chain = session.clientCertChain if orders.server else session.serverCertChain
    leaf = bytes(chain.x509List[0].bytes) if chain and chain.x509List else b""
    keyed = orders.psk is not None and not leaf
    resumed = bool(connection.resumed) and not keyed
    sayTold(
        version="1.3" if connection.version == (3, 4) else "1.2" if connection.version == (3, 3) else "older",
        certificate=None if resumed and not leaf else leaf,  # a ticket does not keep it
        alpn=bytes(session.appProto or b"").decode(),
        psk=keyed,
        # A server does not tell of a ticket of TLS 1.3.
        resumed=None if orders.server and orders.version == "1.3" else resumed,
    )


def _talk(connection: TLSConnection, *, echo: bool) -> None:
    """Read until the other side ends it; an echo sends everything back."""
    try:
        while data := connection.read(max=65536):
            say(received=bytes(data).decode())
            if echo:
                connection.write(data)
    except TLSAbruptCloseError:
        say(end="truncated")
    else:
        say(end="closeNotify")


def _serve(orders: Orders) -> None:
    cache = SessionCache()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        say(listening=listener.getsockname()[1])
        while True:
            plain, _ = listener.accept()
            plain.settimeout(_TIMEOUT_S)
            with plain:
                connection = TLSConnection(plain)
                connection.closeSocket = False
                connection.handshakeServer(
                    **_credentials(orders),
                    settings=_settings(orders),
                    sessionCache=cache,
                    reqCert=bool(orders.authority),
                    alpn=[bytearray(each.encode()) for each in orders.alpn] or None,
                )
                _tell(connection, orders)
                _talk(connection, echo=True)


def _connect(orders: Orders, session: Any, *, last: bool) -> Any:
    """One connection; its session."""
    with socket.create_connection(("127.0.0.1", orders.port), _TIMEOUT_S) as plain:
        connection = TLSConnection(plain)
        connection.closeSocket = False
        connection.handshakeClientCert(
            **_credentials(orders),
            session=session,
            settings=_settings(orders),
            serverName="localhost",
            alpn=[bytearray(each.encode()) for each in orders.alpn] or None,
        )
        _tell(connection, orders)
        line = sys.stdin.buffer.readline()
        connection.write(line)
        say(received=bytes(connection.read(max=65536, min=len(line))).decode())
        if last:
            sys.stdin.buffer.read()  # until the test wants the end
        connection.close()
        say(end="closeNotify")
        return connection.session


def main() -> None:
    """Obey."""
    orders = Orders.given()
    if orders.server:
        _serve(orders)
    else:
        session = _connect(orders, None, last=False) if orders.resume else None
        _connect(orders, session, last=True)
