"""TLS over a device that the program has opened; the device itself is in ``transports.device_stream``."""

from __future__ import annotations

from PySide6.QtCore import QIODevice
from PySide6.QtNetwork import QAbstractSocket, QHostAddress

from qtsecure.errors import SecureError
from qtsecure.net import late
from qtsecure.net.ssl_socket.connecting import Connecting
from qtsecure.net.ssl_socket.proxies import Proxies

__all__ = ["OverDevice"]


class OverDevice(Proxies):
    """What is different for a socket that was made with ``transport=``."""

    _isOverDevice = False

    def _runOver(self, device: QIODevice, *, awaitsTls: bool = False) -> None:
        transport = late.DeviceStream(self._dataPath, device)
        peerName = device.peerName() if hasattr(device, "peerName") else ""
        Connecting._adopt(self, transport, QIODevice.OpenModeFlag.ReadWrite, peerName, awaitsTls=awaitsTls)
        self._isOverDevice = True

    def _refuseOverDevice(self, method: str) -> None:
        """Raise for what would silently leave the device, which may have been a tunnel or a proxy."""
        if self._isOverDevice:
            raise SecureError(
                SecureError.Code.NotSupported,
                f"{method}() would leave the device that this SslSocket was made to run over; make another SslSocket.",
            )

    def _begin(
        self,
        hostName: str,
        port: int,
        mode: QIODevice.OpenModeFlag,
        protocol: QAbstractSocket.NetworkLayerProtocol,
        *,
        encrypts: bool,
    ) -> None:
        OverDevice._refuseOverDevice(self, "connectToHostEncrypted" if encrypts else "connectToHost")
        super()._begin(hostName, port, mode, protocol, encrypts=encrypts)

    def setSocketDescriptor(
        self,
        socketDescriptor: int,
        state: QAbstractSocket.SocketState = QAbstractSocket.SocketState.ConnectedState,
        openMode: QIODevice.OpenModeFlag = QIODevice.OpenModeFlag.ReadWrite,
    ) -> bool:
        OverDevice._refuseOverDevice(self, "setSocketDescriptor")
        return super().setSocketDescriptor(socketDescriptor, state, openMode)

    def bind(
        self,
        address: QHostAddress | QHostAddress.SpecialAddress | str | int = QHostAddress.SpecialAddress.Any,
        port: int | QAbstractSocket.BindFlag = 0,
        mode: QAbstractSocket.BindFlag = QAbstractSocket.BindFlag.DefaultForPlatform,
    ) -> bool:
        OverDevice._refuseOverDevice(self, "bind")
        return super().bind(address, port, mode)
