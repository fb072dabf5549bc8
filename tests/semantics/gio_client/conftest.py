"""Fixtures of SocketClient's tests: one client without proxies, and what it tells."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QCoreApplication

from qtsecure.testing import PublicKeyInfrastructure
from tests.net.conftest import clock
from tests.semantics.gio_client.support import Story

__all__ = ["clock"]


@pytest.fixture
def story(qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure) -> Iterator[Story]:
    """A client that trusts the authority of the tests, with a fake resolver, and a record of its events."""
    story = Story(qtsecure_pki)
    yield story
    story.close()
