"""The states of a TLS stream and every allowed transition between them.

All transitions are in ``TRANSITIONS``; nothing else assigns a state. The table knows nothing about
roles: a client and a server pass through the same states.
"""

from __future__ import annotations

from enum import Enum

__all__ = ["IN_HANDSHAKE", "TRANSITIONS", "StreamState", "Trigger", "next_state"]


class StreamState(Enum):
    """Where a stream stands."""

    NEW = "new"
    HANDSHAKING = "handshaking"
    CHOOSING = "choosing"
    """The handshake waits for a configuration (server) or a certificate (client) that the program chooses."""
    DECIDING = "deciding"
    """A certificate decision is pending: outgoing bytes and plaintext are held."""
    ESTABLISHED = "established"
    PEER_CLOSED = "peer closed"
    """The peer's close_notify came; we may still send."""
    LOCAL_CLOSED = "locally closed"
    """We sent close_notify; the peer may still send."""
    CLOSED = "closed"
    FAILED = "failed"

    __hash__ = object.__hash__  # members are single objects, and Enum's own is slow


class Trigger(Enum):
    """What makes a stream change its state."""

    START = "start"
    CHOOSE = "choose"
    CHOSEN = "chosen"
    QUESTION = "question"
    ACCEPT = "accept"
    COMPLETE = "complete"
    PEER_CLOSE = "peer close"
    LOCAL_CLOSE = "local close"
    FAIL = "fail"

    __hash__ = object.__hash__


_S, _T = StreamState, Trigger

IN_HANDSHAKE = frozenset({_S.HANDSHAKING, _S.CHOOSING, _S.DECIDING})
"""The states between the first message and the end of the handshake."""

TRANSITIONS: dict[tuple[StreamState, Trigger], StreamState] = {
    (_S.NEW, _T.START): _S.HANDSHAKING,
    (_S.NEW, _T.LOCAL_CLOSE): _S.CLOSED,
    (_S.HANDSHAKING, _T.QUESTION): _S.DECIDING,
    (_S.HANDSHAKING, _T.CHOOSE): _S.CHOOSING,
    (_S.CHOOSING, _T.CHOSEN): _S.HANDSHAKING,
    (_S.CHOOSING, _T.LOCAL_CLOSE): _S.CLOSED,
    (_S.HANDSHAKING, _T.COMPLETE): _S.ESTABLISHED,
    (_S.HANDSHAKING, _T.LOCAL_CLOSE): _S.CLOSED,
    (_S.DECIDING, _T.ACCEPT): _S.HANDSHAKING,
    (_S.DECIDING, _T.LOCAL_CLOSE): _S.CLOSED,
    (_S.ESTABLISHED, _T.PEER_CLOSE): _S.PEER_CLOSED,
    (_S.ESTABLISHED, _T.LOCAL_CLOSE): _S.LOCAL_CLOSED,
    (_S.PEER_CLOSED, _T.LOCAL_CLOSE): _S.CLOSED,
    (_S.LOCAL_CLOSED, _T.PEER_CLOSE): _S.CLOSED,
    (_S.LOCAL_CLOSED, _T.LOCAL_CLOSE): _S.LOCAL_CLOSED,
    (_S.CLOSED, _T.LOCAL_CLOSE): _S.CLOSED,
    **{(state, _T.FAIL): _S.FAILED for state in _S},
}


def next_state(state: StreamState, trigger: Trigger) -> StreamState:
    """The state that follows; ValueError when the step is not allowed."""
    try:
        return TRANSITIONS[state, trigger]
    except KeyError:
        raise ValueError(f"A stream that is {state.value} cannot take the step '{trigger.value}'.") from None
