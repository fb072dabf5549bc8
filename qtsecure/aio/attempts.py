"""What becomes of a connection whose call fails or is cancelled."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from shiboken6 import isValid

from qtsecure.net.dtls_peer import DtlsPeer
from qtsecure.net.ssl_socket import SslSocket

__all__ = ["abandonedOnFailure"]


@contextmanager
def abandonedOnFailure(end: SslSocket | DtlsPeer, *, delete: bool = False) -> Iterator[None]:
    """Abort the connection when the body raises, a cancellation included: half a handshake is of no use.

    Args:
        end: The connection; a slot may delete it meanwhile.
        delete: The call has made it, so nobody else knows of it.
    """
    try:
        yield
    except BaseException:
        if isValid(end):
            end.abort()
        if delete and isValid(end):
            end.deleteLater()
        raise
