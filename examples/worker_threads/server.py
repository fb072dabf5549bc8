"""An echo server whose connections live in worker threads: ``python server.py [PORT]``.

The server accepts in the main thread, and hands each descriptor to the next thread.
"""

import signal
import socket as native
import sys

from PySide6.QtCore import QCoreApplication, QObject, QThread, QTimer, Signal, Slot

from qtsecure import SslConfiguration, SslServer, SslSocket

THREADS = 2
CONNECTIONS_PER_THREAD = 1000


class Worker(QObject):
    """Serves its share of the connections; everything it makes lives in its thread."""

    #: descriptorOffered(descriptor: int): a connection for this thread.
    descriptorOffered = Signal(int)

    def __init__(self, configuration):
        super().__init__()
        self.configuration = configuration
        self.descriptorOffered.connect(self.take)

    @Slot(int)
    def take(self, descriptor):
        socket = SslSocket(self)
        if len(self.children()) > CONNECTIONS_PER_THREAD or not socket.setSocketDescriptor(descriptor):
            socket.deleteLater()
            native.close(descriptor)
            return
        socket.setSslConfiguration(self.configuration)
        socket.setHandshakeTimeout(5000)
        socket.setReadBufferSize(65536)
        socket.readyRead.connect(lambda: socket.write(socket.readAll()))
        socket.errorOccurred.connect(lambda error: self.report(socket))
        socket.disconnected.connect(socket.deleteLater)
        socket.startServerEncryption()

    def report(self, socket):
        if not socket.peerClosedCleanly():
            print(socket.peerAddress().toString(), socket.errorString(), file=sys.stderr)


class Server(SslServer):
    """Only accepts."""

    def __init__(self, workers):
        super().__init__()
        self.workers = workers
        self.turn = 0

    def incomingConnection(self, descriptor):
        worker = self.workers[self.turn % len(self.workers)]
        self.turn += 1
        worker.descriptorOffered.emit(descriptor)  # queued: the slot runs in the worker's thread


def main():
    app = QCoreApplication(sys.argv)
    configuration = SslConfiguration.forServer("server.pem", "server-key.pem")
    threads = [QThread() for _ in range(THREADS)]
    workers = [Worker(configuration) for _ in threads]
    for worker, thread in zip(workers, threads, strict=True):
        worker.moveToThread(thread)
        thread.finished.connect(worker.deleteLater)  # its sockets go with it, in their own thread
        thread.start()
    server = Server(workers)
    if not server.listen("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 4433):
        sys.exit(server.errorString())
    print("listening on port", server.serverPort(), flush=True)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: app.quit())
    alive = QTimer()  # Python runs its signal handlers only between two of its own instructions
    alive.timeout.connect(lambda: None)
    alive.start(200)
    app.exec()
    server.close()
    for thread in threads:
        thread.quit()
    for thread in threads:
        thread.wait()
    print("ended")


if __name__ == "__main__":
    main()
