"""Fixtures of the tests of Godot's items."""

from __future__ import annotations

import socket as native
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QCoreApplication

from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.net.conftest import clock
from tests.semantics.godot.support import Pair

__all__ = ["clock"]


@pytest.fixture
def pair(qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure) -> Iterator[Pair]:
    """A client and a server."""
    made = Pair(qtsecure_pki)
    yield made
    made.close()


@pytest.fixture
def silent() -> Iterator[native.socket]:
    """A bound UDP socket from which nobody answers."""
    with native.socket(native.AF_INET, native.SOCK_DGRAM) as made:
        made.bind(("127.0.0.1", 0))
        made.setblocking(False)
        yield made
