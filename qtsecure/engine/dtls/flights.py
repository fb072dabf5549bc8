"""The own flights: cut into datagrams, numbered, and sent again in good time.

OpenSSL waits a full second before it repeats a flight, and cannot be told otherwise. So the last
flight is kept here and repeated after 50, 100, 200, ... milliseconds, or two round trips if those take
longer. Each time unencrypted records get new numbers, because a peer drops numbers that it has
seen; encrypted ones stay byte for byte as they are. Message boundaries stay, too (there are peers
that cannot put differently cut fragments together), until lost flights make the datagrams smaller.
"""

from __future__ import annotations

from struct import Struct

from qtsecure.engine.dtls.wire import (
    HANDSHAKE,
    HANDSHAKE_HEADER,
    RECORD_HEADER,
    Record,
    fragment,
    fragment_untrusted,
    plain_record,
    split_records_untrusted,
)

__all__ = ["Flight", "Numbering", "RetransmissionTimer"]

_CLIENT_INTERVAL = 0.05
# A server hears from the client soon enough if something was lost, and other clients may be slow.
_SERVER_INTERVAL = 0.4
_UNVERIFIED_INTERVAL = 1.0
# A flight is a few datagrams, and where three of ten get lost, half a second decides whether 95 % need two seconds.
_LONGEST_CLIENT_INTERVAL = 0.5
_LONGEST_ROUND_TRIP = 0.5
_LONGEST_SERVER_INTERVAL = 8.0
_REPETITION_PAUSE = 0.02
_REMINDER_PAUSE = 0.1
_OUTLINE = Struct(">BxxHxxxxxxH")
"""Of a record's header: type, epoch, length."""
_MESSAGE_NUMBER = RECORD_HEADER + 4


class Numbering:
    """The numbers of the own unencrypted records, over all attempts of an association."""

    __slots__ = ("next",)

    def __init__(self, first: int = 0) -> None:
        self.next = first

    def record(self, kind: int, version: bytes, payload: bytes) -> bytes:
        """A record with the next number."""
        number = self.next
        self.next += 1
        return plain_record(kind, number, payload, version)


class Flight:
    """Records that belong together, as OpenSSL made them.

    Args:
        output: Whole records, one after the other.

    Attributes:
        output: The same.
        encrypted: Whether a part of it is encrypted.
    """

    __slots__ = ("_first", "_last", "_last_plain", "_plain", "_records", "encrypted", "output")

    def __init__(self, output: bytes) -> None:
        self.output = output
        self._records: list[Record] | None = None  # only what goes wrong needs them
        plain = 0
        #: Where the first and the last unencrypted message of the handshake begin, and the last unencrypted record.
        first = last = last_plain = -1
        encrypted = False
        position, end = 0, len(output)
        while position < end:
            kind, epoch, length = _OUTLINE.unpack_from(output, position)
            if epoch:
                encrypted = True
            else:
                plain += 1
                last_plain = position
                if kind == HANDSHAKE:
                    last = position
                    if first < 0:
                        first = position
            position += RECORD_HEADER + length
        self._plain, self.encrypted = plain, encrypted
        self._first, self._last, self._last_plain = first, last, last_plain

    @property
    def records(self) -> list[Record]:
        """The same in single records."""
        if self._records is None:
            self._records = split_records_untrusted(self.output)
        return self._records

    def after(self, earlier: Flight) -> Flight | None:
        """What of this flight follows the earlier one; None when it only repeats it."""
        last = earlier._number_at(earlier._last)
        if self._first < 0 or self._number_at(self._first) > last:
            return self  # nearly always
        known = [record for record in self.records if 0 <= _number(record) <= last]
        news = [record for record in self.records if record not in known]
        repeats_all = all(_number(record) < 0 for record in news) and earlier.encrypted
        return None if repeats_all or not news else Flight(b"".join(record.data for record in news))

    def datagrams(self, mtu: int, numbering: Numbering) -> list[bytes]:
        """The flight in as few datagrams as possible; ``mtu`` is the largest payload of UDP in bytes."""
        output = self.output
        if len(output) <= mtu and self._is_numbered_from(numbering.next):
            numbering.next += self._plain
            return [output]
        packed: list[bytes] = []
        room = 0
        for record in self.records:
            for data in _cut(record, mtu, numbering):
                if packed and len(data) <= room:
                    packed[-1] += data
                    room -= len(data)
                else:
                    packed.append(data)
                    room = mtu - len(data)
        return packed

    def _is_numbered_from(self, number: int) -> bool:
        """Whether OpenSSL's numbers will do, as they do until something is repeated or begun anew."""
        if not self._plain:
            return True
        output, at = self.output, self._last_plain
        return (
            int.from_bytes(output[3:11], "big") == number  # the epoch is a part of it
            and int.from_bytes(output[at + 3 : at + 11], "big") == number + self._plain - 1
        )

    def _number_at(self, position: int) -> int:
        """The number of the handshake message in the record there; -1 for none."""
        at = position + _MESSAGE_NUMBER
        return (self.output[at] << 8) + self.output[at + 1] if position >= 0 else -1


def _number(record: Record) -> int:
    """The number of the handshake message in a record; -1 when it has none, or none that can be read."""
    payload = record.payload
    return (payload[4] << 8) + payload[5] if record.epoch == 0 and record.kind == HANDSHAKE else -1


def _cut(record: Record, mtu: int, numbering: Numbering) -> list[bytes]:
    if record.epoch:
        return [record.data]
    version = record.data[1:3]
    if record.kind != HANDSHAKE or len(record.data) <= mtu:
        return [numbering.record(record.kind, version, record.payload)]
    whole = fragment_untrusted(record.payload)
    size = mtu - RECORD_HEADER - HANDSHAKE_HEADER
    parts = []
    for start in range(0, len(whole.body), size):
        body = whole.body[start : start + size]
        part = fragment(whole.kind, whole.length, whole.number, whole.offset + start, body)
        parts.append(numbering.record(HANDSHAKE, version, part))
    return parts


class RetransmissionTimer:
    """When to send an unanswered flight again.

    Args:
        server: Whether the own role is the server's.
        verified: On a server: whether the peer has shown that it receives what is sent to its address. To
            others flights are repeated rarely, so that nobody can have many sent to a stranger.
    """

    __slots__ = (
        "_first_sent",
        "_interval",
        "_longest",
        "_longest_answer",
        "_shortest",
        "due",
        "last_sent",
        "repetitions",
    )

    def __init__(self, *, server: bool, verified: bool) -> None:
        self._shortest = (_SERVER_INTERVAL if verified else _UNVERIFIED_INTERVAL) if server else _CLIENT_INTERVAL
        self._longest = _LONGEST_SERVER_INTERVAL if server else _LONGEST_CLIENT_INTERVAL
        self._interval = self._shortest
        self._first_sent = self._longest_answer = 0.0
        #: When to send again, or None.
        self.due: float | None = None
        self.last_sent = float("-inf")
        #: How often the flight was sent again.
        self.repetitions = 0

    def flight_sent(self, now: float) -> None:
        """A new flight is on its way."""
        self._interval = self._shortest
        self._first_sent = self.last_sent = now
        self.repetitions = 0
        self.due = now + self._interval

    def sent_again(self, now: float) -> None:
        """The flight was sent again on the timer's demand."""
        self.repetitions += 1
        self._interval = max(min(2 * self._interval, self._longest), self._shortest)
        self.last_sent = now
        self.due = now + self._interval

    def may_answer(self, now: float) -> bool:
        """Whether the flight may be sent once more now on the peer's demand; a burst of demands is one."""
        return now - self.last_sent >= _REPETITION_PAUSE

    def may_remind(self, now: float) -> bool:
        """Whether the flight may be sent once more now to a peer that goes on as if it had answered."""
        return now - self.last_sent >= _REMINDER_PAUSE

    def asked_again(self, now: float) -> None:
        """The flight is sent again because the peer repeats its own."""
        self.repetitions += 1
        self.last_sent = now

    def answered(self, now: float) -> None:
        """Learn from an answer how long one takes, unless it is unclear which copy it answers."""
        if self.due is None:
            return  # nothing had been asked
        self._longest_answer = max(self._longest_answer, now - self._first_sent)
        if not self.repetitions:
            self._shortest = max(2 * min(now - self._first_sent, _LONGEST_ROUND_TRIP), _CLIENT_INTERVAL)

    def earlier_answers_have_come(self, now: float) -> bool:
        """Whether nothing that answers an earlier flight can be under way: no answer has taken that long yet."""
        return now - self._first_sent >= self._longest_answer

    def stop(self) -> None:
        """Nothing is to be answered."""
        self.due = None
