"""Fixtures of the tests of proxies."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QCoreApplication

from tests.net.proxies.rig import MakeRig, Rig


@pytest.fixture
def makeRig(qapp: QCoreApplication, transport_mode: str) -> Iterator[MakeRig]:
    """Make rigs that are closed after the test, over each kind of socket."""
    made: list[Rig] = []

    def make(protocol: str, host: str = "mail.example", login: str = "", port: int = 993) -> Rig:
        made.append(Rig(protocol, host, login, port))
        return made[-1]

    yield make
    for rig in made:
        rig.close()
