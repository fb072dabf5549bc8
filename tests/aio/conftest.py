"""Runs coroutines on both event loops that the package promises to work with."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest
from PySide6.QtWidgets import QApplication

from qtsecure import DtlsServer, SslConfiguration, SslServer
from qtsecure.testing import PublicKeyInfrastructure
from tests.qasync_loops import qasyncLoop

Result = TypeVar("Result")
Run = Callable[[Coroutine[Any, Any, Result]], Result]


def _onQasync(coroutine: Coroutine[Any, Any, Result]) -> Result:
    loop = qasyncLoop(QApplication.instance())
    asyncio.set_event_loop(loop)
    try:
        with loop:
            return loop.run_until_complete(coroutine)
    finally:
        asyncio.set_event_loop(None)


def _onQtAsyncio(coroutine: Coroutine[Any, Any, Result]) -> Result:
    from PySide6 import QtAsyncio

    return QtAsyncio.run(coroutine, keep_running=False)


_LOOPS = {
    "qasync": (_onQasync, ()),
    "QtAsyncio": (
        _onQtAsyncio,
        pytest.mark.skipif(
            importlib.util.find_spec("PySide6.QtAsyncio") is None,
            reason="QtAsyncio comes with the wheel PySide6-Addons",
        ),
    ),
}


@pytest.fixture(params=[pytest.param(start, marks=marks, id=name) for name, (start, marks) in _LOOPS.items()])
def run(request: pytest.FixtureRequest, qapp: QApplication) -> Run[Any]:
    """Run a coroutine to its end; a minute is plenty for all of them."""

    def bounded(coroutine: Coroutine[Any, Any, Result]) -> Result:
        async def limited() -> Result:
            return await asyncio.wait_for(coroutine, 60)

        return request.param(limited())

    return bounded


@pytest.fixture
def client_configuration(qtsecure_pki: PublicKeyInfrastructure) -> SslConfiguration:
    """Trusts the authority of the tests."""
    return SslConfiguration.forClient([qtsecure_pki.ca.certificate])


@pytest.fixture
def server(qapp: QApplication, qtsecure_pki: PublicKeyInfrastructure) -> SslServer:
    """A listening TLS server."""
    server = SslServer()
    server.setSslConfiguration(SslConfiguration.forServer(qtsecure_pki.server.chain, qtsecure_pki.server.privateKey))
    assert server.listen("127.0.0.1", 0), server.errorString()
    return server


@pytest.fixture
def dtls_server(qapp: QApplication, qtsecure_pki: PublicKeyInfrastructure) -> DtlsServer:
    """A listening DTLS server."""
    server = DtlsServer()
    server.setSslConfiguration(SslConfiguration.forServer(qtsecure_pki.server.chain, qtsecure_pki.server.privateKey))
    assert server.listen("127.0.0.1", 0), server.errorString()
    return server
