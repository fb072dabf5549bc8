"""What the tests of Gio's semantics share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import QTimer

from qtsecure import Condition, DtlsMessage, DtlsPeer, SecureError
from tests.net.conversation import spin
from tests.net.dtls.conversation import DtlsConversation

Code = SecureError.Code
BOTH = Condition.In | Condition.Out
NOTHING = Condition(0)
PATIENCE_MS = 20_000
"""Longer than anything takes on a busy machine."""


def refusal(call: Callable[..., object], *arguments: Any, **named: Any) -> SecureError:
    """The error that a call raises."""
    with pytest.raises(SecureError) as caught:
        call(*arguments, **named)
    return caught.value


def prepared(conversation: DtlsConversation) -> DtlsPeer:
    """The client, which knows its server and has not begun."""
    port = conversation.server.serverPort() if conversation.server.isListening() else conversation.listen()
    conversation.client.setSslConfiguration(conversation.clientConfiguration)
    conversation.client.setPeer("127.0.0.1", port)
    return conversation.client


def data(messages: list[DtlsMessage]) -> list[bytes]:
    """What was received."""
    return [message.data for message in messages]


def arrive(peer: DtlsPeer, count: int = 1) -> None:
    """Wait until so many messages wait to be read, without reading any."""
    assert peer._path is not None
    messages = peer._path.messages
    spin(lambda: len(messages) >= count)


def soon(call: Callable[[], object]) -> None:
    """Call it from the event loop."""
    QTimer.singleShot(0, lambda: call())


def watched(peer: DtlsPeer, *names: str) -> list[str]:
    """The names of these signals as they come."""
    seen: list[str] = []
    for name in names:
        getattr(peer, name).connect(lambda *_, name=name: seen.append(name))
    return seen
