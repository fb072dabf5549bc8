"""ConnectOperation: what a SocketClient connects to, as something to await."""

from __future__ import annotations

from shiboken6 import isValid

from qtsecure.aio.alive import checkAlive
from qtsecure.aio.signals import until
from qtsecure.errors import SecureError
from qtsecure.net.socket_client.operation import ConnectOperation
from qtsecure.net.ssl_socket import SslSocket

__all__ = ["finished"]


async def finished(operation: ConnectOperation) -> SslSocket:
    """Wait for the end of an operation; one that is finished already is answered at once.

    Args:
        operation: What connectTo(), connectToHost(), connectToService() or connectToUri() has returned.

    Returns:
        The connection, which lives as long as somebody keeps it or the operation. End it with close().

    Raises:
        SecureError: There is no connection; the same as operation.error().
        asyncio.CancelledError: The operation has been cancelled with the task. What was ready at that moment stays
            operation.connection(), and is closed when nobody keeps the operation.
    """
    checkAlive(operation, ConnectOperation, name="operation")
    try:
        # Deleting the client ends its operations without finished() or failed().
        await until(operation, operation.isFinished, operation.finished, operation.failed, operation._over)
    except BaseException:
        if isValid(operation):
            operation.cancel()
        raise
    connection, error = operation.connection(), operation.error()
    if connection is None:
        assert error is not None  # it is finished
        raise error
    if not isValid(connection):
        raise SecureError(SecureError.Code.Closed, "The connection was deleted before the task could take it.")
    return connection
