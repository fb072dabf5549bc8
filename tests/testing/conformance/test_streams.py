"""Every stream of ours does what the suite demands, and so do the devices that TLS may run over."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QIODevice

from qtsecure import SslSocket
from qtsecure.net.values import Protocol
from qtsecure.testing import LinkedDevices, PublicKeyInfrastructure, StreamLink
from qtsecure.testing.conformance import DeviceConformance, DeviceEnd, StreamConformance
from tests.net.carriers import CARRIERS, pipePair, tcpPair
from tests.net.conftest import MakeConversation, make_conversation

__all__ = ["make_conversation"]  # a fixture

Devices = tuple[QIODevice, QIODevice]


class TestSslSockets(StreamConformance):
    """Over both transports, and with both versions of the protocol."""

    @pytest.fixture(params=[Protocol.TlsV1_2, Protocol.TlsV1_3], ids=lambda protocol: protocol.name)
    def streams(
        self, request: pytest.FixtureRequest, transport_mode: str, make_conversation: MakeConversation
    ) -> tuple[SslSocket, SslSocket]:
        conversation = make_conversation(request.param)
        peer = conversation.establish()
        return conversation.client, peer


class TestPlainSslSockets(StreamConformance):
    """Before TLS begins."""

    @pytest.fixture
    def streams(self, transport_mode: str, qapp: object) -> tuple[DeviceEnd, DeviceEnd]:
        ends = []
        for below in tcpPair():
            socket = SslSocket()
            assert socket.setSocketDescriptor(os.dup(below.socketDescriptor()))
            below.abort()  # the other descriptor stays
            end = DeviceEnd(socket)
            # A QTcpSocket drops what it has not sent when its peer ends.
            end.halfCloses = transport_mode == "reactor"
            ends.append(end)
        return ends[0], ends[1]


class TestDevices(DeviceConformance):
    """Sockets of Qt, devices written in Python, TLS in TLS."""

    @pytest.fixture(params=list(CARRIERS))
    def devices(self, request: pytest.FixtureRequest, qapp: object, qtsecure_pki: PublicKeyInfrastructure) -> Devices:
        self.bounded = request.param != "pipe"
        if request.param == "narrow pipe":
            return pipePair(20_000)  # wide enough for megabytes
        return CARRIERS[request.param](qtsecure_pki)


class TestSimulatedConnections(DeviceConformance):
    """The devices of a StreamLink, with its small segments, jitter and window; the suite waits in simulated time."""

    @pytest.fixture
    def devices(self, qapp: object) -> Iterator[Devices]:
        link = StreamLink(seed=1, segments=(1, 20_000), coalesce=0.3, delay=0.001, jitter=0.001, window=60_000)
        with LinkedDevices(link) as self._linked:
            yield self._linked.client, self._linked.server

    def wait(self, condition: Callable[[], bool], timeout: int) -> bool:
        return self._linked.run(condition, timeout / 1000)

    def settle(self) -> None:
        self.wait(lambda: False, 50)
