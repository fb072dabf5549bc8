"""The event loop that a waiting method runs."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QEventLoop

__all__ = ["nestedLoop"]


def nestedLoop() -> QEventLoop:
    """A loop to wait in.

    Raises:
        RuntimeError: There is no application; Qt's loop would never end then, whatever the time-out.
    """
    if QCoreApplication.instance() is None:
        raise RuntimeError("Waiting runs an event loop, and that needs a QCoreApplication; make one before.")
    return QEventLoop()
