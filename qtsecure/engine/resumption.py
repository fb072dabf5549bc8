"""The part of sessions in one client's connection: what it offers, and what it gets."""

from __future__ import annotations

from OpenSSL import SSL, crypto

from qtsecure.engine import _openssl_sessions
from qtsecure.engine.configuration import TlsConfiguration, VerifyMode
from qtsecure.engine.host_names import HostName
from qtsecure.engine.protocols import ProtocolVersion
from qtsecure.engine.sessions import Session, SessionScope, scope_of
from qtsecure.engine.verification import IssueCode, VerificationIssue
from qtsecure.errors import SecureError

__all__ = ["Resumption", "may_be_shared", "may_have_sessions", "prevent_resumption"]


def may_have_sessions(configuration: TlsConfiguration) -> bool:
    """Whether a client with this configuration resumes at all.

    With pre-shared keys these prove who the server is, and they are asked for each time.
    """
    return configuration.session_tickets_enabled and not configuration.psk_enabled


def may_be_shared(configuration: TlsConfiguration) -> bool:
    """Whether a front end may resume of its own accord: only what was verified whole."""
    return configuration.verify_mode is VerifyMode.PEER and may_have_sessions(configuration)


def prevent_resumption(connection: SSL.Connection, version: ProtocolVersion) -> None:
    """On a server, inside the handshake: nobody can resume the session of this connection."""
    if version is not ProtocolVersion.TLS_1_3:
        # The ticket has been promised before the client's certificate is seen.
        _openssl_sessions.spoil_session(connection)
    else:
        connection.set_options(SSL.OP_NO_TICKET)


class Resumption:
    """Made only for connections that a session is offered to or asked of.

    Args:
        configuration: Of the client.
        host: The name that the server proves; None if it has none, and then there is no session.
        place: Where it is; see :class:`~qtsecure.engine.sessions.SessionScope`.
        offered: The session to resume.

    Raises:
        SecureError: The session belongs to another peer or configuration.

    Attributes:
        offered: The session that was resumed, and before the end of the handshake: that is offered.
    """

    __slots__ = ("_configuration", "_host", "_latest", "_place", "offered")

    def __init__(
        self, configuration: TlsConfiguration, host: HostName | None, place: str, offered: Session | None = None
    ) -> None:
        self._configuration = configuration
        self._host = host
        self._place = place
        self._latest: Session | None = None
        self.offered = offered
        if offered is not None:
            scope = self._scope()
            if scope is None:
                raise SecureError(
                    SecureError.Code.InvalidArgument,
                    "A TLS session can only be resumed with the name of its server, with session tickets enabled "
                    "and without pre-shared keys.",
                )
            offered.require(scope)

    def _scope(self) -> SessionScope | None:
        if self._host is None or not may_have_sessions(self._configuration):
            return None
        return scope_of(self._configuration, self._host, self._place)

    def judge(self, reused: bool, leaf: crypto.X509 | None) -> VerificationIssue | None:
        """What is wrong with a handshake that has just been completed.

        OpenSSL verifies nothing when it resumes, so the name and the dates are looked at again.

        Args:
            reused: Whether the server has resumed the session, too.
            leaf: The server's certificate.
        """
        session = self.offered
        if session is None or not reused:
            self.offered = None
            return None
        if self._configuration.verify_mode is VerifyMode.NONE:
            return None
        code = int(IssueCode.UNKNOWN_RESULT)
        if self._host is not None and leaf is not None and _der(leaf) == session.chain[0]:
            host = self._host if self._configuration.verify_host_name else None
            code = _openssl_sessions.leaf_problem(session.chain[0], host)
        return VerificationIssue(code, 0, session.chain[0]) if code else None

    def session(self, connection: SSL.Connection, chain: tuple[bytes, ...]) -> Session | None:
        """What can resume the connection later; None as long as the server has given nothing for that."""
        scope = self._scope()
        session = Session.of(connection, scope, chain) if scope is not None else None
        if session is None or (self._latest is not None and session.identifier == self._latest.identifier):
            return self._latest
        if self.offered is not None and session.identifier == self.offered.identifier:
            # A ticket of TLS 1.3 is for one use (RFC 8446, appendix C.4), and no new one has come yet.
            return None if session.version is ProtocolVersion.TLS_1_3 else self.offered
        self._latest = session
        return session


def _der(certificate: crypto.X509) -> bytes:
    return crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate)
