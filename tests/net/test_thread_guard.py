"""The check itself: slots keep their arguments, and threads have names."""

from __future__ import annotations

import threading

import pytest
from PySide6.QtCore import QCoreApplication, QObject, QThread, Signal

from qtsecure.net.qt_objects.thread_guard import checkThread, confinedToThread, nameOfIdent, nameOfThread
from qtsecure.net.ssl_socket import SslSocket


class Plain(QObject):
    """What is decorated below, without the decorator."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[object] = []

    def nothing(self) -> None:
        """Takes nothing."""
        self.calls.append(())

    def one(self, first: int) -> int:
        self.calls.append((first,))
        return first

    def optional(self, first: int = 7) -> None:
        self.calls.append((first,))

    def several(self, first: int, second: int = 0) -> None:
        self.calls.append((first, second))

    def known(self) -> None:
        pass


Plain.__module__ = "qtsecure.net.example"
Checked = confinedToThread(harmless=("known",))(type("Checked", (Plain,), {"__module__": "qtsecure.net.example"}))


class Sender(QObject):
    fired = Signal(int, int)


@pytest.mark.parametrize(("method", "taken"), [("nothing", ()), ("one", (1,)), ("optional", (1,)), ("several", (1, 2))])
def test_a_slot_gets_as_many_arguments_as_it_names(qapp: QCoreApplication, method: str, taken: tuple[int, ...]) -> None:
    """As without the check: PySide drops what a slot does not name."""
    sender, checked = Sender(), Checked()
    sender.fired.connect(getattr(checked, method))
    sender.fired.emit(1, 2)
    assert checked.calls == [taken]


def test_defaults_and_names(qapp: QCoreApplication) -> None:
    """Arguments by name, and left-out ones."""
    checked = Checked()
    checked.optional()
    checked.optional(first=8)
    assert checked.one(first=9) == 9
    checked.several(1, second=3)
    assert checked.calls == [(7,), (8,), (9,), (1, 3)]
    with pytest.raises(TypeError, match="first"):
        checked.one()
    with pytest.raises(TypeError):
        checked.nothing(1)
    assert Checked.nothing.__doc__ == "Takes nothing."


def test_slots_of_a_socket(qapp: QCoreApplication) -> None:
    """The methods that programs connect to signals with arguments."""
    sender, socket = Sender(), SslSocket()
    for name in ("abort", "close", "disconnectFromHost", "flush"):
        sender.fired.connect(getattr(socket, name))
    sender.fired.emit(1, 2)


def test_names_of_threads(qapp: QCoreApplication) -> None:
    """By the object's name, Python's name, or a number."""
    thread = QThread()
    assert nameOfThread(thread) == "another thread without a name"
    thread.setObjectName("worker")
    assert nameOfThread(thread) == "thread 'worker'"
    assert nameOfIdent(threading.get_ident()) == "the main thread"
    assert nameOfIdent(0xABC) == "thread 0xabc"


def test_after_the_threads_end_anybody_may_clear_up(qapp: QCoreApplication) -> None:
    """The thread has finished, so there is nobody left to do it."""
    thread, obj = QThread(), QObject()
    thread.setObjectName("worker")
    thread.start()
    obj.moveToThread(thread)
    with pytest.raises(RuntimeError, match=r"QObject\.tidy\(\) was called in the main thread.*'worker'"):
        checkThread(obj, "tidy")
    thread.quit()
    assert thread.wait(20_000)
    checkThread(obj, "tidy")
