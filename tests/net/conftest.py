"""Fixtures of the network layer's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QCoreApplication

from qtsecure.net.values import Protocol
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests import ports
from tests.net.conversation import Conversation, FakeClock, fakeClock
from tests.net.encounters import KINDS, Encounter

MakeConversation = Callable[..., Conversation]


@pytest.fixture
def make_conversation(qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure) -> Iterator[MakeConversation]:
    """Make conversations that are closed after the test."""
    made: list[Conversation] = []

    def make(protocol: Protocol = Protocol.TlsV1_2OrLater) -> Conversation:
        made.append(Conversation(qtsecure_pki, protocol=protocol))
        return made[-1]

    yield make
    for conversation in made:
        conversation.close()


@pytest.fixture
def conversation(make_conversation: MakeConversation) -> Conversation:
    """One conversation with default settings."""
    return make_conversation()


@pytest.fixture
def closedPort() -> Iterator[int]:
    """A port of 127.0.0.1 that refuses connections."""
    with ports.closedPort() as port:
        yield port


@pytest.fixture
def clock(qapp: QCoreApplication) -> Iterator[FakeClock]:
    """Replace the clock of this thread's scheduler."""
    with fakeClock() as fake:
        yield fake


@pytest.fixture(params=KINDS)
def encounter(
    request: pytest.FixtureRequest, qapp: QCoreApplication, qtsecure_pki: PublicKeyInfrastructure
) -> Iterator[Encounter]:
    """A server for clients of TLS 1.2, TLS 1.3 and DTLS 1.2, one after the other."""
    made = Encounter(qtsecure_pki, request.param)
    yield made
    made.close()
