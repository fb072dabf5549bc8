"""What is needed of Qt's two largest namespaces, QEvent and Qt.

PySide builds a namespace when it is first named. That takes 20 ms for the hundreds of values of
these two, and a program shall not wait for it at import. Nor may two threads build one at the same
time: the second would find it half built, or crash.
"""

from __future__ import annotations

import functools

from qtsecure.locks import Lock

__all__ = ["LateNames", "lateNames"]


class LateNames:
    """Made once in each process.

    Attributes:
        directConnection: Qt.ConnectionType.DirectConnection.
        makeWakeEvent: Makes an event of a type of our own.
        preciseTimer: Qt.TimerType.PreciseTimer.
    """

    def __init__(self) -> None:
        from PySide6.QtCore import QEvent, Qt

        self.directConnection = Qt.ConnectionType.DirectConnection
        self.makeWakeEvent = functools.partial(QEvent, QEvent.Type(QEvent.registerEventType()))
        self.preciseTimer = Qt.TimerType.PreciseTimer


_lock = Lock()  # a finalizer or a signal's handler that runs inside it may defer a call, too
_names: LateNames | None = None


def lateNames() -> LateNames:
    """The names; built by the first caller."""
    global _names
    if _names is None:
        with _lock:
            if _names is None:
                _names = LateNames()
    return _names
