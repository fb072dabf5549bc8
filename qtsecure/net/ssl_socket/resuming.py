"""Sessions of a client's connection: offered, received, kept for the next one.

Nothing is taken out of the engine unless somebody wants it: the program with ``session()`` or a
slot of ``newSessionTicketReceived``, or the cache of this process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtNetwork import QAbstractSocket, QSsl

from qtsecure.engine.protocols import ProtocolVersion
from qtsecure.net import late, values
from qtsecure.net.ssl_socket.base import SocketBase
from qtsecure.net.ssl_socket.closing import Closing

if TYPE_CHECKING:
    from qtsecure.engine.configuration import TlsConfiguration
    from qtsecure.engine.host_names import HostName
    from qtsecure.engine.sessions import Session
    from qtsecure.engine.tls_stream import TlsStream
    from qtsecure.net.values import TlsSession

__all__ = ["Resuming"]

_UNCONNECTED = QAbstractSocket.SocketState.UnconnectedState
_SHARING_OFF = QSsl.SslOption.SslOptionDisableSessionSharing


class Resuming(Closing):
    """The session methods of SslSocket."""

    # On the class: setting an attribute of a QObject is slow, and most sockets keep these.
    _peerVerifyName = ""
    _sessionToResume: Session | None = None

    # ---------------------------------------------------------------------------- public

    def session(self) -> TlsSession | None:
        """What can resume this connection later, on a client; kept until the next connection begins.

        With TLS 1.3 there is one from the first newSessionTicketReceived on, with TLS 1.2 from
        ``encrypted`` on. None if the server gives none, after certificate errors (also if they were
        ignored), after a fatal alert, with pre-shared keys, and without session tickets (see
        SslConfiguration.setSessionTicketsEnabled()).
        """
        stream = self._dataPath.stream
        session = stream.session() if stream is not None else None
        return values.TlsSession(session) if session is not None else None

    def setSession(self, session: TlsSession | None) -> None:
        """Offer this session in the next handshake as a client; None for none.

        The server decides: without its consent there is a full handshake. isSessionReused() tells.
        Set the configuration first, and do not change it. A host or verify name that the session
        does not belong to is told when connecting, with SslInvalidUserDataError.

        Raises:
            SecureError: The session belongs to another configuration, or to another peer than the
                one that the socket is connecting to.
            TypeError: ``session`` is of another type.
        """
        SocketBase._refuseInsideEngine(self, "setSession")
        if session is None:
            self._sessionToResume = None
            return
        if not isinstance(session, values.TlsSession):
            raise TypeError(f"session must be a TlsSession or None, not {type(session).__name__}.")
        offered = session.toEngine()
        configuration = self._configuration.toEngine("client", pskEnabled=self._wantsPreSharedKeys())
        if self._state is _UNCONNECTED:
            offered.require_configuration(configuration)
        else:
            late.Resumption(configuration, self._serverIdentity(), Resuming._serverPlace(self), offered)
        self._sessionToResume = offered

    def isSessionReused(self) -> bool:
        """Whether the handshake resumed an earlier session."""
        stream = self._dataPath.stream
        return stream is not None and stream.complete and stream.session_reused()

    # ---------------------------------------------------------------------------- inside

    def _wantsPreSharedKeys(self) -> bool:
        """Whether anybody would answer a question for a pre-shared key."""
        raise NotImplementedError

    def _serverName(self) -> str:
        return self._peerVerifyName or self._attempt.hostName

    def _serverIdentity(self) -> HostName | None:
        try:
            return late.normalize_host_name(Resuming._serverName(self))
        except late.InvalidHostName:
            return None  # reported as a verification error, and there is no session

    def _serverPlace(self) -> str:
        """Where sessions of this connection belong; empty for descriptors and devices from elsewhere."""
        attempt = self._attempt
        return f"{attempt.hostName.lower()}:{attempt.port}" if attempt.hostName else ""

    def _takeSession(self, configuration: TlsConfiguration, *, shares: bool) -> Session | None:
        """The session to offer now: the given one, or one of the cache that is still good.

        Args:
            configuration: Of the client.
            shares: Whether sessions may come from other connections at all.
        """
        attempt = self._attempt
        attempt.sharesSessions = (
            shares
            and bool(attempt.hostName)
            and late.may_be_shared(configuration)
            and not self._dataPath.ownConfiguration().testSslOption(_SHARING_OFF)
        )
        if self._sessionToResume is not None:
            given, self._sessionToResume = self._sessionToResume, None
            return given
        if late.sharedSessions.empty or not attempt.sharesSessions:
            return None
        host = self._serverIdentity()
        if host is None:
            return None
        return late.sharedSessions.takeValid(late.scope_of(configuration, host, Resuming._serverPlace(self)))

    def _ticketsLanded(self) -> None:
        """The peer has sent messages of the handshake behind it: tickets, on a client of TLS 1.3."""
        stream = self._dataPath.stream
        if stream is not None and not stream.server:
            told = "newSessionTicketReceived" in self._dataPath.heard
            if self._keepSession(stream, told) and told and stream.protocol_version() is ProtocolVersion.TLS_1_3:
                self.newSessionTicketReceived.emit()

    def _keepSession(self, stream: TlsStream, wanted: bool = False) -> bool:
        """Put a session that is new into the cache; whether there is one."""
        attempt = self._attempt
        if not wanted and not attempt.sharesSessions:
            return False
        session = stream.session()
        if session is None or session is attempt.lastSession:
            return False
        attempt.lastSession = session
        if attempt.sharesSessions:
            late.sharedSessions.put(session)
        return True

    def _forgetSessions(self, stream: TlsStream) -> None:
        """The connection has failed: what the cache has for its like may be the reason."""
        host = self._serverIdentity()
        if self._attempt.sharesSessions and host is not None:
            late.sharedSessions.forget(late.scope_of(stream.configuration, host, Resuming._serverPlace(self)))
