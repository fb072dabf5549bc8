"""Closes the windows of a program that runs in the process of the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from PySide6.QtCore import QCoreApplication, QEvent, QTimer
from PySide6.QtWidgets import QApplication, QWidget

__all__ = ["closedAgain"]

_INTERVAL_MS = 20


@contextmanager
def closedAgain(seen: Callable[[QWidget], None] = lambda window: None) -> Iterator[None]:
    """Close every window as soon as it is shown, and end the event loop of the program.

    The end of the last window ends the loop by itself, unless another test has left one open.

    Args:
        seen: Told of each window before it is closed.
    """
    application = QCoreApplication.instance()
    assert application is not None

    def close() -> None:
        shown = [window for window in QApplication.topLevelWidgets() if window.isVisible()]
        for window in shown:
            seen(window)
            window.close()
        if shown:
            application.exit(0)

    timer = QTimer(interval=_INTERVAL_MS)
    timer.timeout.connect(close)
    timer.start()
    try:
        yield
    finally:
        timer.stop()
        # The loop was ended twice; what is left of that would end the next one.
        QCoreApplication.removePostedEvents(application, QEvent.Type.Quit.value)
