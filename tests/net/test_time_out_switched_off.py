"""setTimeout() between a write and the moment when it goes out."""

from __future__ import annotations

import pytest
from PySide6.QtNetwork import QTcpServer

from qtsecure import SslSocket
from tests.net.conversation import State, spin

pytestmark = pytest.mark.usefixtures("qapp", "transport_mode")


@pytest.mark.parametrize(("before", "after"), [(5000, 0), (0, 5000), (5000, 6000)])
def test_what_was_written_before_still_goes_out(before: int, after: int) -> None:
    """The flush was deferred while there was another time-out, or none."""
    listener = QTcpServer()
    assert listener.listen()
    socket = SslSocket()
    socket.setTimeout(before)
    socket.connectToHost("127.0.0.1", listener.serverPort())
    spin(lambda: socket.state() == State.ConnectedState and listener.hasPendingConnections())
    peer = listener.nextPendingConnection()
    socket.write(b"hello")
    socket.setTimeout(after)
    spin(lambda: peer.bytesAvailable() == 5)
    socket.abort()
    listener.close()
