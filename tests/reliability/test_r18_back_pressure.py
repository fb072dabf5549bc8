"""R18: memory stays bounded when the peer does not read, and when the program does not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.figures import Figure

_MIB = 1 << 20

# Each in a process of its own: what other tests have left in the allocator would hide the growth.
_COMMON = """
import os, sys, threading, socket, ssl, tempfile
from PySide6.QtCore import QCoreApplication, QTimer, QEventLoop
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.values import SslConfiguration
from qtsecure.testing.pki import PublicKeyInfrastructure
from qtsecure.testing.peers._python_tls import serverContext

from tests.figures import Figure

MIB = 1 << 20
reading, writing = os.pipe()

def untilTheEnd():
    # In the child: the parent holds the other end.
    os.close(writing)
    os.read(reading, 1)
    os._exit(0)

application = QCoreApplication([])
pki = PublicKeyInfrastructure()
pki.ca, pki.server  # made before the fork
listener = socket.create_server(("127.0.0.1", 0))
listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)

def rss():
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

def spin(condition):
    loop = QEventLoop()
    timer = QTimer()
    timer.timeout.connect(lambda: loop.quit() if condition() else None)
    timer.start(1)
    QTimer.singleShot(90_000, loop, lambda: os._exit(3))
    loop.exec()

def connect():
    client = SslSocket()
    client.setSslConfiguration(SslConfiguration.forClient([pki.ca.certificate]))
    client.connectToHostEncrypted("127.0.0.1", listener.getsockname()[1])
    spin(client.isEncrypted)
    return client
"""

# The peer is a process, so that its memory is not ours.
_PEER_THAT_NEVER_READS = """
if os.fork() == 0:
    connection, _ = listener.accept()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    tls = serverContext(pki.server).wrap_socket(connection, server_side=True)
    untilTheEnd()
client = connect()
LIMIT = MIB
client.setWriteBufferLimit(LIMIT)
block = bytes(64 * 1024)
client.write(block)
spin(lambda: client.bytesToWrite() == 0)
before = rss()
largest = offered = taken = stalled = 0

def offer():
    global offered, taken, largest, stalled
    for _ in range(16):
        offered += len(block)
        taken += client.write(os.urandom(len(block)))  # memory of its own
    largest = max(largest, rss())
    stalled = stalled + 1 if client.bytesToWrite() == LIMIT else 0

pump = QTimer()
pump.timeout.connect(offer)
pump.start(2)
spin(lambda: stalled >= 100 and offered >= 64 * MIB)
offer()  # the kernel may have taken a little more by now
print(largest - before, offered, taken, client.bytesToWrite())
sys.stdout.flush()
os._exit(0)
"""

_APPLICATION_THAT_NEVER_READS = """
if os.fork() == 0:
    connection, _ = listener.accept()
    tls = serverContext(pki.server).wrap_socket(connection, server_side=True)
    tls.sendall(b"warm" * 1000)
    tls.recv(1)
    sent = 0
    tls.settimeout(1)
    try:
        while sent < 64 * MIB:
            sent += tls.send(bytes(64 * 1024))
    except (TimeoutError, socket.timeout, ssl.SSLError):
        pass
    tls.settimeout(180)
    try:
        while sent < 64 * MIB:
            sent += tls.send(bytes(64 * 1024))
    finally:
        untilTheEnd()
client = connect()
client.setReadBufferSize(MIB)
spin(lambda: client.bytesAvailable() == 4000)
client.readBytes()
before = rss()
largest = 0
client.write(b"!")
ticks = []

def look():
    global largest
    largest = max(largest, rss())
    if client.bytesAvailable() >= MIB:
        ticks.append(1)

watch = QTimer()
watch.timeout.connect(look)
watch.start(1)
spin(lambda: len(ticks) > 500)
print(largest - before, client.bytesAvailable())
got = len(client.readBytes())
spin(lambda: client.bytesAvailable() >= MIB)
print(got, client.bytesAvailable())
sys.stdout.flush()
os._exit(0)
"""

pytestmark = [
    pytest.mark.figure("R18"),
    pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc"),
    pytest.mark.usefixtures("transport_mode"),
]


def run(program: str) -> list[int]:
    """What a program of its own measured."""
    result = subprocess.run(
        [sys.executable, "-c", _COMMON + program],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=200,
        check=False,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert result.returncode == 0, result.stderr
    return [int(number) for number in result.stdout.split()]


def test_r18_a_peer_that_never_reads(transport_mode: str, figure: Figure) -> None:
    """64 MiB offered, a limit of 1 MiB: write() takes what fits, and the memory shows it."""
    growth, offered, taken, queued = run(_PEER_THAT_NEVER_READS)
    figure.atMost("growth, peer never reads", growth / _MIB, 1 + 1, "MiB", variant=transport_mode)
    assert offered >= 64 * _MIB
    assert taken < offered // 2  # beyond the limit the kernel's buffers take some
    assert queued == _MIB


def test_r18_a_program_that_never_reads(transport_mode: str, figure: Figure) -> None:
    """64 MiB sent, setReadBufferSize(1 MiB): the sender stalls, and goes on after a read."""
    growth, available, got, again = run(_APPLICATION_THAT_NEVER_READS)
    figure.atMost("growth, program never reads", growth / _MIB, 1 + 0.5, "MiB", variant=transport_mode)
    assert available == got == again == _MIB
