"""A program that has forgotten its QCoreApplication, or makes it late, is told so, and goes on when it has made it."""

from __future__ import annotations

import pytest

from tests.net.own_process import assertFine

_PROGRAM = """
import os

from qtsecure import DtlsPeer, SocketClient

os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # Qt complains as well, of timers and threads


def operation():
    client = SocketClient()
    return client.connectToHost("127.0.0.1:9", 9).waitForFinished(20_000)


def peer():
    peer = DtlsPeer()
    peer.setPeer("127.0.0.1", 9)
    return peer.waitForHandshake(20_000)


try:
    {}()
except RuntimeError as error:
    assert "QCoreApplication" in str(error), error
    print("fine")
"""


@pytest.mark.parametrize("what", ["operation", "peer"])
def test_waiting_needs_an_application(what: str) -> None:
    """Qt's own loop would run without end and without timers."""
    assertFine(_PROGRAM.format(what))


_LATE = """
import os, sys

from PySide6.QtCore import QCoreApplication, QTimer, qInstallMessageHandler

from qtsecure import DtlsPeer, DtlsServer, SslServer, SslSocket
from qtsecure.net.event_loop.scheduler import schedulerOfThisThread

messages = []
qInstallMessageHandler(lambda kind, context, text: messages.append(text))
early, call, arguments = {
    "server": lambda: (SslServer(), "listen", ("127.0.0.1", 0)),
    "client": lambda: (SslSocket(), "connectToHost", ("127.0.0.1", 9)),
    "DTLS server": lambda: (DtlsServer(), "listen", ("127.0.0.1", 0)),
    "DTLS client": lambda: (DtlsPeer(), "connectToHost", ("127.0.0.1", 9)),
}[sys.argv[1]]()
getattr(early, call)(*arguments)
assert len(messages) == 1 and "QCoreApplication" in messages[0], messages

fired, connected = [], []
schedulerOfThisThread().callLater(1, lambda: fired.append("early"))
application = QCoreApplication([])
schedulerOfThisThread().callLater(2, lambda: fired.append("late"))
server, client = SslServer(), SslSocket()
assert server.listen("127.0.0.1", 0)
client.connected.connect(lambda: connected.append(1))
client.connectToHost("127.0.0.1", server.serverPort())
QTimer.singleShot(20_000, lambda: application.exit(1))


def look():
    if connected and len(fired) == 2:
        application.quit()


timer = QTimer(interval=1)
timer.timeout.connect(look)
timer.start()
assert application.exec() == 0, (connected, fired)
assert fired == ["early", "late"]
assert len(messages) == 1, messages
for each in (early, server, client):
    each.close()
print("fine")
"""


@pytest.mark.parametrize("what", ["server", "client", "DTLS server", "DTLS client"])
def test_a_late_application_serves_what_begins_then(what: str) -> None:
    """What was begun too early must not leave the whole thread without events and time-outs."""
    assertFine(_LATE, what)
