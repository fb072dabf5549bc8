"""Every signal of a socket or server, with its arguments under their names: for logs and the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias
from weakref import ref

from PySide6.QtCore import QMetaMethod, QMetaObject, QObject
from PySide6.QtNetwork import QAbstractSocket, QSsl, QSslSocket

from qtsecure.errors import SecureError
from qtsecure.net.dtls_peer import DtlsPeer
from qtsecure.net.questions.certificate_request import CertificateRequest
from qtsecure.net.servers.dtls_server import DtlsServer
from qtsecure.net.servers.ssl_server import SslServer
from qtsecure.net.socket_client.client import SocketClient
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.values import PreSharedKeyAuthenticator, SslError

__all__ = ["NOISE", "Fields", "encryptionOf", "endedCleanly", "peerOf", "watchServer", "watchSocket"]

Fields: TypeAlias = Mapping[str, "str | int | bool | list[str]"]
"""The arguments of a signal by name."""

NOISE = frozenset({"aboutToClose", "bytesWritten", "encryptedBytesWritten", "readChannelFinished", "readyRead"})
"""Signals that people do not want to see."""

# Of QObject and QIODevice: they say nothing about a connection.
_NOT_WATCHED = {"channelBytesWritten", "channelReadyRead", "destroyed", "objectNameChanged"}
# To be connected to this signal means to offer or accept pre-shared keys.
_PSK = "preSharedKeyAuthenticationRequired"
# To be connected to this one means to choose the configuration of each client.
_CHOICE = "certificateRequired"
# Of DtlsPeer: the messages, which the commands read for themselves, and what they tell with more fields.
_OF_THE_COMMANDS = {"datagramReceived", "closed"}

_Emit = Callable[[str, Fields], None]


def watchSocket(socket: SslSocket | DtlsPeer, emit: _Emit, *, psk: bool = False) -> list[QMetaObject.Connection]:
    """Hand every signal of a socket to ``emit``, without keeping the socket alive.

    Args:
        socket: The socket.
        emit: Takes the name of a signal and its arguments.
        psk: Whether the socket uses pre-shared keys.

    Returns:
        The connections, for ``QObject.disconnect()``.
    """
    return [
        getattr(socket, name).connect(_socketSlot(socket, name, emit))
        for name in _signalNames(socket)
        if name not in _OF_THE_COMMANDS and name != _CHOICE and (name != _PSK or psk)
    ]


def watchServer(
    server: SslServer | DtlsServer | SocketClient, emit: _Emit, *, psk: bool = False
) -> list[QMetaObject.Connection]:
    """Hand every signal of a server, or of a client of many connections, to ``emit``.

    Its first argument, the socket, becomes ``peer``.
    """
    return [
        getattr(server, name).connect(_serverSlot(server, name, emit))
        for name in _signalNames(server)
        if name != _CHOICE and (name != _PSK or psk)
    ]


def encryptionOf(socket: SslSocket | DtlsPeer) -> Fields:
    """What the handshake agreed on."""
    return {
        "protocol": socket.sessionProtocol().name,
        "cipher": socket.sessionCipher().name(),
        "group": socket.keyExchangeGroup(),
        "alpn": socket.negotiatedProtocol(),
        "reused": socket.isSessionReused(),
    }


def endedCleanly(socket: SslSocket | DtlsPeer) -> bool:
    """Whether the connection ended with the peer's goodbye."""
    return socket.peerClosedCleanly() if isinstance(socket, SslSocket) else socket.error() is None


def peerOf(socket: SslSocket | DtlsPeer) -> str:
    """The address and port of the other end."""
    address = socket.peerAddress()
    host = address.toString()
    if address.protocol() == QAbstractSocket.NetworkLayerProtocol.IPv6Protocol:
        host = f"[{host}]"
    return f"{host}:{socket.peerPort()}"


def _signalNames(obj: QObject) -> Iterator[str]:
    meta = obj.metaObject()
    methods = (meta.method(index) for index in range(meta.methodCount()))
    names = (bytes(m.name().data()).decode() for m in methods if m.methodType() == QMetaMethod.MethodType.Signal)
    # A name comes twice when a class declares a signal of its base anew.
    return iter(dict.fromkeys(name for name in names if name not in _NOT_WATCHED))


# Signals carry arguments of any type, so slots for all of them cannot be more precise. They are functions
# that the connection keeps, so they must not keep the sender: it would never go.


def _socketSlot(socket: SslSocket | DtlsPeer, name: str, emit: _Emit) -> Callable[..., None]:
    sender = ref(socket)
    return lambda *arguments: emit(name, _fields(sender(), name, arguments))


def _serverSlot(server: SslServer | DtlsServer | SocketClient, name: str, emit: _Emit) -> Callable[..., None]:
    sender = ref(server)

    def slot(*arguments: Any) -> None:
        if arguments and isinstance(arguments[0], (SslSocket, DtlsPeer)):
            socket, *rest = arguments
            emit(name, {"peer": peerOf(socket), **_fields(socket, name, tuple(rest))})
        else:
            told = sender() if name == "acceptError" else None
            text = {"text": told.errorString()} if isinstance(told, SslServer) else {}
            emit(name, {**_fields(None, name, arguments), **text})

    return slot


def _fields(socket: SslSocket | DtlsPeer | None, name: str, arguments: tuple[Any, ...]) -> Fields:
    if name == "encrypted" and socket is not None:
        return encryptionOf(socket)
    if name == "handshakeMessage" and len(arguments) == 3:
        return dict(zip(("direction", "name", "size"), arguments, strict=True))
    if name == "clientEvent":
        step, connectable, _ = arguments
        return {"step": step.name, "to": str(connectable)}
    fields: dict[str, str | int | bool | list[str]] = {}
    for argument in arguments:
        fields.update(_named(name, argument))
    if name == "errorOccurred" and isinstance(socket, SslSocket):
        fields["text"] = socket.errorString()
    return fields


def _named(name: str, argument: Any) -> Fields:
    """One argument under the name that it has in the documentation of the signal."""
    match argument:
        case QAbstractSocket.SocketState():
            return {"state": argument.name}
        case QAbstractSocket.SocketError():
            return {"error": argument.name}
        case QSslSocket.SslMode():
            return {"mode": argument.name}
        case QSsl.AlertLevel():
            return {"level": argument.name}
        case QSsl.AlertType():
            return {"type": argument.name}
        case SslError():
            return {"code": argument.error().name, "text": argument.errorString(), "depth": argument.depth()}
        case [*errors] if all(isinstance(error, SslError) for error in errors):
            return {
                "codes": [error.error().name for error in errors],
                "texts": [error.errorString() for error in errors],
            }
        case PreSharedKeyAuthenticator():
            identity, hint = argument.identity(), argument.identityHint()
            return {"identity": _decoded(identity.data()), "identityHint": _decoded(hint.data())}
        case CertificateRequest():
            return {"host": argument.hostName(), "codes": [error.error().name for error in argument.errors()]}
        case SecureError():
            return {"error": argument.code.name, "text": argument.message}
        case int() if name == "statusChanged":
            return {"status": DtlsPeer.Status(argument).name}
        case int():
            return {"bytes": argument}
        case _:
            return {"text": str(argument)}


def _decoded(data: bytes | bytearray | memoryview) -> str:
    return bytes(data).decode("utf-8", "replace")
