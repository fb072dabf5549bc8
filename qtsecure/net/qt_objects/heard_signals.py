"""Which signals of an object somebody listens to: emitting one to nobody takes up to a microsecond."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QMetaMethod, QObject

__all__ = ["HearsSignals", "namesOfSignals"]


class HearsSignals:
    """A part of a QObject: knows the names of its signals that somebody has connected, at whatever time."""

    _heard: frozenset[str] = frozenset()

    def _beginHearing(self) -> None:
        """For the constructor."""
        if type(self).connectNotify is not HearsSignals.connectNotify:  # it need not call ours, as QObject's need not
            assert isinstance(self, QObject)
            self._heard = frozenset(namesOfSignals(self))

    def connectNotify(self, signal: QMetaMethod) -> None:
        """Note a signal (QObject::connectNotify)."""
        self._heard |= {signal.name().toStdString()}


def namesOfSignals(source: QObject) -> Iterator[str]:
    """All of an object's signals: for a subclass whose connectNotify() need not call ours."""
    meta = source.metaObject()
    for method in map(meta.method, range(meta.methodCount())):
        if method.methodType() == QMetaMethod.MethodType.Signal:
            yield method.name().toStdString()
