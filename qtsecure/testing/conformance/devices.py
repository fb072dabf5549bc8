"""QIODevices: as ends of a stream, and as what TLS runs over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import QIODevice
from shiboken6 import isValid

from qtsecure.testing.conformance.ends import StreamEnd
from qtsecure.testing.conformance.streams import StreamConformance, StreamPair
from qtsecure.testing.pki import PublicKeyInfrastructure

__all__ = ["DeviceConformance", "DeviceEnd"]

_SLICE = 65536


class DeviceEnd(StreamEnd):
    """A connected, sequential QIODevice: a QTcpSocket, an SslSocket, a class of the program's.

    Args:
        device: The device.
    """

    def __init__(self, device: QIODevice) -> None:
        super().__init__()
        self.device: Any = device
        self.halfCloses = hasattr(device, "shutdownWrite")
        self.limitsReading = hasattr(device, "setReadBufferSize")
        self._rest = bytearray()
        self._closing = False
        device.readyRead.connect(self._readable)
        device.bytesWritten.connect(self._writeOn)
        if hasattr(device, "errorOccurred"):
            device.errorOccurred.connect(self._failed)
        if hasattr(device, "disconnected"):
            # Such a device may say readChannelFinished twice: while it is connected, and when it is not any more.
            device.disconnected.connect(self._disconnected)
        else:
            device.readChannelFinished.connect(self._finished)

    def write(self, data: bytes) -> bool:
        if not isValid(self.device) or not self.device.isOpen() or self._closing or self.isOver():
            return False
        if not self._rest:
            taken = self.device.write(data)
            if taken < 0:
                return False
            data = data[taken:]
        self._rest += data
        return True

    def unsent(self) -> int:
        if not isValid(self.device):
            return 0
        ciphertext = self.device.encryptedBytesToWrite() if hasattr(self.device, "encryptedBytesToWrite") else 0
        return len(self._rest) + int(self.device.bytesToWrite()) + int(ciphertext)

    def read(self) -> bytes:
        return bytes(self.device.readAll().data()) if isValid(self.device) and self.device.isOpen() else b""

    def available(self) -> int:
        return int(self.device.bytesAvailable()) if isValid(self.device) else 0

    def endWriting(self) -> None:
        self.device.shutdownWrite()

    def limitReading(self, size: int) -> None:
        self.device.setReadBufferSize(size)

    def close(self) -> None:
        self._closing = True
        self._finish()

    def abort(self) -> None:
        from qtsecure.net.transports.devices import abortDevice

        self._closing = True
        self._rest.clear()
        if isValid(self.device):
            abortDevice(self.device)

    def isOver(self) -> bool:
        if not isValid(self.device) or not self.device.isOpen() or "readChannelFinished" in self.told:
            return True
        state = getattr(self.device, "state", None)
        return callable(state) and state().name == "UnconnectedState"

    # Methods and no lambdas: those would keep this object and the device alive for ever.

    def _failed(self, error: object) -> None:
        self.told.append("errorOccurred")

    def _disconnected(self) -> None:
        self.told.append("disconnected")

    def _finished(self) -> None:
        self.told.append("readChannelFinished")

    def _readable(self) -> None:
        self._react()

    def _writeOn(self) -> None:
        while self._rest and self.device.isOpen():
            taken = self.device.write(bytes(self._rest[:_SLICE]))
            if taken <= 0:
                break
            del self._rest[:taken]
        if self._closing:
            self._finish()

    def _finish(self) -> None:
        from qtsecure.net.transports.devices import finishDevice

        if isValid(self.device) and not self._rest and not self.isOver():
            finishDevice(self.device)


class DeviceConformance(StreamConformance):
    """Checks devices for ``SslSocket(transport=...)``; derive from it and define the fixture ``devices``.

    All of StreamConformance, and TLS over them.
    """

    @pytest.fixture
    def devices(self) -> tuple[QIODevice, QIODevice]:
        """A connected pair. To be overridden."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture 'devices' that gives two QIODevices.")

    @pytest.fixture
    def streams(self, devices: tuple[QIODevice, QIODevice]) -> tuple[Any, Any]:
        """The devices themselves."""
        return devices

    @pytest.fixture
    def secured(
        self, devices: tuple[QIODevice, QIODevice], qtsecure_pki: PublicKeyInfrastructure
    ) -> Iterator[StreamPair]:
        """SslSockets over the devices, encrypted."""
        from qtsecure.net.ssl_socket import SslSocket
        from qtsecure.net.values import SslConfiguration

        client, server = (SslSocket(transport=device) for device in devices)
        client.setSslConfiguration(SslConfiguration.forClient([qtsecure_pki.ca.certificate]))
        client.setPeerVerifyName("localhost")
        identity = qtsecure_pki.server
        server.setSslConfiguration(SslConfiguration.forServer(list(identity.chain), identity.privateKey))
        server.startServerEncryption()
        client.startClientEncryption()
        self.waitFor(lambda: client.isEncrypted() and server.isEncrypted(), "The handshake did not complete")
        yield DeviceEnd(client), DeviceEnd(server)
        for socket in (client, server):
            if isValid(socket):
                socket.abort()
        self.settle()

    def test_tls_over_them(self, secured: StreamPair) -> None:
        """In both directions, to a clean end."""
        self.test_big_writes_in_both_directions(secured)
        secured[0].write(b"goodbye")
        secured[0].close()
        self._over(*secured)
        assert secured[1].device.peerClosedCleanly(), "The end was cut off: close_notify did not come."  # type: ignore[attr-defined]  # a DeviceEnd

    def test_tls_with_a_slow_reader(self, secured: StreamPair) -> None:
        """It is felt through the devices."""
        self.test_who_does_not_read_is_felt(secured)

    @pytest.mark.parametrize("way", ["close", "abort"])
    def test_the_end_of_a_device_ends_tls(
        self, devices: tuple[QIODevice, QIODevice], secured: StreamPair, way: str
    ) -> None:
        """On both sides, once, and not as a clean end."""
        getattr(DeviceEnd(devices[0]), way)()
        self._over(*secured)
        self.settle()
        self._toldOnce(*secured)
        assert not secured[1].device.peerClosedCleanly()  # type: ignore[attr-defined]  # a DeviceEnd
