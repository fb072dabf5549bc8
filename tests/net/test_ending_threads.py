"""What is asked for while a QThread ends is gone with it: the next thread may have its identifier."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import pytest
from PySide6.QtCore import QObject, Qt, QThread

from qtsecure.net.event_loop import reactor, scheduler
from qtsecure.net.ssl_socket import SslSocket
from tests.net.carriers import PipeEnd, pipePair
from tests.net.conversation import spin

pytestmark = pytest.mark.usefixtures("transport_mode")


class Worker(QThread):
    """A thread with one socket, which ends when that is connected."""

    ident = -1

    def __init__(self, begin: Callable[[Worker], SslSocket]) -> None:
        super().__init__()
        self._begin = begin
        self.kept: list[object] = []

    def run(self) -> None:
        self.ident = threading.get_ident()
        made = self._begin(self)
        self.kept.append(made)
        self.exec()


def overTcp(worker: Worker) -> SslSocket:
    made = SslSocket()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        made.connectToHost("127.0.0.1", listener.getsockname()[1])
        worker.kept.append(listener.accept()[0])
    made.connected.connect(worker.quit)
    return made


def overDevice(worker: Worker) -> SslSocket:
    near, far = pipePair()
    assert isinstance(near, PipeEnd)
    worker.kept.append(far)
    made = SslSocket(transport=near)
    made.startClientEncryption()
    far.readyRead.connect(worker.quit)
    if far.bytesAvailable():
        worker.quit()
    return made


@pytest.mark.parametrize("way", ["close", "deleteLater"])
@pytest.mark.parametrize("begin", [overTcp, overDevice])
def test_the_end_of_a_socket_at_the_end_of_its_thread(
    qapp: QObject, begin: Callable[[Worker], SslSocket], way: str
) -> None:
    """The usual places to tidy up are slots of finished(), which come after everything else in the thread."""

    def beginAndEnd(worker: Worker) -> SslSocket:
        made = begin(worker)
        worker.finished.connect(getattr(made, way), Qt.ConnectionType.DirectConnection)
        return made

    worker = Worker(beginAndEnd)
    worker.start()
    spin(worker.isFinished)
    assert worker.wait(20_000)
    for end in worker.kept:
        if isinstance(end, socket.socket):
            end.close()
    assert worker.ident not in scheduler._perThread
    assert worker.ident not in reactor._perThread
