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

    Attributes:
        empty: Nothing is in it; only to be looked at, to save making a scope.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Drop everything and begin anew, without waiting for other threads."""
        self.empty = True
        self._lock = threading.Lock()
        self._sessions: OrderedDict[SessionScope, deque[Session]] = OrderedDict()

    def put(self, session: Session) -> None:
        """Keep a session for the next connections of its scope."""
        with self._lock:
            kept = self._sessions.setdefault(session.scope, deque(maxlen=_MAX_TICKETS))
            self._sessions.move_to_end(session.scope)
            if session.version is not ProtocolVersion.TLS_1_3:
                kept.clear()  # one of TLS 1.2 serves any number of connections
            kept.append(session)
            if len(self._sessions) > _MAX_SCOPES:
                self._sessions.popitem(last=False)
            self.empty = False

    def take(self, scope: SessionScope) -> Session | None:
        """The newest session of a scope; one of TLS 1.3 is taken out, because its ticket is for one use."""
        with self._lock:
            kept = self._sessions.get(scope)
            if kept is None:
                return None
            self._sessions.move_to_end(scope)
            session = kept[-1]
            if session.version is ProtocolVersion.TLS_1_3:
                kept.pop()
                if not kept:
                    self._drop(scope)
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
            self._drop(scope)

    def __len__(self) -> int:
        with self._lock:
            return sum(map(len, self._sessions.values()))

    def _drop(self, scope: SessionScope) -> None:
        self._sessions.pop(scope, None)
        self.empty = not self._sessions


sharedSessions = SessionCache()
"""The cache of this process."""

if hasattr(os, "register_at_fork"):
    # The parent uses its tickets itself, and a thread that is not there any more may have held the lock.
    os.register_at_fork(after_in_child=sharedSessions.reset)
