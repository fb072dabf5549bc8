"""SslSocket: connecting and encrypting, reading and writing a stream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from weakref import ref

from PySide6.QtCore import QObject
from PySide6.QtNetwork import QAbstractSocket, QSslSocket
from shiboken6 import isValid

from qtsecure.aio.alive import checkAlive
from qtsecure.aio.attempts import abandonedOnFailure
from qtsecure.aio.signals import until
from qtsecure.errors import SecureError
from qtsecure.net.arguments import checkLeast
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.values import ConfigurationSource, configurationFrom

__all__ = [
    "closeStream",
    "connectEncrypted",
    "drainStream",
    "readExactly",
    "readLine",
    "readStream",
    "startClientEncryption",
    "writeStream",
]

_UNCONNECTED = QAbstractSocket.SocketState.UnconnectedState
_CONNECTED = QAbstractSocket.SocketState.ConnectedState
_REMOTE_CLOSED = QAbstractSocket.SocketError.RemoteHostClosedError
_PLAIN = QSslSocket.SslMode.UnencryptedMode
_LONGEST_LINE = 65536


async def connectEncrypted(
    host: str,
    port: int,
    *,
    configuration: ConfigurationSource | None = None,
    peerVerifyName: str = "",
    socket: SslSocket | None = None,
    parent: QObject | None = None,
) -> SslSocket:
    """Connect to a TLS server and complete the handshake (QSslSocket::connectToHostEncrypted).

    Args:
        host: A name or an address.
        port: 1 to 65535.
        configuration: What to trust and how; that of the socket if it is left out.
        peerVerifyName: What the certificate must prove, if not ``host``.
        socket: An unconnected one to use, for example with slots for its questions; else a new one.
        parent: The QObject that owns a new socket.

    Returns:
        The encrypted socket. End it with close(); deleteLater() it when it has a parent.

    Raises:
        TypeError, ValueError: For an unusable argument.
        SecureError: There is no connection; the code and the sentence say why. ``Pending`` when ``socket`` is
            connected already, which it stays.
        asyncio.CancelledError: The attempt has been aborted.
    """
    made = socket is None
    if socket is None:
        socket = SslSocket(parent)
    else:
        checkAlive(socket, SslSocket, name="socket")
        if socket.state() != _UNCONNECTED:
            raise SecureError(
                SecureError.Code.Pending, "socket has a connection already; close() it, or use another SslSocket."
            )
    with abandonedOnFailure(socket, delete=made):
        if configuration is not None:
            socket.setSslConfiguration(configurationFrom(configuration, role="client"))
        socket.connectToHostEncrypted(host, port, peerVerifyName or host)
        await _encrypted(socket)
    return socket


async def startClientEncryption(socket: SslSocket) -> None:
    """Begin TLS on a connected socket, and complete the handshake (QSslSocket::startClientEncryption).

    Raises:
        SecureError: The handshake failed, or the socket is in no state for one: ``Closed`` when it is not connected.
        asyncio.CancelledError: The connection has been aborted: half a handshake is of no use.
    """
    checkAlive(socket, SslSocket, name="socket")
    if socket.state() != _CONNECTED:  # the socket would only warn, and the handshake never come
        raise socket.failure() or SecureError(
            SecureError.Code.Closed, "socket is not connected; wait until it is, or use connectEncrypted()."
        )
    socket.startClientEncryption()
    with abandonedOnFailure(socket):
        await _encrypted(socket)


async def readStream(socket: SslSocket, maxSize: int) -> bytes:
    """What has come, as soon as something has; b"" at the end of the stream."""
    await _readable(socket, 1)
    return socket.readBytes(maxSize) or _end(socket)


async def readExactly(socket: SslSocket, size: int) -> bytes:
    """So many bytes, not one less.

    Args:
        socket: Where to read.
        size: How many bytes; not more than setReadBufferSize() lets in.

    Raises:
        TypeError, ValueError: ``size`` is no int, negative, or more than the socket may hold.
        asyncio.IncompleteReadError: The stream has ended before, in good order; ``partial`` is what came.
        SecureError: The connection broke.
    """
    checkAlive(socket, SslSocket, name="socket")
    checkLeast(size, 0, name="size")
    await _readable(socket, _fitting(socket, size, name="size"))
    if socket.bytesAvailable() >= size:
        return socket.readBytes(size)
    _checkEnd(socket)
    raise asyncio.IncompleteReadError(socket.readBytes(), size)


async def readLine(socket: SslSocket, maxSize: int = 0) -> bytes:
    """The next line with its newline; at the end of the stream what is left, and then b"".

    Args:
        socket: Where to read.
        maxSize: The longest line in bytes; 0 for 64 KiB, or what setReadBufferSize() lets in.

    Raises:
        TypeError, ValueError: ``maxSize`` is no int, negative, or more than the socket may hold.
        SecureError: ``MessageTooLarge`` for a longer line, which stays readable; or the connection broke.
    """
    checkAlive(socket, SslSocket, name="socket")
    checkLeast(maxSize, 0, name="maxSize")
    limit = _fitting(socket, maxSize, name="maxSize") or min(_LONGEST_LINE, socket.readBufferSize() or _LONGEST_LINE)
    await _readable(socket, limit, socket.canReadLine)
    start = bytes(socket.peek(limit).data())
    size = start.find(b"\n") + 1
    if not size and len(start) >= limit:
        raise SecureError(
            SecureError.Code.MessageTooLarge,
            f"The line is longer than {limit} bytes; read it in pieces, or end the connection.",
        )
    if not size:
        _checkEnd(socket)
    return socket.readBytes(size or len(start))


async def writeStream(socket: SslSocket, data: bytes) -> None:
    """Queue everything, waiting for room where setWriteBufferLimit() asks for it."""
    if isinstance(data, str):
        raise TypeError("data must be bytes, not str; encode text first.")
    rest = memoryview(data).cast("B")  # write() counts bytes, whatever the items are
    while rest:
        # Not all that is left: write() would copy it each time.
        taken = socket.write(rest[: socket.writeBufferLimit() or None])
        if taken < 0:
            raise _brokenWrite(socket)
        rest = rest[taken:]
        if rest:
            full = socket.bytesToWrite()

            def room(full: int = full) -> bool:
                return socket.bytesToWrite() < full or socket.state() == _UNCONNECTED

            await until(socket, room, socket.bytesWritten, socket.disconnected)


async def drainStream(socket: SslSocket) -> None:
    """Wait until the system has taken everything that was written."""

    # The end of a connection empties the queues, so they are looked at while it stands: in the slot, as the
    # other end may have closed before the task runs again.
    watched = ref(socket)
    drained = False

    def look(*_: object) -> None:
        nonlocal drained
        end = watched()
        if end is not None and isValid(end) and end.state() != _UNCONNECTED:
            drained = drained or not _unsent(end)

    def ready() -> bool:
        look()
        return drained or socket.state() == _UNCONNECTED

    progress = (socket.bytesWritten, socket.encryptedBytesWritten)
    connections = [signal.connect(look) for signal in progress]
    try:
        await until(socket, ready, *progress, socket.disconnected)
    except SecureError:
        if not drained:  # else it does not matter that a slot has deleted the socket since
            raise
    finally:
        if isValid(socket):
            for connection in connections:
                QObject.disconnect(connection)
    if not drained:
        raise socket.failure() or SecureError(
            SecureError.Code.Closed, "The connection ended before everything was sent."
        )


async def closeStream(socket: SslSocket) -> None:
    """Send what is queued, say goodbye, and wait for the end."""
    socket.disconnectFromHost()
    with abandonedOnFailure(socket):
        try:
            await until(socket, lambda: socket.state() == _UNCONNECTED, socket.disconnected, socket.stateChanged)
        except SecureError:
            if isValid(socket):  # else it has ended: programs delete it in a slot of disconnected
                raise


# -------------------------------------------------------------------------------- inside


async def _encrypted(socket: SslSocket) -> None:
    def settled() -> bool:
        return socket.isEncrypted() or socket.state() == _UNCONNECTED

    await until(socket, settled, socket.encrypted, socket.errorOccurred, socket.disconnected, socket.stateChanged)
    # The other end may say something and leave before the task runs again: that is for read() to tell.
    if not socket.isEncrypted() and not socket.peerClosedCleanly():
        raise socket.failure() or SecureError(SecureError.Code.Closed, "The connection was ended by this program.")


async def _readable(socket: SslSocket, size: int, enough: Callable[[], bool] = lambda: False) -> None:
    """Wait for so many bytes, for ``enough()``, or for the end of the stream."""

    def ready() -> bool:
        return socket.bytesAvailable() >= size or enough() or socket.state() == _UNCONNECTED

    await until(socket, ready, socket.readyRead, socket.readChannelFinished, socket.disconnected)


def _end(socket: SslSocket) -> bytes:
    """b"" when the stream has ended as it should."""
    _checkEnd(socket)
    return b""


def _checkEnd(socket: SslSocket) -> None:
    """Raise when the stream has been cut: data may be missing. Without TLS nobody can tell that."""
    failure = socket.failure()
    if failure is None or socket.peerClosedCleanly():
        return
    if socket.mode() == _PLAIN and socket.error() == _REMOTE_CLOSED:
        return
    raise failure


def _fitting(socket: SslSocket, size: int, *, name: str) -> int:
    limit = socket.readBufferSize()
    if limit and size > limit:
        raise ValueError(f"{name} must be at most {limit} bytes, which setReadBufferSize() lets in, not {size}.")
    return size


def _unsent(socket: SslSocket) -> int:
    return socket.bytesToWrite() + socket.encryptedBytesToWrite()


def _brokenWrite(socket: SslSocket) -> SecureError:
    return socket.failure() or SecureError(
        SecureError.Code.Closed, "The connection is not open for writing; connect it first."
    )
