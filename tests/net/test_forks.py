"""A child that is forked while something is being looked up: it can ask the same, and takes nothing from its parent."""

from __future__ import annotations

import os

import pytest

from tests.net.own_process import assertFine

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork()")

_BEGIN = """
import os, select, socket, sys, threading, traceback, warnings
from PySide6.QtCore import QCoreApplication
from tests.net.conversation import spin

warnings.simplefilter("ignore", DeprecationWarning)  # of later Pythons: threads and a fork
application = QCoreApplication([])
go = threading.Event()
asked = []

def fork(inChild):
    \"\"\"The child may begin when it can read; its exit status is 0 if nothing is raised.\"\"\"
    begin, mayBegin = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.read(begin, 1)
            inChild()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return child, mayBegin
"""

_NAMES = (
    _BEGIN
    + """
from PySide6.QtNetwork import QAbstractSocket
from qtsecure import SocketClient

ADDRESS = [(0, 0, 0, "", ("127.0.0.1", 0))]

def slow(host, *arguments, **named):
    asked.append(host)
    assert go.wait(60)
    return ADDRESS

def inChild():
    socket.getaddrinfo = lambda *arguments, **named: ADDRESS
    operation = client.connectToHost("name.example", port)
    assert operation.waitForFinished(20_000), operation.error()
    assert not first.isFinished()

socket.getaddrinfo = slow
listener = socket.create_server(("127.0.0.1", 0))
port = listener.getsockname()[1]
client = SocketClient()
client.setEnableProxy(False)
client.setFamily(QAbstractSocket.NetworkLayerProtocol.IPv4Protocol)
first = client.connectToHost("name.example", port)
spin(lambda: asked == ["name.example"])
operations = [first]
if sys.argv[1] == "a step waits for its turn":
    operations.append(client.connectToHost("other.example", port))
child, mayBegin = fork(inChild)
go.set()
assert select.select([client._resolver._mailbox._near], [], [], 60)[0]  # the answer, for whoever reads first
os.write(mayBegin, b"x")
assert os.waitpid(child, 0)[1] == 0
for operation in operations:
    assert operation.waitForFinished(20_000), operation.error()
listener.setblocking(False)
connections = [listener.accept()[0] for _ in range(len(operations) + 1)]
try:
    listener.accept()
except BlockingIOError:
    print("fine")
"""
)


@pytest.mark.parametrize("under", ["a name is asked for", "a step waits for its turn"])
def test_a_child_asks_for_the_same_name(under: str) -> None:
    """It waits neither for the parent's threads nor for its turn; the parent gets its answer, and connects once."""
    assertFine(_NAMES, under)


_PROXIES = (
    _BEGIN
    + """
from qtsecure.net.proxies import system_resolver

def slow(uri):
    asked.append(uri)
    assert go.wait(60)
    return ["direct://"]

def inChild():
    system_resolver.systemProxies = lambda uri: ["http://proxy.example:1"]
    own = []
    resolver.lookup("https://child.example", own.append)
    spin(lambda: own)
    assert own == [["http://proxy.example:1"]], own
    assert answers == [], answers

system_resolver.systemProxies = slow
resolver = system_resolver.SystemProxyResolver()
answers = []
for number in range(20):
    resolver.lookup(f"https://{number}.example", answers.append)
spin(lambda: len(asked) == 8)  # as many as have a thread at a time
child, mayBegin = fork(inChild)
os.write(mayBegin, b"x")
assert os.waitpid(child, 0)[1] == 0
go.set()
spin(lambda: len(answers) == 20)
print("fine")
"""
)


def test_a_child_asks_for_proxies() -> None:
    """Though all the threads that there may be were busy in the parent."""
    assertFine(_PROXIES)


_END = """
import socket, threading
from PySide6.QtCore import QCoreApplication
from qtsecure import SocketClient

application = QCoreApplication([])
asked = threading.Event()

def never(*arguments, **named):
    asked.set()
    threading.Event().wait()

socket.getaddrinfo = never
client = SocketClient()
client.setEnableProxy(False)
operation = client.connectToHost("name.example", 1)
while not asked.is_set():
    QCoreApplication.processEvents()
print("fine")
"""


def test_a_program_that_ends_while_a_name_is_looked_up() -> None:
    """Qt's objects are gone before ours are."""
    assertFine(_END)


_SOCKETS = (
    _BEGIN
    + """
from qtsecure import DtlsPeer, SslSocket

def found(end):
    return not end.peerAddress().isNull()

def begin(host):
    end = SslSocket() if sys.argv[1] == "tls" else DtlsPeer()
    end.connectToHost(host, port)
    return end

def inChild():
    end = begin("localhost")
    spin(lambda: found(end))
    begin("localhost").abort()
    wrong = SslSocket()
    wrong.connectToHost("a" * 70 + ".example", port)
    assert wrong.state() == wrong.state().HostLookupState
    spin(lambda: wrong.state() == wrong.state().UnconnectedState)
    assert "not found" in wrong.errorString(), wrong.errorString()

listener = socket.create_server(("127.0.0.1", 0))
port = listener.getsockname()[1]
first = begin("localhost")  # Qt's resolver has a thread from now on, which waits for more
spin(lambda: found(first))
child, mayBegin = fork(inChild)
os.write(mayBegin, b"x")
assert os.waitpid(child, 0)[1] == 0
second = begin("localhost")
spin(lambda: found(second))
listener.close()
print("fine")
"""
)


@pytest.mark.parametrize("protocol", ["tls", "dtls"])
def test_a_child_looks_names_up_without_the_threads_of_qt(protocol: str) -> None:
    """They are the parent's, and Qt would wait for them for ever."""
    assertFine(_SOCKETS, protocol)


_DELETED = (
    _BEGIN
    + """
import gc
from weakref import ref
from shiboken6 import delete
from qtsecure import DtlsPeer, SslSocket

def slow(host, *arguments, **named):
    asked.append(host)
    assert go.wait(60)
    return [(0, 0, 0, "", ("127.0.0.1", 0))]

def inChild():
    end = SslSocket() if sys.argv[1] == "tls" else DtlsPeer()
    end.connectToHost("name.example", 1)
    spin(lambda: asked)
    mailbox = ref(end._attempt.lookup._mailbox)
    delete(end)
    del end
    gc.collect()
    assert mailbox() is None or not mailbox().isOpen()
    go.set()
    spin(lambda: mailbox() is None)

socket.getaddrinfo = slow
child, mayBegin = fork(inChild)
os.write(mayBegin, b"x")
assert os.waitpid(child, 0)[1] == 0
print("fine")
"""
)


@pytest.mark.parametrize("protocol", ["tls", "dtls"])
def test_a_child_deletes_what_looks_a_name_up(protocol: str) -> None:
    """What watches for the answer goes in its own thread, and not in the one that looks up."""
    assertFine(_DELETED, protocol)


_SERVICES = (
    _BEGIN
    + """
from PySide6.QtNetwork import QDnsLookup, QHostAddress
from qtsecure import SecureError
from qtsecure.net.socket_client import system_resolver
from tests.ports import closedUdpPort

class Resolver(system_resolver.SystemResolver):
    def _makeServiceLookup(self, recordName):
        # Nothing answers there, which is told at once.
        return QDnsLookup(QDnsLookup.Type.SRV, recordName, QHostAddress("127.0.0.1"), port)

def ask():
    answers = []
    resolver.lookUpService("_imap._tcp.example.com", answers.append)
    spin(lambda: answers)
    return answers[0]

def inChild():
    system_resolver._PATIENCE_MS = 200
    assert isinstance(ask(), SecureError)

def othersRest():
    \"\"\"Whether no other thread runs: one that tidies up may hold a lock of Qt's, for ever in a child.\"\"\"
    tasks = "/proc/self/task"
    for task in os.listdir(tasks) if os.path.isdir(tasks) else ():
        try:
            with open(f"{tasks}/{task}/stat") as file:
                state = file.read().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended
        if int(task) != threading.get_native_id() and state != "S":
            return False
    return True

resolver = Resolver()
with closedUdpPort() as port:
    assert isinstance(ask(), SecureError)  # Qt's resolver has a thread from now on, which waits for more
    spin(othersRest)
    child, mayBegin = fork(inChild)
    os.write(mayBegin, b"x")
    assert os.waitpid(child, 0)[1] == 0
    assert isinstance(ask(), SecureError)
print("fine")
"""
)


def test_a_child_does_not_wait_for_services_for_ever() -> None:
    """Qt's threads for DNS are the parent's, too."""
    assertFine(_SERVICES)


_LOCKED = (
    _BEGIN
    + """
import contextlib
from qtsecure import late_modules
from qtsecure.engine import certificates, contexts
from qtsecure.engine.configuration import TlsConfiguration
from qtsecure.engine.keylog import KeyLog
from qtsecure.net import late, session_cache
from qtsecure.net.qt_objects import late_names
from qtsecure.net.transports import qt_socket_stream

log = KeyLog(os.devnull)

def readCertificate():
    with certificates.tolerating_old_certificates():
        pass

CASES = {
    "context": (contexts._lock, lambda: contexts.context_for(TlsConfiguration(), server=False)),
    "certificate": (certificates._filters_lock, readCertificate),
    "key log": (log._lock, lambda: log.write(None, b"line")),
    "session": (session_cache.sharedSessions._lock, session_cache.sharedSessions.__len__),
    "late module": (late_modules._lock, late.loadAll),
    "late name": (late_names._lock, late_names.lateNames),
    "QTcpSocket": (qt_socket_stream._oneAtATime, qt_socket_stream._oneAtATime.__enter__),
}
late_names._names = None
for what, (lock, inChild) in CASES.items():
    held = threading.Event()
    go = threading.Event()

    def hold():
        with lock:
            held.set()
            assert go.wait(60)

    thread = threading.Thread(target=hold, daemon=True)
    thread.start()
    assert held.wait(60)
    over, inTheChild = os.pipe()
    child, mayBegin = fork(inChild)
    os.close(inTheChild)
    os.write(mayBegin, b"x")
    ended = select.select([over], [], [], 30)[0]
    if not ended:
        os.kill(child, 9)
    assert os.waitpid(child, 0)[1] == 0, what
    go.set()
    thread.join()
    with lock:  # which the child has let alone
        pass
print("fine")
"""
)


def test_a_child_does_not_wait_for_a_thread_of_its_parent() -> None:
    """A thread that had something locked is not there in the child, and would never unlock it."""
    assertFine(_LOCKED)
