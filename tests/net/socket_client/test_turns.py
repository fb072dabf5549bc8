"""The costly steps of very many operations: nobody's slot and nobody's exception stops those of the others."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QCoreApplication

from qtsecure.net.socket_client.turn_queue import TurnQueue
from tests.net.conversation import settle, spin

pytestmark = pytest.mark.usefixtures("qapp")


def test_a_nested_event_loop_serves_the_others() -> None:
    """A slot in the first step waits for what the second one does."""
    turns = TurnQueue()
    done: list[str] = []

    def first() -> None:
        spin(lambda: done == ["second"])
        done.append("first")

    turns.add(first)
    turns.add(lambda: done.append("second"))
    spin(lambda: len(done) == 2)
    assert done == ["second", "first"]


def test_an_exception_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is reported as that of any slot."""
    reported: list[object] = []
    monkeypatch.setattr("sys.excepthook", lambda kind, value, trace: reported.append(kind))
    turns = TurnQueue()
    done: list[str] = []
    turns.add(lambda: done.append(str(1 // 0)))
    turns.add(lambda: done.append("second"))
    spin(lambda: done == ["second"])
    settle()
    QCoreApplication.processEvents()
    assert reported == [ZeroDivisionError]
