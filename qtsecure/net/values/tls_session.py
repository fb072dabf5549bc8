"""A TLS session, as sockets give it and take it."""

from __future__ import annotations

from typing import NoReturn

from PySide6.QtCore import QByteArray

from qtsecure.engine.sessions import Session
from qtsecure.net.values.protocol import Protocol

__all__ = ["TlsSession"]


class TlsSession:
    """What a client needs to resume a connection: a shorter handshake without certificates.

    Opaque, immutable, comparable, usable from any thread. It fits only the peer that it came from
    (host, port and verify name) and a configuration that equals the one it was made with; that the
    certificate is still valid is checked again. A session of TLS 1.3 is a ticket for one use: a
    second use works with most servers, but lets an observer see that both connections belong
    together (RFC 8446, appendix C.4).

    It cannot be pickled. ``toBytes()`` is as secret as a private key: whoever reads it can decrypt
    connections of TLS 1.2, and whoever can change what is stored can pretend to be the server.

    Args:
        session: The engine's session; sockets make these, see ``SslSocket.session()``.
    """

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        if not isinstance(session, Session):
            raise TypeError(f"session must come from a socket, not be of type {type(session).__name__}.")
        self._session = session

    @staticmethod
    def fromBytes(data: bytes | QByteArray) -> TlsSession:
        """Return the session that ``toBytes()`` has told of, in this process or another.

        Args:
            data: Only from where nobody else can write; a QByteArray is what QSettings returns.

        Raises:
            SecureError: The data is no session (``InvalidArgument``).
            TypeError: ``data`` is not bytes.
        """
        return TlsSession(Session.from_bytes(bytes(data.data()) if isinstance(data, QByteArray) else data))

    def toBytes(self) -> bytes:
        """Return everything, to be stored in a safe place; one or two kibibytes and the certificates."""
        return self._session.to_bytes()

    def toEngine(self) -> Session:
        """Return the engine's session; for front ends on top of the engine."""
        return self._session

    def peerVerifyName(self) -> str:
        """Return the name that the server has proved, in the form that certificates have it."""
        return self._session.scope.name

    def protocol(self) -> Protocol:
        """Return the protocol version of the connection."""
        return Protocol.fromVersion(self._session.version)

    def __eq__(self, other: object) -> bool:
        return self._session == other._session if isinstance(other, TlsSession) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._session.identifier)

    def __copy__(self) -> TlsSession:
        return self

    def __deepcopy__(self, memo: object) -> TlsSession:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("TlsSession cannot be pickled: it contains secrets. Store toBytes() in a safe place.")

    def __repr__(self) -> str:
        return f"<TlsSession {self.protocol().name} with {self.peerVerifyName()}>"
