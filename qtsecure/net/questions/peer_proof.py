"""Whether anything has proved who the peer of an encrypted connection is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtsecure.engine.configuration import VerifyMode

if TYPE_CHECKING:
    from qtsecure.net.dtls_peer import DtlsPeer
    from qtsecure.net.ssl_socket import SslSocket

__all__ = ["isUnproven"]


def isUnproven(connection: SslSocket | DtlsPeer) -> bool:
    """Whether the certificate was not in order, or, on a client, nobody has looked whether it was.

    A server that asks its clients for nothing does not need to know who they are.
    """
    if connection.sslHandshakeErrors():
        return True
    engine = connection._engine()
    if engine is None or engine.server:
        return False
    configuration = engine.configuration
    isLax = configuration.verify_mode is VerifyMode.NONE or not configuration.verify_host_name
    return isLax and not configuration.pins and not engine.psk_used()
