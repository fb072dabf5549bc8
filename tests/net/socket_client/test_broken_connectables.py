"""Connectables of the program that raise where they are asked for their name."""

from __future__ import annotations

import pytest

from qtsecure import NetworkAddress, SecureError, SocketClient
from tests.net.conversation import settle, spin

pytestmark = pytest.mark.usefixtures("qapp", "transport_mode")


class _NoIdentity(NetworkAddress):
    def serverIdentity(self) -> str:
        raise RuntimeError("no identity")


class _NoText(NetworkAddress):
    def serverIdentity(self) -> str:
        return ""

    def toString(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize("kind", [_NoIdentity, _NoText])
def test_the_operation_fails(monkeypatch: pytest.MonkeyPatch, kind: type[NetworkAddress]) -> None:
    """What was raised is reported, and the program told; the operation would otherwise never end."""
    raised: list[object] = []
    monkeypatch.setattr("sys.excepthook", lambda kind, value, trace: raised.append(kind))
    client = SocketClient()
    events: list[object] = []
    client.clientEvent.connect(lambda *arguments: events.append(arguments))
    operation = client.connectTo(kind("127.0.0.1", 1))
    assert not operation.isFinished()
    spin(operation.isFinished)
    settle()
    error = operation.error()
    assert error is not None
    assert error.code is SecureError.Code.Failed
    assert "raised an exception" in error.message
    assert raised == [RuntimeError]
    assert events == []
    assert client._running == {}
