"""The pytest plugin: fixtures for programs that are built on qtsecure.

pytest imports this module in every environment that has qtsecure installed, so it loads neither Qt
nor OpenSSL until a test asks for a fixture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from PySide6.QtCore import QCoreApplication, QObject

    from qtsecure.testing.pki import PublicKeyInfrastructure
    from qtsecure.testing.signals import SignalRecorder

__all__ = ["qtsecure_pki", "qtsecure_signals"]


@pytest.fixture(scope="session")
def qtsecure_pki() -> PublicKeyInfrastructure:
    """A throw-away authority with good and bad certificates, made once for the test session."""
    from qtsecure.testing.pki import PublicKeyInfrastructure

    return PublicKeyInfrastructure()


@pytest.fixture
def qtsecure_signals(qapp: QCoreApplication) -> Iterator[Callable[..., SignalRecorder]]:
    """Make signal recorders: ``qtsecure_signals(obj, names=None, prefix="")``; closed after the test."""
    from qtsecure.testing.signals import SignalRecorder

    recorders: list[SignalRecorder] = []

    def record(obj: QObject | None = None, names: Iterable[str] | None = None, *, prefix: str = "") -> SignalRecorder:
        recorder = SignalRecorder(obj, names, prefix=prefix)
        recorders.append(recorder)
        return recorder

    yield record
    for recorder in recorders:
        recorder.close()
