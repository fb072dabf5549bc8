"""Fixtures of the tests of DTLS over sockets; every test runs over both kinds of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QCoreApplication

from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.net.dtls.conversation import DtlsConversation


@pytest.fixture
def conversation(
    qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure, transport_mode: str
) -> Iterator[DtlsConversation]:
    """A server and a client."""
    made = DtlsConversation(qtsecure_pki)
    yield made
    made.close()
