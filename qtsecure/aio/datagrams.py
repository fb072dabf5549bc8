"""DtlsPeer: connecting, sending and receiving messages."""

from __future__ import annotations

import asyncio

from PySide6.QtCore import QObject

from qtsecure.aio.alive import checkAlive
from qtsecure.aio.attempts import abandonedOnFailure
from qtsecure.aio.signals import until
from qtsecure.errors import SecureError
from qtsecure.net.dtls_peer import DtlsPeer
from qtsecure.net.values import ConfigurationSource

__all__ = ["closePeer", "connectDtls", "readMessage"]

_ALIVE = (DtlsPeer.Status.Handshaking, DtlsPeer.Status.Connected)


async def connectDtls(
    host: str,
    port: int,
    *,
    configuration: ConfigurationSource | None = None,
    peerVerifyName: str = "",
    peer: DtlsPeer | None = None,
    parent: QObject | None = None,
) -> DtlsPeer:
    """Make a DTLS association with a server (DtlsPeer.connectToHost).

    Args:
        host: A name or an address.
        port: 1 to 65535.
        configuration: What to trust and how; that of the peer if it is left out.
        peerVerifyName: What the certificate must prove, if not ``host``.
        peer: One without an association to use, for example with slots for its questions; else a new one.
        parent: The QObject that owns a new peer.

    Returns:
        The connected peer. End it with close(); deleteLater() it when it has a parent.

    Raises:
        TypeError, ValueError: For an unusable argument.
        SecureError: There is no association; the code and the sentence say why. ``Pending`` when ``peer`` has one
            already, which it keeps.
        asyncio.CancelledError: The attempt has been aborted.
    """
    made = peer is None
    if peer is None:
        peer = DtlsPeer(parent)
    else:
        checkAlive(peer, DtlsPeer, name="peer")
        if peer.status() in _ALIVE:
            raise SecureError(
                SecureError.Code.Pending, "peer has an association already; close() it, or use another DtlsPeer."
            )
    with abandonedOnFailure(peer, delete=made):
        peer.connectToHost(host, port, peerVerifyName, configuration)
        await until(
            peer,
            lambda: peer.status() != DtlsPeer.Status.Handshaking,
            peer.encrypted,
            peer.statusChanged,
            peer.errorOccurred,
        )
        # The other end may say something and leave before the task runs again: that is for read() to tell.
        left = peer._attempt.readEnded or peer.hasPendingDatagrams()
        if not peer.isEncrypted() and (peer.error() is not None or not left):
            raise _why(peer)
    return peer


async def readMessage(peer: DtlsPeer) -> bytes:
    """The next message; b"" when the association has ended in good order. Messages are never empty."""

    def ready() -> bool:
        return peer.hasPendingDatagrams() or peer.status() not in _ALIVE

    await until(peer, ready, peer.readyRead, peer.statusChanged, peer.disconnected)
    message = peer.readDatagram()
    failure = peer.error()
    if not message and failure is not None:
        raise failure
    return message


async def closePeer(peer: DtlsPeer) -> None:
    """Say goodbye; nothing is waited for, as a goodbye may get lost."""
    peer.close()
    await asyncio.sleep(0)


def _why(peer: DtlsPeer) -> SecureError:
    return peer.error() or SecureError(SecureError.Code.Closed, "The association was ended by this program.")
