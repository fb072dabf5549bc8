"""What every test gets: a platform without a display, both transports, and a tidy event queue."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator

# Before anything loads Qt.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import pytest
from hypothesis import settings

import qtsecure.testing.plugin

pytest_plugins = ["pytester", "tests.figures"]

# Everywhere as on machines that call themselves CI: always the same examples, so that a run that was green stays
# green, and no deadline of 200 ms for each, which a busy machine misses. tests/fuzz hunts with others.
settings.load_profile("ci")


def pytest_configure(config: pytest.Config) -> None:
    """Use the plugin of the checkout where qtsecure is not installed."""
    if not config.pluginmanager.has_plugin("qtsecure"):
        config.pluginmanager.register(qtsecure.testing.plugin, "qtsecure")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Spare the collector what stays for the whole session: it looks through everything a thousand times."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


@pytest.fixture(params=["reactor", "qt"])
def transport_mode(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run the test over the reactor and over Qt's own sockets; the network layer asks for each new object."""
    mode: str = request.param
    monkeypatch.setenv("QTSECURE_TRANSPORT", mode)
    return mode


@pytest.fixture(autouse=True)
def _noSessions() -> None:
    """Forget what clients of other tests could resume: the system gives the port of a server to another one later."""
    cache = sys.modules.get("qtsecure.net.session_cache")
    if cache is not None:
        cache.sharedSessions.reset()


@pytest.fixture(autouse=True)
def _noLeftovers() -> Iterator[None]:
    """Delete what a test gave to deleteLater(), so that it cannot disturb the next one."""
    yield
    if "PySide6.QtCore" not in sys.modules:
        return
    from PySide6.QtCore import QCoreApplication, QEvent

    if QCoreApplication.instance() is not None:
        # Young cycles only, which is cheap: warnings of objects that nobody closed belong to this test.
        gc.collect(1)
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
