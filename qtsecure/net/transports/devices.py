"""What QIODevices have in common as transports, and what sets them apart.

Sockets are told by their methods, not by their classes: Qt's TCP and local sockets share no base but
QIODevice, and an SslSocket is a transport as well.
"""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QIODevice
from PySide6.QtNetwork import QAbstractSocket, QLocalSocket
from shiboken6 import isValid

from qtsecure.errors import SecureError
from qtsecure.net.native_sockets.addresses import Ends
from qtsecure.net.qt_objects.thread_guard import threadOf

__all__ = ["abortDevice", "checkDevice", "deviceEnds", "deviceSocketError", "finishDevice", "isClosing", "isConnected"]

# Of QAbstractSocket, QLocalSocket and QProcess.
_NOT_CONNECTED = {
    "UnconnectedState",
    "HostLookupState",
    "ConnectingState",
    "BoundState",
    "ListeningState",
    "NotRunning",
    "Starting",
}
_ReadWrite = QIODevice.OpenModeFlag.ReadWrite


def checkDevice(device: object) -> QIODevice:
    """The device, if TLS can run over it.

    Raises:
        TypeError: It is no QIODevice, or one whose writing is not safe (see ``_refuseBrokenWrite``).
        SecureError: It is not open for reading and writing, not connected, not sequential, not of
            this thread, or deleted.
    """
    if not isinstance(device, QIODevice):
        raise TypeError(f"transport must be a QIODevice, not {type(device).__name__}.")
    name = type(device).__name__
    problem = ""
    if not isValid(device):
        problem = "has been deleted"
    elif device.openMode() & _ReadWrite != _ReadWrite:
        problem = "is not open for reading and writing; open it first"
    elif not isConnected(device):
        problem = "is not connected; wait for its signal connected()"
    elif not device.isSequential():
        problem = "is no stream: what is written to it would be read back"
    elif isinstance(device, QAbstractSocket) and device.socketType() == QAbstractSocket.SocketType.UdpSocket:
        problem = "carries datagrams; TLS needs a stream"
    elif (thread := threadOf(device)) is None or not thread.isCurrentThread():
        problem = "lives in another thread; move it here, or make the SslSocket there"
    if problem:
        raise SecureError(SecureError.Code.InvalidArgument, f"transport: this {name} {problem}.")
    _refuseBrokenWrite(type(device))
    return device


def _refuseBrokenWrite(kind: type) -> None:
    """Raise for devices whose write() would end in a writeData() written in Python.

    PySide hands that a str that ends at the first NUL, and crashes on bytes that are not UTF-8.
    """
    for base in kind.__mro__:
        python = not base.__module__.startswith("PySide6.")
        if python and "write" in base.__dict__:
            return  # we call it, with bytes
        if python and "writeData" in base.__dict__:
            break
        if not python:
            if base is QIODevice and base is not kind:
                break  # a Python class on the abstract one, without any way of writing
            return  # C++ all the way down
    raise TypeError(
        f"transport: {kind.__name__} must define write(self, data: bytes) -> int in Python; "
        "PySide6 cannot pass binary data to writeData()."
    )


def isConnected(device: QIODevice) -> bool:
    """Whether bytes written now can still go out; Qt's sockets crash on a write while they disconnect."""
    if not device.isOpen():
        return False
    state = getattr(device, "state", None)
    return not callable(state) or getattr(state(), "name", "") not in _NOT_CONNECTED


def isClosing(device: QIODevice) -> bool:
    """Whether a device is about to end: it may still deliver what it holds, and need not take more."""
    state = getattr(device, "state", None) if isValid(device) else None
    return callable(state) and getattr(state(), "name", "") == "ClosingState"


def finishDevice(device: QIODevice) -> None:
    """Let the device deliver what it holds and end; to be called again when one that is no socket has written."""
    for name in ("disconnectFromHost", "disconnectFromServer", "closeWriteChannel"):
        if hasattr(device, name):
            getattr(device, name)()
            return
    if not device.bytesToWrite():
        device.close()


def abortDevice(device: QIODevice) -> None:
    """End the device now."""
    if hasattr(device, "abort"):
        device.abort()
    elif device.isOpen():
        device.close()


def deviceSocketError(error: Any) -> QAbstractSocket.SocketError:
    """A socket's error; QLocalSocket's values are the same numbers under another type."""
    if isinstance(error, QAbstractSocket.SocketError):
        return error
    if isinstance(error, QLocalSocket.LocalSocketError):
        return QAbstractSocket.SocketError(error.value)
    return QAbstractSocket.SocketError.NetworkError


def deviceEnds(device: Any) -> Ends:
    """Both ends of a socket; null for a device that is none."""
    if not hasattr(device, "peerPort"):
        return Ends()
    return Ends((device.localAddress(), device.localPort()), (device.peerAddress(), device.peerPort()))
