"""Which signals of an object somebody listens to: emitting one to nobody takes up to a microsecond."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QMetaMethod, QObject

__all__ = ["namesOfSignals"]


def namesOfSignals(source: QObject) -> Iterator[str]:
    """All of an object's signals: for a subclass whose connectNotify() need not call ours."""
    meta = source.metaObject()
    for method in map(meta.method, range(meta.methodCount())):
        if method.methodType() == QMetaMethod.MethodType.Signal:
            yield method.name().toStdString()
