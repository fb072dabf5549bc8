"""Reading from a TLS stream, and keeping count of what comes instead of data."""

from __future__ import annotations

from qtsecure.engine._openssl_pipes import Outcome, Pipe
from qtsecure.engine.choosing import Choosing
from qtsecure.engine.enum_members import members_of
from qtsecure.engine.events import Event, FailureKind, PeerClosed, StreamFailed
from qtsecure.engine.failures import explain_traffic_failure
from qtsecure.engine.protocols import ProtocolVersion
from qtsecure.engine.states import StreamState, Trigger

__all__ = ["READABLE", "StreamReading"]

_S, _O = members_of(StreamState), members_of(Outcome)
_DONE, _WANT_READ = Outcome.DONE, Outcome.WANT_READ
_UNEXPECTED_RECORD = bytes((22, 3, 3, 0, 1, 0))
"""A message of the handshake without encryption, which cannot be once TLS 1.3 is established."""
_MOST_MESSAGES = 32
"""Tickets, key updates and attempts to renegotiate without data in between; as BoringSSL and rustls have it."""
READABLE = (_S.ESTABLISHED, _S.LOCAL_CLOSED)
"""The states in which there may be something to read."""


class StreamReading(Choosing):
    """A part of TlsStream.

    Messages of the handshake that come after it (tickets, key updates) are only let through one by
    one: OpenSSL would go on as long as its peer sends them, without ever returning.
    """

    __slots__ = (
        "_messages_in_a_row",
        "_new_messages",
        "_readable",
        "busy",
        "has_more",
        "peer_closed_cleanly",
    )
    state: StreamState
    busy: bool
    raised: BaseException | None
    events: list[Event]
    has_more: bool
    peer_closed_cleanly: bool
    _complete: bool
    _readable: bool
    _messages_in_a_row: int
    _new_messages: int
    _alert_sent: int | None
    _alert_received: int | None

    def read(self, limit: int) -> bytes:
        """Decrypt and return up to ``limit`` bytes; empty when there is nothing (more) to read."""
        pipe = self._pipe
        if not self._readable or pipe is None:
            return self._read_and_count(limit)
        self._enter()
        self.has_more = False
        try:
            data = pipe.read(limit)
        finally:
            self.busy = False
        if pipe.outcome is not _WANT_READ or self.raised is not None:
            return self._after_read(pipe, data, limit)
        return data

    def receive_and_read(self, count: int, limit: int) -> bytes:
        """receive_landed() and read() in one step, for established streams (the hot path)."""
        pipe = self._pipe
        if not self._readable or pipe is None:
            if pipe is not None and self._accepts_input():
                pipe.feed_landed(count)
            return self._read_and_count(limit)
        if self.busy:
            self._enter()  # raises
        self.busy = self.quiet = True
        self.has_more = False
        try:
            data = pipe.receive(count, limit)
        finally:
            self.busy = False
        if pipe.outcome is not _WANT_READ or self.raised is not None:
            return self._after_read(pipe, data, limit)
        return data

    @property
    def has_input(self) -> bool:
        """Whether there may be ciphertext that OpenSSL has not taken; else, and without has_more, read() is idle."""
        pipe = self._pipe
        return pipe is None or pipe.has_input()

    def _read_and_count(self, limit: int) -> bytes:
        """read() from the first message of the handshake on, until there is data again."""
        pipe = self._pipe
        if pipe is None or self.state not in READABLE:
            return b""
        self.has_more = self.quiet = False
        return self._after_read(pipe, self._read_once(pipe, limit), limit)

    def _read_once(self, pipe: Pipe, limit: int) -> bytes:
        self._enter()
        try:
            return pipe.read(limit)
        finally:
            self.busy = False

    def _after_read(self, pipe: Pipe, data: bytes, limit: int) -> bytes:
        self.quiet = False
        self._count_messages(data)
        while pipe.outcome is _O.MESSAGE and self.raised is None:
            if self._messages_in_a_row > _MOST_MESSAGES:
                self.cut_off(f"the peer sent more than {_MOST_MESSAGES} handshake messages in a row without any data")
                return data
            if len(data) == limit:
                self.has_more = True
                break
            part = self._read_once(pipe, limit - len(data))
            self._count_messages(part)
            data += part
        if pipe.outcome is _DONE:
            self.has_more = True
        elif pipe.outcome is _O.CLOSE_NOTIFY:
            self.peer_closed_cleanly = True
            self._move(Trigger.PEER_CLOSE)
            self.events.append(PeerClosed())
        elif pipe.outcome is _O.FAILED:
            owes = self._owes_certificate()
            alerts = self._alert_sent, self._alert_received
            self._fail(explain_traffic_failure(True, pipe.reasons, *alerts, owes_certificate=owes))
        self._reraise()
        return data

    def _count_messages(self, data: bytes) -> None:
        """Keep the number of messages since the last data; the fast way is for when there are none."""
        self._messages_in_a_row = self._new_messages if data else self._messages_in_a_row + self._new_messages
        self._new_messages = 0
        self._readable = self.state in READABLE and not self._messages_in_a_row

    def cut_off(self, why: str) -> None:
        """End an established connection because of what its peer does, and tell it in a fatal alert."""
        pipe = self._pipe
        if pipe is None or not self._complete or self.state in (_S.FAILED, _S.CLOSED):
            return
        if self.protocol_version() is ProtocolVersion.TLS_1_3:
            # The only way to have OpenSSL say "unexpected message" is to let it see one.
            pipe.discard_input()
            pipe.feed(_UNEXPECTED_RECORD)
            self._read_once(pipe, 1)
        else:
            # Each message has been refused with no_renegotiation, and there is no fatal alert to provoke.
            self.close()
        self._fail(StreamFailed(FailureKind.READ, f"Error while reading: {why}.", self._alert_sent))
        self._reraise()

    def close(self) -> None:
        """Send close_notify and nothing after it; the peer may still send."""
        raise NotImplementedError

    def _accepts_input(self) -> bool:
        raise NotImplementedError

    def _fail(self, failure: StreamFailed) -> None:
        raise NotImplementedError

    def _move(self, trigger: Trigger) -> None:
        raise NotImplementedError

    def _enter(self) -> None:
        raise NotImplementedError

    def _reraise(self) -> None:
        raise NotImplementedError
