"""SslServer: no descriptors are left (sec-A12); each case in a process of its own with a small RLIMIT_NOFILE."""

from __future__ import annotations

import pytest

from tests.net.own_process import assertFine

pytest.importorskip("resource", reason="Windows has no such limits")

pytestmark = pytest.mark.usefixtures("transport_mode")

_PROGRAM = """
import contextlib, os, socket, sys
import shiboken6
from PySide6.QtCore import QCoreApplication
from PySide6.QtNetwork import QAbstractSocket
from qtsecure import SslConfiguration, SslServer, SslSocket
from qtsecure.testing import PublicKeyInfrastructure
from tests.net.conversation import settle, spin
from tests.net.own_process import useUpDescriptors

action = sys.argv[1]
application = QCoreApplication([])
pki = PublicKeyInfrastructure()
server = SslServer()
server.setSslConfiguration(SslConfiguration.forServer(pki.server.chain, pki.server.privateKey))
assert server.listen("127.0.0.1")
port = server.serverPort()
errors = []

def failed(error):
    errors.append(error)
    if len(errors) > 1:
        return
    assert server.serverError() == error == QAbstractSocket.SocketError.SocketResourceError
    assert "too many files" in server.errorString()
    if action == "close":
        server.close()
    elif action == "listenAgain":
        server.close()
        release(4)
        assert server.listen("127.0.0.1", port), server.errorString()
    elif action == "resume":
        server.resumeAccepting()
    elif action == "delete":
        shiboken6.delete(server)
    elif action == "deleteLater":
        server.deleteLater()

def release(count=None):
    for descriptor in fillers[:count]:
        os.close(descriptor)
    del fillers[:count]

def client():
    made = SslSocket()
    made.setSslConfiguration(SslConfiguration.forClient([pki.ca.certificate]))
    made.connectToHostEncrypted("127.0.0.1", port)
    return made

def talk():
    made = client()
    spin(lambda: made.isEncrypted() and server.hasPendingConnections())
    server.nextPendingConnection().deleteLater()
    made.abort()

server.acceptError.connect(failed)
talk()  # everything that is loaded once is loaded
settle()
waiting = [socket.socket() for _ in range(3)]
fillers = useUpDescriptors()
for each in waiting:
    each.connect(("127.0.0.1", port))  # in the kernel; nobody can accept
spin(lambda: len(errors) >= (2 if action == "nothing" else 1))
settle()
if action in ("nothing", "resume"):
    assert server.isListening()
    assert server.statistics().accepted == 1
    release()
    spin(lambda: server.statistics().handshaking == 3)
    talk()
elif action == "listenAgain":
    release()
    talk()
else:
    release()
    if shiboken6.isValid(server):
        assert not server.isListening()
    for each in waiting:
        each.settimeout(5)
        with contextlib.suppress(ConnectionResetError):
            assert each.recv(1) == b""
for each in waiting:
    each.close()
# A retry that comes too often would burn the processor, and fill the program's log.
assert len(errors) < 10, len(errors)
print("fine")
"""


@pytest.mark.parametrize("action", ["nothing", "resume", "close", "listenAgain", "delete", "deleteLater"])
def test_a_server_without_descriptors_recovers(action: str) -> None:
    """acceptError tells, its slot may do anything, and when descriptors return so do connections."""
    assertFine(_PROGRAM, action)
