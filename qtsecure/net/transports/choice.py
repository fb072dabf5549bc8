"""Which transport connections use here: the reactor's, or Qt's sockets where there is none.

The environment variable ``QTSECURE_TRANSPORT`` (``reactor`` or ``qt``) overrides the choice.
"""

from __future__ import annotations

import os
from threading import get_ident

from qtsecure.errors import SecureError
from qtsecure.net.event_loop.reactor import reactorAvailable
from qtsecure.net.transports.qt_socket_stream import QtSocketStream
from qtsecure.net.transports.reactor_stream import ReactorStream
from qtsecure.net.transports.stream import StreamOwner, StreamTransport

__all__ = ["adoptStream", "forgetAdopted", "makeStream", "usesReactor"]


def usesReactor() -> bool:
    """Whether new connections run on the reactor.

    Raises:
        SecureError: When the environment variable demands what does not exist.
    """
    wish = os.environ.get("QTSECURE_TRANSPORT", "")
    if wish not in ("", "qt", "reactor"):
        raise SecureError(
            SecureError.Code.InvalidArgument, f"QTSECURE_TRANSPORT must be 'reactor' or 'qt', not {wish!r}."
        )
    if wish == "reactor" and not reactorAvailable:
        raise SecureError(
            SecureError.Code.NotSupported,
            "QTSECURE_TRANSPORT asks for the reactor, but this system has neither epoll nor kqueue; unset it.",
        )
    return reactorAvailable if not wish else wish == "reactor"


def makeStream(owner: StreamOwner) -> StreamTransport:
    """A transport for a new outgoing connection."""
    if usesReactor():
        return ReactorStream(owner)
    return QtSocketStream(owner)


def adoptStream(owner: StreamOwner, descriptor: int) -> StreamTransport:
    """A transport for a connected descriptor; OSError when it is none."""
    kind = ReactorStream if usesReactor() else QtSocketStream
    transport = kind.adopt(owner, descriptor)
    _adopted[get_ident()] = descriptor
    return transport


def forgetAdopted() -> int:
    """The last descriptor that adoptStream() has taken over in this thread since the last call, or -1."""
    return _adopted.pop(get_ident(), -1)


_adopted: dict[int, int] = {}
