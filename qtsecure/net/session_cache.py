"""The sessions that clients of this process can resume without being asked to.

Only what is safe gets in: verified without any error, with the name of the server, and found again
only by a connection to the same host and port with the same name and an equal configuration.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict, deque

from qtsecure.engine.protocols import ProtocolVersion
from qtsecure.engine.sessions import Session, SessionScope

__all__ = ["SessionCache", "sharedSessions"]

_MAX_SCOPES = 256
_MAX_TICKETS = 4


class SessionCache:
    """Sessions by scope, the least recently used scopes dropped; usable from any thread.

    Also in a finalizer or a signal's handler that Python runs in the middle of one of its methods, in the same thread:
    none of them waits for itself, and what one has taken out of the table is its own until it is put back.

    Attributes:
        empty: Nothing is in it; only to be looked at, to save making a scope.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Drop everything and begin anew, without waiting for other threads."""
        self.empty = True
        self._lock = threading.RLock()
        self._sessions: OrderedDict[SessionScope, deque[Session]] = OrderedDict()

    def put(self, session: Session) -> None:
        """Keep a session for the next connections of its scope."""
        with self._lock:
            kept = self._sessions.pop(session.scope, None)
            if kept is None or session.version is not ProtocolVersion.TLS_1_3:
                kept = deque(maxlen=_MAX_TICKETS)  # one of TLS 1.2 serves any number of connections
            kept.append(session)
            self._keep(session.scope, kept)
            if len(self._sessions) > _MAX_SCOPES:
                self._sessions.popitem(last=False)

    def take(self, scope: SessionScope) -> Session | None:
        """The newest session of a scope; one of TLS 1.3 is taken out, because its ticket is for one use."""
        with self._lock:
            kept = self._sessions.pop(scope, None)
            if kept is None:
                return None
            session = kept.pop()
            if session.version is not ProtocolVersion.TLS_1_3:
                kept.append(session)
            self._keep(scope, kept)
            return session

    def takeValid(self, scope: SessionScope) -> Session | None:
        """The same, unless the certificate of the server has expired meanwhile: it would fail the resumption."""
        session = self.take(scope)
        if session is not None and not session.is_still_valid():
            self.forget(scope)  # a full handshake may show a new one
            return None
        return session

    def forget(self, scope: SessionScope) -> None:
        """Drop what is kept of a scope: a connection with it has failed."""
        with self._lock:
            self._sessions.pop(scope, None)
            self.empty = not self._sessions

    def __len__(self) -> int:
        with self._lock:
            return sum(map(len, list(self._sessions.values())))

    def _keep(self, scope: SessionScope, kept: deque[Session]) -> None:
        if kept:
            self._sessions[scope] = kept
        self.empty = not self._sessions


sharedSessions = SessionCache()
"""The cache of this process."""

if hasattr(os, "register_at_fork"):
    # The parent uses its tickets itself, and a thread that is not there any more may have held the lock.
    os.register_at_fork(after_in_child=sharedSessions.reset)
