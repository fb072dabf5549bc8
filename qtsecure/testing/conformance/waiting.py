"""How the suites wait."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QCoreApplication

from qtsecure.testing.peers._waiting import waitUntil

__all__ = ["Waiting"]


class Waiting:
    """The waits of a suite; a front end with an event loop of its own overrides ``wait()`` and ``settle()``.

    Attributes:
        patience: How long to wait for what has to happen, in ms.
    """

    patience = 10_000

    def wait(self, condition: Callable[[], bool], timeout: int) -> bool:
        """Run the event loop until a condition holds, at most so many ms; whether it does."""
        return waitUntil(condition, timeout)

    def settle(self) -> None:
        """Run the event loop until nothing is left to do at once."""
        for _ in range(10):
            QCoreApplication.processEvents()

    def waitFor(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for a condition.

        Raises:
            AssertionError: With ``what``, which says in words what did not happen.
        """
        assert self.wait(condition, self.patience), f"{what}, within {self.patience} ms."
