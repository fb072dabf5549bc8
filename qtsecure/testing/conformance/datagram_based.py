"""Whatever implements DatagramBased: batches of messages, conditions, deadlines and cancellation."""

from __future__ import annotations

import functools
import time
from collections import deque
from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtCore import QTimer
from shiboken6 import isValid

from qtsecure.errors import SecureError
from qtsecure.testing.conformance.datagrams import DatagramConformance, DatagramPair
from qtsecure.testing.conformance.ends import DatagramEnd

if TYPE_CHECKING:
    from qtsecure.net.datagram_based import Condition, DatagramBased

    Associations = tuple[DatagramBased, DatagramBased]

__all__ = ["DatagramBasedConformance", "DatagramBasedEnd"]

_Code = SecureError.Code
_SHORT = 40
"""Milliseconds of a wait that is to be in vain."""
_LONG = 20_000


class DatagramBasedEnd(DatagramEnd):
    """Anything that implements DatagramBased; as with Gio, each direction ends by itself.

    Args:
        association: It has ``close()``, as DtlsPeer has.
        largest: The size of its largest message; 0 when nobody knows.
    """

    halfOpen = True

    def __init__(self, association: Any, largest: int = 0) -> None:
        from qtsecure.net.datagram_based import Condition

        super().__init__()
        self.association = association
        self._largest = largest
        self._came: deque[bytes] = deque()
        self._over = False
        self._notifier = association.createNotifier(Condition.In)
        self._notifier.activated.connect(self._activated)

    def send(self, data: bytes) -> bool:
        try:
            return bool(self.association.sendMessages([data]) == 1)
        except SecureError:
            return False

    def receive(self) -> bytes | None:
        self._fetch()
        return self._came.popleft() if self._came else None

    def largest(self) -> int:
        return self._largest

    def close(self) -> None:
        self.association.close()

    def abort(self) -> None:
        if isValid(self.association):
            self.association.close()
        self._notifier.setEnabled(False)

    def isOver(self) -> bool:
        came = len(self._came)
        self._fetch()
        if len(self._came) > came:
            QTimer.singleShot(0, self._soon)  # the notifier will say nothing of what was taken here
        return self._over

    def _soon(self) -> None:
        if self._came:
            self._react()

    def _activated(self, condition: object) -> None:
        self._react()

    def _fetch(self) -> None:
        while not self._over:
            try:
                messages = self.association.receiveMessages()
            except SecureError as error:
                if error.code is _Code.WouldBlock:
                    return
                self.told.append(error.code.name)
                self._over = True
            else:
                self._came.extend(message.data for message in messages)
                if not messages:
                    self.told.append("end")
                    self._over = True


class DatagramBasedConformance(DatagramConformance):
    """Checks what implements DatagramBased; derive from it and define the fixture ``associations``.

    All of DatagramConformance, and waiting with deadlines and Cancellables.
    """

    @pytest.fixture
    def associations(self) -> Associations:
        """A connected pair. To be overridden."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture 'associations' that gives a connected pair.")

    @pytest.fixture
    def datagrams(self, associations: Associations) -> DatagramPair:
        """The pair itself."""
        first, second = map(DatagramBasedEnd, associations)
        return first, second

    def test_nothing_is_there(self, associations: Associations) -> None:
        """Without a time-out that is told at once, with one after it, and not much later."""
        receiver = associations[1]
        with pytest.raises(SecureError) as caught:
            receiver.receiveMessages()
        assert caught.value.code is _Code.WouldBlock
        began = time.monotonic()
        with pytest.raises(SecureError) as caught:
            receiver.receiveMessages(timeout=_SHORT)
        assert caught.value.code is _Code.TimedOut
        assert time.monotonic() - began >= _SHORT / 1000 * 0.9, "It did not wait for its time."
        with pytest.raises(SecureError) as caught:
            receiver.conditionWait(self._in(), _SHORT)
        assert caught.value.code is _Code.TimedOut

    def test_a_deadline_is_for_all_messages(self, associations: Associations) -> None:
        """Of three that are wanted two come: these are the result, and the deadline is no error."""
        first, second = associations
        for deadline in (10 * _SHORT, _LONG // 4):
            texts = [b"one in %d ms" % deadline, b"two in %d ms" % deadline]
            QTimer.singleShot(0, functools.partial(first.sendMessages, texts[:1]))
            QTimer.singleShot(_SHORT // 2, functools.partial(first.sendMessages, texts[1:]))
            received = self._receivedWithin(deadline, second, 3)
            if received == texts:
                return
            # The machine may have stood still until the deadline: then the rest comes now, and next time all of it.
            rest = second.receiveMessages(2 - len(received), timeout=_LONG)
            assert received + [message.data for message in rest] == texts
        pytest.fail(f"Of two messages that came in time the deadline let {len(received)} through.")

    def test_a_wait_ends_when_enough_has_come(self, associations: Associations) -> None:
        """And does not wait for its deadline."""
        first, second = associations
        QTimer.singleShot(0, lambda: first.sendMessages([b"one", b"two"]))
        began = time.monotonic()
        received = second.receiveMessages(2, timeout=_LONG)
        assert [message.data for message in received] == [b"one", b"two"]
        assert time.monotonic() - began < _LONG / 2000

    @pytest.mark.parametrize("when", ["before", "during"])
    @pytest.mark.parametrize("wait", ["receiveMessages", "conditionWait"])
    def test_cancelling(self, associations: Associations, wait: str, when: str) -> None:
        """Ends the wait, with its own code, and loses no message that comes later."""
        from qtsecure.net.cancellable import Cancellable

        first, second = associations
        cancellable = Cancellable()
        if when == "before":
            cancellable.cancel()
        else:
            QTimer.singleShot(_SHORT // 2, cancellable.cancel)

        def waits() -> None:
            if wait == "receiveMessages":
                second.receiveMessages(timeout=_LONG, cancellable=cancellable)
            else:
                second.conditionWait(self._in(), _LONG, cancellable)

        with pytest.raises(SecureError) as caught:
            waits()
        assert caught.value.code is _Code.Cancelled
        first.sendMessages([b"later"])
        assert [message.data for message in second.receiveMessages(1, timeout=_LONG)] == [b"later"]

    def test_batches_and_parts(self, associations: Associations) -> None:
        """Several messages at once, each in as many parts as the caller likes; the result counts messages."""
        first, second = associations
        assert first.sendMessages([b"whole", [b"in ", bytearray(b"three "), memoryview(b"parts")]]) == 2
        received = second.receiveMessages(2, timeout=_LONG)
        assert [message.data for message in received] == [b"whole", b"in three parts"]

    def test_a_short_buffer_cuts(self, associations: Associations) -> None:
        """The message is marked; the rest is lost, and the next one is whole."""
        first, second = associations
        first.sendMessages([b"0123456789", b"next"])
        assert second.conditionWait(self._in(), _LONG)
        (cut,) = second.receiveMessages(1, timeout=_LONG, maxSize=4)
        (whole,) = second.receiveMessages(1, timeout=_LONG)
        assert (cut.data, cut.truncated) == (b"0123", True)
        assert (whole.data, whole.truncated) == (b"next", False)

    def test_conditions(self, associations: Associations) -> None:
        """Out holds from the beginning, In while there is a message; the notifier tells of each."""
        from qtsecure.net.datagram_based import Condition

        first, second = associations
        assert second.conditionCheck(Condition.In | Condition.Out) == Condition.Out
        notifier = second.createNotifier(Condition.In)
        told: list[Condition] = []
        notifier.activated.connect(told.append)
        first.sendMessages([b"x"])
        assert second.conditionWait(Condition.In, _LONG)
        assert second.conditionCheck(Condition.In) == Condition.In
        self.waitFor(lambda: bool(told), "The notifier did not tell of a message")
        assert told[0] == Condition.In
        second.receiveMessages(1)
        assert second.conditionCheck(Condition.In) == Condition(0)

    def _receivedWithin(self, deadline: int, receiver: DatagramBased, count: int) -> list[bytes]:
        try:
            return [message.data for message in receiver.receiveMessages(count, timeout=deadline)]
        except SecureError as error:
            if error.code is not _Code.TimedOut:
                raise
            return []

    def _in(self) -> Condition:
        from qtsecure.net.datagram_based import Condition

        return Condition.In
