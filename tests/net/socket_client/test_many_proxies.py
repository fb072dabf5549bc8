"""Long answers of a proxy resolver."""

from __future__ import annotations

import pytest

from qtsecure import ProxyResolver, SecureError, SocketClient
from tests.net.conversation import spin

pytestmark = pytest.mark.usefixtures("qapp", "transport_mode")


class _Verbose(ProxyResolver):
    """Names thousands of proxies, none of which has a host."""

    def proxiesFor(self, uri: str) -> list[str]:
        return ["socks5://"] * 5000


def test_thousands_of_proxies_without_a_host() -> None:
    """The operation fails; each is left out without a call inside that of the one before."""
    client = SocketClient()
    resolver = _Verbose()
    client.setProxyResolver(resolver)
    operation = client.connectToHost("example.org", 80)
    spin(operation.isFinished)
    error = operation.error()
    assert error is not None
    assert error.code is SecureError.Code.Failed
    assert "no usable proxy" in error.message
