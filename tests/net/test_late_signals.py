"""Signals that are made when somebody asks for them, and what programs may notice of that: nothing."""

from __future__ import annotations

from PySide6.QtCore import SIGNAL, QObject, Signal

from qtsecure import DtlsPeer, SslSocket
from qtsecure.net.qt_objects.late_signals import withLateSignals


@withLateSignals
class Sender(QObject):
    """One of each kind."""

    plain = Signal()
    number = Signal(int)


def test_a_socket_makes_no_signals_of_its_own_before_they_are_asked_for(qapp: object) -> None:
    """That is most of what making one costs; afterwards it is the same one each time."""
    for made in (SslSocket(), DtlsPeer()):
        assert "alertSent" not in vars(made)
        signal = made.alertSent
        assert made.alertSent is signal
        assert "alertSent" in vars(made)


def test_the_class_has_the_signal_itself() -> None:
    """As with any other QObject."""
    assert isinstance(Sender.number, Signal)
    assert isinstance(SslSocket.encrypted, Signal)


def test_signals_work_in_all_ways(qapp: object) -> None:
    """By attribute, by signature, to another signal, and after disconnecting."""
    heard: list[object] = []
    first, second = Sender(), Sender()
    first.number.connect(heard.append)
    QObject.connect(first, SIGNAL("number(int)"), heard.append)
    first.number.connect(second.number)
    second.number.connect(heard.append)
    first.number.emit(1)
    assert heard == [1, 1, 1]
    first.number.disconnect(heard.append)
    assert first.receivers(SIGNAL("number(int)")) == 2
    assert second.receivers(SIGNAL("plain()")) == 0


def test_a_subclass_may_add_and_replace_signals(qapp: object) -> None:
    """Each object has its own."""

    class Special(Sender):
        text = Signal(str)
        number = Signal(str)

    heard: list[object] = []
    special = Special()
    special.text.connect(heard.append)
    special.number.connect(heard.append)
    special.plain.connect(lambda: heard.append("plain"))
    special.text.emit("text")
    special.number.emit("number")
    special.plain.emit()
    assert heard == ["text", "number", "plain"]
    another = Special()
    another.plain.emit()
    assert len(heard) == 3
