"""Sessions of a client's association: offered, received, kept for the next one.

The rules are those of SslSocket with TLS 1.2: there is a session from ``encrypted`` on, it serves any
number of associations, and no signal tells of it.
"""

from __future__ import annotations

from PySide6.QtNetwork import QSsl

from qtsecure.engine.configuration import TlsConfiguration
from qtsecure.engine.host_names import HostName, InvalidHostName, normalize_host_name
from qtsecure.engine.resumption import Resumption, may_be_shared
from qtsecure.engine.sessions import Session, scope_of
from qtsecure.net.dtls_peer.attempt import Attempt
from qtsecure.net.dtls_peer.facts import Facts
from qtsecure.net.session_cache import sharedSessions
from qtsecure.net.values import TlsSession

__all__ = ["Resuming"]

_SHARING_OFF = QSsl.SslOption.SslOptionDisableSessionSharing


class Resuming(Facts):
    """The session methods of DtlsPeer."""

    # On the class: setting an attribute of a QObject is slow, and most peers keep these.
    _sessionToResume: Session | None = None

    # ---------------------------------------------------------------------------- public

    def session(self) -> TlsSession | None:
        """What can resume this association later, on a client: from ``encrypted`` until the next one begins.

        None if the server gives none, after certificate errors (also if they were ignored), after a fatal
        alert, with pre-shared keys, and without session tickets (see
        SslConfiguration.setSessionTicketsEnabled()).
        """
        association = self._path.association if self._path is not None else None
        session = association.session() if association is not None else None
        return TlsSession(session) if session is not None else None

    def setSession(self, session: TlsSession | None) -> None:
        """Offer this session in the next handshake as a client; None for none.

        The server decides: without its consent there is a full handshake. isSessionReused() tells.
        Set the configuration first, and do not change it. For a session of another host, port or
        verify name, connectToHost() raises SecureError.

        Raises:
            SecureError: The session belongs to another configuration.
            TypeError: ``session`` is of another type.
        """
        if session is None:
            self._sessionToResume = None
            return
        if not isinstance(session, TlsSession):
            raise TypeError(f"session must be a TlsSession or None, not {type(session).__name__}.")
        offered = session.toEngine()
        offered.require_configuration(
            self._configuration.toEngine("client", pskEnabled=self._wantsPreSharedKeys(), datagrams=True)
        )
        self._sessionToResume = offered

    def isSessionReused(self) -> bool:
        """Whether the handshake resumed an earlier session."""
        association = self._path.association if self._path is not None else None
        return association is not None and association.complete and association.session_reused()

    # ---------------------------------------------------------------------------- inside

    def _wantsPreSharedKeys(self) -> bool:
        """Whether anybody would answer a question for a pre-shared key."""
        raise NotImplementedError

    def _choosesCertificate(self, configuration: TlsConfiguration) -> bool:
        """Whether the program is asked when the server wants a certificate."""
        raise NotImplementedError

    def _chooseSession(self, attempt: Attempt, configuration: TlsConfiguration) -> None:
        """What to offer in this association: the given session, or one of the process that is still good.

        Raises:
            SecureError: The given session belongs to another peer or configuration.
        """
        host = _identity(attempt)
        given = self._sessionToResume
        attempt.sharesSessions = (
            may_be_shared(configuration)
            and not self._configuration.testSslOption(_SHARING_OFF)
            and not self._choosesCertificate(configuration)
        )
        if given is not None:
            self._sessionToResume = None
            Resumption(configuration, host, attempt.place, given)
            attempt.session = given
        elif attempt.sharesSessions and not sharedSessions.empty and host is not None:
            attempt.session = sharedSessions.takeValid(scope_of(configuration, host, attempt.place))

    def _keepSession(self) -> None:
        """The handshake is complete: what came with it may serve the next association of this process."""
        association = self._path.association if self._path is not None else None
        if self._attempt.sharesSessions and association is not None:
            session = association.session()
            if session is not None:
                sharedSessions.put(session)

    def _forgetSessions(self) -> None:
        """The association has failed: what is kept for its like may be the reason."""
        attempt = self._attempt
        host = _identity(attempt)
        if attempt.sharesSessions and attempt.engineConfiguration is not None and host is not None:
            sharedSessions.forget(scope_of(attempt.engineConfiguration, host, attempt.place))


def _identity(attempt: Attempt) -> HostName | None:
    try:
        return normalize_host_name(attempt.nameToProve)
    except InvalidHostName:
        return None  # reported as a verification error, and there is no session
