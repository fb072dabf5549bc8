"""Binding to an own address, and the options of the native socket."""

from __future__ import annotations

from PySide6.QtNetwork import QAbstractSocket, QHostAddress

from qtsecure.net import late
from qtsecure.net.native_sockets.addresses import checkPort
from qtsecure.net.ssl_socket.connecting import Connecting

__all__ = ["SocketOptions"]

_State = QAbstractSocket.SocketState
_Address = QHostAddress | QHostAddress.SpecialAddress | str
_BindFlag = QAbstractSocket.BindFlag


class SocketOptions(Connecting):
    """The methods of SslSocket that concern the own end and the native socket."""

    def bind(
        self,
        address: _Address | int = QHostAddress.SpecialAddress.Any,
        port: int | QAbstractSocket.BindFlag = 0,
        mode: QAbstractSocket.BindFlag = _BindFlag.DefaultForPlatform,
    ) -> bool:
        """Choose the own address and port of the next connection (QAbstractSocket::bind).

        Qt's two forms: ``bind(address, port, mode)`` and ``bind(port, mode)``.

        Args:
            address: One of this machine's addresses; the default leaves the choice to the system.
            port: 0 to 65535; 0 lets the system choose.
            mode: Whether the address may be shared.

        Returns:
            True, in BoundState, or False with errorOccurred.

        Raises:
            TypeError, ValueError: For an unusable argument.
        """
        self._refuseInsideEngine("bind")
        if isinstance(address, int):
            if isinstance(port, _BindFlag):
                mode = port
            elif port:
                raise TypeError("bind() takes (address, port, mode) or (port, mode).")
            own, port = QHostAddress(QHostAddress.SpecialAddress.Any), checkPort(address)
        else:
            own, port = _ownAddress(address), checkPort(port)
        if self._state != _State.UnconnectedState:
            self._reportError(
                QAbstractSocket.SocketError.OperationError, "Only an unconnected socket can be bound; disconnect first."
            )
            return False
        self._resetConnection()
        transport = late.makeStream(self._dataPath)
        if failure := transport.bind(own, port, mode):
            transport.abort()
            self._reportError(*failure)
            return False
        self._dataPath.transport = transport
        self._attempt.ends = transport.ends()
        # For a second attempt, which needs a socket of its own with the same address and port.
        self._attempt.bound = (own, self.localPort(), mode)
        return self._setState(_State.BoundState) and self._isIn(_State.BoundState)

    def setSocketOption(self, option: QAbstractSocket.SocketOption, value: int) -> None:
        """Set an option of the native socket; without effect while there is none (QAbstractSocket::setSocketOption).

        Args:
            option: LowDelayOption (on by default), KeepAliveOption, TypeOfServiceOption,
                SendBufferSizeSocketOption or ReceiveBufferSizeSocketOption; others are ignored.
            value: A number.

        Raises:
            TypeError: For arguments of other types.
        """
        _checkOption(option)
        if not isinstance(value, int):
            raise TypeError(f"value must be an int, not {type(value).__name__}.")
        transport = self._dataPath.transport
        if transport is None:
            return
        try:
            transport.setOption(option, int(value))
        except OSError as error:
            self._warn(f"setSocketOption({option.name}, {value}) failed: {error.strerror}.")

    def socketOption(self, option: QAbstractSocket.SocketOption) -> int | None:
        """The value of an option, or None without a native socket that has it.

        Raises:
            TypeError: For anything but an option.
        """
        _checkOption(option)
        transport = self._dataPath.transport
        return transport.option(option) if transport is not None else None

    def socketType(self) -> QAbstractSocket.SocketType:
        """Always TcpSocket."""
        return QAbstractSocket.SocketType.TcpSocket


def _ownAddress(address: object) -> QHostAddress:
    if isinstance(address, (QHostAddress, QHostAddress.SpecialAddress)):
        return QHostAddress(address)
    if not isinstance(address, str):
        raise TypeError(f"address must be a QHostAddress or a str, not {type(address).__name__}.")
    own = QHostAddress()
    if not own.setAddress(address):
        raise ValueError(f"address must be an IP address, not {address!r}.")
    return own


def _checkOption(option: object) -> None:
    if not isinstance(option, QAbstractSocket.SocketOption):
        raise TypeError(f"option must be a QAbstractSocket.SocketOption, not {type(option).__name__}.")
