"""Which UDP sockets are used here; the same choice as for connections."""

from __future__ import annotations

from qtsecure.net.datagrams.datagram_socket import DatagramOwner, UdpSocket
from qtsecure.net.datagrams.qt_datagrams import QtDatagrams
from qtsecure.net.datagrams.reactor_datagrams import ReactorDatagrams
from qtsecure.net.transports.choice import usesReactor

__all__ = ["makeDatagramSocket"]


def makeDatagramSocket(owner: DatagramOwner) -> UdpSocket:
    """A UDP socket of the kind that this process uses; neither bound nor connected."""
    return ReactorDatagrams(owner) if usesReactor() else QtDatagrams(owner)
