"""What programs may give to carry datagrams, as one of our kinds of sockets."""

from __future__ import annotations

import socket
from typing import TypeAlias

from PySide6.QtCore import QObject
from PySide6.QtNetwork import QAbstractSocket, QUdpSocket
from shiboken6 import isValid

from qtsecure.engine.dtls import SMALLEST_MTU
from qtsecure.errors import SecureError
from qtsecure.net.datagram_transport import DatagramTransport
from qtsecure.net.datagrams.claims import claim, release
from qtsecure.net.datagrams.datagram_socket import DatagramOwner, DatagramSocket
from qtsecure.net.datagrams.program_datagrams import ProgramDatagrams
from qtsecure.net.datagrams.qt_datagrams import QtDatagrams
from qtsecure.net.datagrams.transport_datagrams import TransportDatagrams
from qtsecure.net.qt_objects.thread_guard import threadOf

__all__ = ["Carrier", "carrierProblem", "checkBound", "connectedSocket", "mtuOver"]

Carrier: TypeAlias = DatagramTransport | QUdpSocket | socket.socket
"""A transport, a connected QUdpSocket, or a connected UDP socket of Python's."""


def carrierProblem(carrier: object) -> str:
    """Why datagrams cannot be carried over this, after the words "the transport"; empty when they can.

    Raises:
        TypeError: It is nothing of the kind.
    """
    if isinstance(carrier, socket.socket):
        return _nativeProblem(carrier)
    if not isinstance(carrier, (DatagramTransport, QUdpSocket)):
        raise TypeError(
            f"transport must be a QUdpSocket, a socket.socket or a DatagramTransport, not {type(carrier).__name__}."
        )
    if not isValid(carrier):
        return "has been deleted"
    if not _isOfThisThread(carrier):
        return "lives in another thread"
    if isinstance(carrier, DatagramTransport):
        return "is closed" if carrier.isClosed() else ""
    if carrier.state() != QAbstractSocket.SocketState.ConnectedState:
        return "is a QUdpSocket that is not connected; call its connectToHost() first"
    return ""


def checkBound(udpSocket: QUdpSocket) -> None:
    """TypeError for anything but a QUdpSocket, ValueError unless it is bound and of this thread."""
    if not isinstance(udpSocket, QUdpSocket):
        raise TypeError(f"udpSocket must be a QUdpSocket, not {type(udpSocket).__name__}.")
    if not isValid(udpSocket):
        raise ValueError("udpSocket has been deleted; it must be bound.")
    if not _isOfThisThread(udpSocket):
        raise ValueError("udpSocket lives in another thread; it must be bound in this one.")
    if udpSocket.state() != QAbstractSocket.SocketState.BoundState:
        raise ValueError("udpSocket must be bound; call its bind() first.")


def connectedSocket(owner: DatagramOwner, carrier: Carrier) -> DatagramSocket:
    """Take it into use.

    Raises:
        OSError: The system refuses.
        TypeError: It is nothing of the kind.
        ValueError: It cannot be used, or is in use.
    """
    if problem := carrierProblem(carrier):
        raise ValueError(f"The transport {problem}.")
    if not claim(carrier):
        raise ValueError("The transport is in use already.")
    try:
        if isinstance(carrier, DatagramTransport):
            return TransportDatagrams(owner, carrier)
        if isinstance(carrier, QUdpSocket):
            return QtDatagrams(owner, carrier)
        return ProgramDatagrams(owner, carrier)
    except BaseException:
        release(carrier)
        raise


def mtuOver(carrier: Carrier, mtu: int) -> int:
    """The largest datagram to send, in bytes: ``mtu``, or less where the transport carries less.

    Raises:
        SecureError: It carries too little for DTLS.
    """
    hint = carrier.mtuHint() if isinstance(carrier, DatagramTransport) else 0
    if 0 < hint < SMALLEST_MTU:
        text = f"The transport carries at most {hint} bytes; DTLS needs datagrams of {SMALLEST_MTU}."
        raise SecureError(SecureError.Code.MessageTooLarge, text)
    return min(mtu, hint) if hint > 0 else mtu


def _isOfThisThread(carrier: QObject) -> bool:
    thread = threadOf(carrier)
    return thread is not None and thread.isCurrentThread()


def _nativeProblem(native: socket.socket) -> str:
    if native.fileno() < 0:
        return "is a socket that is closed"
    if native.type != socket.SOCK_DGRAM:
        return "is a socket for streams; DTLS needs one for datagrams"
    try:
        native.getpeername()
    except OSError:
        return "is a socket that is not connected; call its connect() first"
    return ""
