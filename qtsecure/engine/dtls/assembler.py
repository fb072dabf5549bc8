"""Puts the peer's unencrypted handshake messages together before OpenSSL sees any of them.

Nothing in epoch 0 is authenticated, and OpenSSL believes whatever comes first: one forged datagram
ends or blocks its handshake. So fragments are collected here until the peer's flight is complete.
Two different versions of one message are both kept, and a version counts only when it has come
twice: the peer repeats its flight, and whoever cannot see the connection does not know what to
repeat. Only then OpenSSL gets the flight, in order and with record numbers of our own, which no
forged record number can spoil.
"""

from __future__ import annotations

import enum

from qtsecure.engine.dtls.wire import (
    CHANGE_CIPHER_SPEC,
    DTLS_1_0,
    DTLS_1_2,
    HANDSHAKE,
    HANDSHAKE_HEADER,
    MAX_PLAIN_RECORD,
    RECORD_HEADER,
    WHOLE_MESSAGE,
    Fragment,
    HandshakeType,
    fragment,
    plain_record,
)

__all__ = ["Assembler", "Verdict"]

_T = HandshakeType


def _places(*kinds: int) -> dict[int, int]:
    return {kind: place for place, kind in enumerate(kinds)}


# Messages come in this order (RFC 5246 section 7.3), each at most once.
_FROM_SERVER = _places(
    _T.SERVER_HELLO,
    _T.CERTIFICATE,
    _T.CERTIFICATE_STATUS,
    _T.SERVER_KEY_EXCHANGE,
    _T.CERTIFICATE_REQUEST,
    _T.SERVER_HELLO_DONE,
    _T.NEW_SESSION_TICKET,
)
_FROM_CLIENT = _places(_T.CLIENT_HELLO, _T.CERTIFICATE, _T.CLIENT_KEY_EXCHANGE, _T.CERTIFICATE_VERIFY)
_LAST_OF_FLIGHT = (_T.CLIENT_HELLO, _T.SERVER_HELLO_DONE)
_NO_CERTIFICATE = b"\0\0\0"

_MESSAGES_AHEAD = 12
_MAX_MESSAGE = 102_400
"""OpenSSL's own limit for a chain of certificates."""
_MAX_HELLO = 16_384
_MAX_BUFFERED = 160 * 1024
_MAX_VERSIONS = 4
_MAX_PIECES = 32
_MAX_ENCRYPTED = 32
_MAX_ENCRYPTED_BYTES = 64 * 1024
_PART = MAX_PLAIN_RECORD - 1024


class Verdict(enum.Enum):
    """What a fragment turned out to be."""

    NEW = "new"
    REPEATED = "repeated"
    """It is known already."""
    FLIGHT_REPEATED = "flight repeated"
    """It ends a flight that was answered already: the peer has not got the answer."""
    CONTRADICTION = "contradiction"
    """For the second time it is not what OpenSSL was given: that was forged or damaged."""
    DROPPED = "dropped"


class _Version:
    """One version of a message, as far as it has arrived."""

    __slots__ = ("_again", "body", "kind", "length", "pieces", "repetitions")

    def __init__(self, kind: int, length: int) -> None:
        self.kind = kind
        self.length = length
        #: Disjoint pieces by their offset; those that touch are joined.
        self.pieces: dict[int, bytes] = {}
        self.body: bytes | None = None
        self.repetitions = 0
        #: How much of it has come once more since it was complete, or was repeated.
        self._again = 0

    @property
    def size(self) -> int:
        """How many bytes are kept for it."""
        return sum(map(len, self.pieces.values()))

    def fits(self, part: Fragment) -> bool:
        """Whether a fragment contradicts nothing that is here."""
        if (part.kind, part.length) != (self.kind, self.length):
            return False
        begin, end = part.offset, part.offset + len(part.body)
        for offset, piece in self.pieces.items():
            low, high = max(begin, offset), min(end, offset + len(piece))
            if low < high and piece[low - offset : high - offset] != part.body[low - begin : high - begin]:
                return False
        return True

    def add(self, part: Fragment) -> int:
        """Take a fragment that fits; returns how many bytes are kept for it."""
        if self.body is not None:
            if part.offset <= self._again:
                self._again = max(self._again, part.offset + len(part.body))
            if self._again == self.length:
                # Of each piece: there may be one in here that was forged, which the others do not contradict.
                self.repetitions += 1
                self._again = 0
            return 0
        if len(part.body) == self.length and not self.pieces:  # the whole message at once, as nearly always
            self.body = self.pieces[0] = part.body
            return self.length
        begin, end = part.offset, part.offset + len(part.body)
        touching = [at for at, piece in self.pieces.items() if at <= end and begin <= at + len(piece)]
        if any(at <= begin and end <= at + len(self.pieces[at]) for at in touching):
            return 0
        if not touching and len(self.pieces) >= _MAX_PIECES:
            return 0
        taken = {at: self.pieces.pop(at) for at in touching}
        start = min([begin, *taken])
        joined = bytearray(max([end, *(at + len(piece) for at, piece in taken.items())]) - start)
        for at, piece in taken.items():
            joined[at - start : at - start + len(piece)] = piece
        joined[begin - start : end - start] = part.body
        self.pieces[start] = bytes(joined)
        if len(joined) == self.length:
            self.body = self.pieces[start]
        return len(joined) - sum(map(len, taken.values()))


class Assembler:
    """Collects what the peer sends in the handshake, and hands it on flight by flight.

    Args:
        server: Whether the own role is the server's.
        first: The number of the first message to expect.
    """

    __slots__ = (
        "_buffered",
        "_contradictions",
        "_ended_by",
        "_given",
        "_messages",
        "_order",
        "_rank",
        "_sequence",
        "_signs",
        "_tried",
        "change_cipher_spec",
        "encrypted",
        "next",
        "resuming",
        "version",
    )

    def __init__(self, *, server: bool, first: int = 0) -> None:
        self._order = _FROM_CLIENT if server else _FROM_SERVER
        #: The place in the order that was reached.
        self._rank = -1
        #: Whether the client has shown a certificate, and so has to sign.
        self._signs = False
        self.next = first
        #: On a server that resumes: nothing unencrypted is left to come from the client.
        self.resuming = False
        self.version = b"\xfe\xfd"
        self._messages: dict[int, list[_Version]] = {}
        self._buffered = 0
        #: What OpenSSL was given last: type and body by the number of the message.
        self._given: dict[int, tuple[int, bytes]] = {}
        self._ended_by = -1
        self._contradictions: set[Fragment] = set()
        #: How many of the encrypted records OpenSSL has had; if they were genuine, it could not decrypt them yet.
        self._tried = 0
        #: The lowest record number that OpenSSL has not seen.
        self._sequence = 0
        #: Whether the peer's change of keys has been announced.
        self.change_cipher_spec = False
        #: Encrypted records, which OpenSSL can only take after the change.
        self.encrypted: list[bytes] = []

    @property
    def started(self) -> bool:
        """Whether anything of the flight that is expected now has arrived."""
        return bool(self._messages)

    @property
    def contested(self) -> bool:
        """Whether there are several versions of one message."""
        return any(len(versions) > 1 for versions in self._messages.values())

    def is_last(self, part: Fragment) -> bool:
        """Whether a fragment has the number of the last message that OpenSSL was given."""
        return part.number == self._ended_by

    def forget(self) -> None:
        """The handshake is over."""
        self._messages.clear()
        self._given.clear()
        self._contradictions.clear()
        self.encrypted = []

    def add(self, part: Fragment) -> Verdict:
        """Take an unencrypted fragment."""
        if part.kind not in self._order:
            return Verdict.DROPPED
        if part.length > (_MAX_HELLO if part.kind == _T.CLIENT_HELLO else _MAX_MESSAGE):
            return Verdict.DROPPED
        if part.number < self.next:
            return self._compare(part)
        if self.resuming or part.number >= self.next + _MESSAGES_AHEAD or self._order[part.kind] <= self._rank:
            return Verdict.DROPPED
        if self._buffered + len(part.body) > _MAX_BUFFERED:
            # No flight is so long, so this is forged at least in part. The peer repeats all of the genuine one.
            self._messages.clear()
            self._buffered = 0
        versions = self._messages.setdefault(part.number, [])
        kept = fitting = 0
        for version in versions:
            if version.fits(part):
                fitting += 1
                kept += version.add(part)
        if not fitting:
            if len(versions) >= _MAX_VERSIONS:
                # Whatever came first, the genuine one must get in. What was repeated least goes, and the oldest of it.
                versions.remove(forged := min(versions, key=lambda version: version.repetitions))
                self._buffered -= forged.size
            fresh = _Version(part.kind, part.length)
            versions.append(fresh)
            kept = fresh.add(part)
            self._buffered += kept
            return Verdict.NEW
        self._buffered += kept
        return Verdict.NEW if kept else Verdict.REPEATED

    def hello_verify_request(self, part: Fragment, version: bytes) -> bytes:
        """A HelloVerifyRequest for OpenSSL; whatever the server sends next has the next number."""
        self._messages.clear()  # a server has nothing to say before it knows the cookie
        self._buffered = 0
        self.next = part.number + 1
        record = plain_record(
            HANDSHAKE, self._sequence, fragment(part.kind, part.length, part.number, part.offset, part.body), version
        )
        self._sequence += 1
        return record

    def add_encrypted(self, record: bytes) -> bool:
        """Keep an encrypted record; false when there are too many, so that one is lost."""
        if record in self.encrypted:
            return True
        # Messages of an eager peer, whose Finished got lost, must leave room for its repetition.
        rivals = [each for each in self.encrypted if (each[0] == HANDSHAKE) is (record[0] == HANDSHAKE)]
        surplus = _surplus(rivals, record)
        if surplus and record[0] != HANDSHAKE:
            return False
        # Anybody can fill the room with what is no Finished. The genuine one comes with what makes the keys, or when
        # they are there, and is tried at once: it must get in, whatever came before.
        for forged in rivals[:surplus]:
            place = self.encrypted.index(forged)
            del self.encrypted[place]
            self._tried -= place < self._tried
        self.encrypted.append(record)
        return not surplus

    def add_change_cipher_spec(self) -> None:
        """The peer announces that it encrypts from now on."""
        self.change_cipher_spec = True

    def take_whole_flight_untrusted(self, datagram: bytes, lowest: int, beyond: int = 1 << 48) -> bool:
        """Take a datagram that OpenSSL can be given as it is.

        It has to be the whole of the next flight, in whole messages and in order, with nothing before it
        that says otherwise. That is how short flights come nearly always. Any other has to be taken to pieces.

        Args:
            datagram: The datagram.
            lowest: The lowest record number that belongs to this attempt.
            beyond: The lowest above it that does not.

        Returns:
            Whether it was; otherwise nothing has changed.
        """
        end = len(datagram)
        if end > MAX_PLAIN_RECORD or self._messages or self.encrypted or self.change_cipher_spec or self.resuming:
            return False
        order, rank, signs, number = self._order, self._rank, self._signs, self.next
        sequence = max(lowest, self._sequence)
        given: dict[int, tuple[int, bytes]] = {}
        position = 0
        complete = changes = False
        while not complete:
            if position + WHOLE_MESSAGE.size > end:
                return False
            kind, version, ahead, low, size, head, at, offset, part = WHOLE_MESSAGE.unpack_from(datagram, position)
            begin, position = position, position + RECORD_HEADER + size
            if position > end:
                return False
            if changes:  # whatever follows is encrypted
                if ahead >> 16 != 1 or kind != HANDSHAKE or version != DTLS_1_2:
                    return False
                complete = True
                continue
            if ahead or not sequence <= low < beyond:
                return False
            sequence = low + 1
            message = head >> 24
            if kind == CHANGE_CIPHER_SPEC:
                if size != 1 or message != 1 or version != DTLS_1_2 or rank < 0:
                    return False
                changes = True
                continue
            place = order.get(message, -1)
            if (
                kind != HANDSHAKE
                or (version != DTLS_1_2 and (version != DTLS_1_0 or message != _T.CLIENT_HELLO))
                or at != number
                or place <= rank
                or offset
                or head & 0xFFFFFF != part
                or size != HANDSHAKE_HEADER + part
                or (message == _T.CERTIFICATE_VERIFY and not signs)
            ):
                return False
            body = datagram[begin + WHOLE_MESSAGE.size : position]
            given[number] = (message, body)
            rank = place
            signs = signs or (message == _T.CERTIFICATE and body != _NO_CERTIFICATE)
            number += 1
            complete = message in _LAST_OF_FLIGHT
        if position != end:
            return False
        if given:
            self._given = given
            self._ended_by = number - 1
            self._contradictions.clear()
            self._rank, self._signs = rank, signs
        self.next, self._sequence = number, sequence
        if changes:
            self.change_cipher_spec = True
            self.encrypted.append(datagram[begin:])
            self._tried = 1
        return True

    def take_flight(self) -> list[bytes]:
        """What OpenSSL is to be given now: portions of whole records, none before a flight is complete."""
        flight: list[tuple[int, _Version]] = []
        number, rank, signs = self.next, self._rank, self._signs
        ended = False
        while not ended and number in self._messages:
            chosen = _choose([each for each in self._messages[number] if self._may_come(each.kind, rank, signs)])
            if chosen is None:
                break
            rank = self._order[chosen.kind]
            signs = signs or (chosen.kind == _T.CERTIFICATE and chosen.body != _NO_CERTIFICATE)
            flight.append((number, chosen))
            number += 1
            ended = chosen.kind in _LAST_OF_FLIGHT
        # With more of the flight OpenSSL may be able to use what it could not before. A hello comes first.
        changes = self.change_cipher_spec and rank >= 0
        encrypted = self.encrypted[0 if flight else self._tried :] if changes else []
        if not ended and not encrypted:
            return []
        if flight:
            self._given = {at: (version.kind, version.body or b"") for at, version in flight}
            self._ended_by = flight[-1][0]
            self._contradictions.clear()
            self._rank, self._signs = rank, signs
        for done, _ in flight:
            for version in self._messages.pop(done):
                self._buffered -= version.size
        self.next = number
        records = [record for at, version in flight for record in self._records(at, version)]
        if encrypted:
            # OpenSSL drops a change that comes too early, and encrypted records that it has had.
            self._tried = len(self.encrypted)
            records.append(self.plain(CHANGE_CIPHER_SPEC, b"\1"))
            # The others one by one: when the first has completed the handshake, repetitions of it would be answered.
            return [*_portions([*records, encrypted[0]]), *encrypted[1:]]
        return _portions(records)

    def plain(self, kind: int, payload: bytes) -> bytes:
        """A record of epoch 0 with a number that OpenSSL has not seen."""
        record = plain_record(kind, self._sequence, payload, self.version)
        self._sequence += 1
        return record

    def _may_come(self, kind: int, rank: int, signs: bool) -> bool:
        """Whether a message can be the next one."""
        return self._order[kind] > rank and (signs or kind != _T.CERTIFICATE_VERIFY)

    def _compare(self, part: Fragment) -> Verdict:
        """A fragment of a message that OpenSSL has had already."""
        given = self._given.get(part.number)
        if given is not None:
            kind, body = given
            end = part.offset + len(part.body)
            if (part.kind, part.length) == (kind, len(body)) and body[part.offset : end] == part.body:
                ends = part.number == self._ended_by and end == part.length
                return Verdict.FLIGHT_REPEATED if ends else Verdict.REPEATED
        elif part.number < min(self._given, default=0):
            return Verdict.DROPPED  # of an earlier flight
        if part in self._contradictions:
            return Verdict.CONTRADICTION
        if len(self._contradictions) < _MAX_VERSIONS:
            self._contradictions.add(part)
        return Verdict.DROPPED

    def _records(self, number: int, version: _Version) -> list[bytes]:
        body = version.body
        assert body is not None
        return [
            self.plain(HANDSHAKE, fragment(version.kind, version.length, number, start, body[start : start + _PART]))
            for start in range(0, len(body) or 1, _PART)
        ]


def _choose(versions: list[_Version]) -> _Version | None:
    """The version to believe: the only one, or the one that was repeated."""
    if not versions:
        return None
    if len(versions) == 1:
        return versions[0] if versions[0].body is not None else None
    best = max(versions, key=lambda version: version.repetitions)
    return best if best.repetitions else None


def _surplus(records: list[bytes], another: bytes) -> int:
    """How many of the oldest have to go before there is room for another."""
    surplus = max(len(records) + 1 - _MAX_ENCRYPTED, 0)
    size = sum(map(len, records[surplus:])) + len(another)
    while size > _MAX_ENCRYPTED_BYTES and surplus < len(records):
        size -= len(records[surplus])
        surplus += 1
    return surplus


def _portions(records: list[bytes]) -> list[bytes]:
    """Join records as far as OpenSSL's read buffer takes them: one step each is slow."""
    portions: list[bytes] = []
    for record in records:
        if portions and len(portions[-1]) + len(record) <= MAX_PLAIN_RECORD:
            portions[-1] += record
        else:
            portions.append(record)
    return portions
