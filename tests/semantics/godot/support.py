"""What the tests of Godot's items share: both ends of an association, over UDP or in memory."""

from __future__ import annotations

import socket as native

from PySide6.QtNetwork import QUdpSocket
from shiboken6 import isValid

from qtsecure import DatagramTransport, DtlsPeer, DtlsServer, TlsOptions
from qtsecure.net.datagrams.memory_transports import RelayedTransport
from qtsecure.testing.pki import IssuedCertificate, PublicKeyInfrastructure
from qtsecure.testing.signals import SignalRecorder
from tests.net.conversation import settle, spin
from tests.net.dtls.conversation import PEER_SIGNALS

Result = DtlsPeer.Result
Status = DtlsPeer.Status


class Pair:
    """A client whose signals are recorded, a server, and transports between them.

    Attributes:
        options: The client's.
        ends: The transport of the client and that of the server, in memory.
        sockets: What is closed at the end.
    """

    def __init__(
        self, pki: PublicKeyInfrastructure, ends: tuple[DatagramTransport, DatagramTransport] | None = None
    ) -> None:
        self.pki = pki
        self.options = TlsOptions.client(pki.ca.certificate)
        self.recorder = SignalRecorder()
        self.client = DtlsPeer()
        self.recorder.watch(self.client, PEER_SIGNALS, prefix="client")
        self.server = DtlsServer()
        self.ends = ends or DatagramTransport.pair()
        self.taken: list[DtlsPeer] = []
        self.misses = 0
        self.ends[1].datagramReceived.connect(self.take)
        self.sockets: list[QUdpSocket | native.socket] = []

    def serve(self, identity: IssuedCertificate | None = None, **options: object) -> None:
        """Set the server up with a certificate, the good one by default."""
        identity = identity or self.pki.server
        made = TlsOptions.server(identity.privateKey, list(identity.chain), **options)  # type: ignore[arg-type]  # forwarded
        assert self.server.setup(made) is Result.Ok

    def listen(self, identity: IssuedCertificate | None = None) -> int:
        """Serve on a free UDP port."""
        self.serve(identity)
        assert self.server.listen("127.0.0.1", 0), self.server.errorString()
        return self.server.serverPort()

    def take(self, *_: object) -> None:
        """What a program does when something has come."""
        peer = self.server.takeConnection(self.ends[1])
        if peer is None:
            self.misses += 1
        else:
            self.taken.append(peer)

    def begin(self, hostname: str = "localhost", options: TlsOptions | None = None) -> Result:
        """Connect in memory."""
        return self.client.connectToPeer(self.ends[0], hostname, options or self.options)

    def establish(self) -> DtlsPeer:
        """Connect in memory; the server's end."""
        if not self.server.sslConfiguration().localCertificateChain():
            self.serve()
        count = len(self.taken)
        assert self.begin() is Result.Ok
        spin(lambda: self.client.isEncrypted() and len(self.taken) > count and self.taken[-1].isEncrypted())
        return self.taken[-1]

    def outcome(self) -> Status:
        """Wait until the client's handshake is over; its status."""
        spin(lambda: self.client.status() is not Status.Handshaking)
        return self.client.status()

    def udp(self, port: int = 0) -> QUdpSocket:
        """A QUdpSocket that is connected to the server, or to another port."""
        udp = QUdpSocket()
        udp.connectToHost("127.0.0.1", port or self.server.serverPort())
        assert udp.state() == QUdpSocket.SocketState.ConnectedState
        self.sockets.append(udp)
        return udp

    def native(self, port: int = 0) -> native.socket:
        """A socket of Python's that is connected to the server, or to another port."""
        made = native.socket(native.AF_INET, native.SOCK_DGRAM)
        made.connect(("127.0.0.1", port or self.server.serverPort()))
        self.sockets.append(made)
        return made

    def statuses(self) -> list[object]:
        """What statusChanged has told."""
        return [arguments[0] for arguments in self.recorder.of("client.statusChanged")]

    def names(self) -> list[str]:
        """The client's signals in order."""
        return [name.partition(".")[2] for name in self.recorder.names()]

    def close(self) -> None:
        self.recorder.close()
        for transport in self.ends:
            if isValid(transport):
                transport.close()
        for obj in (self.client, self.server):
            if isValid(obj):
                obj.close()
                obj.deleteLater()
        settle()
        for each in self.sockets:
            if isValid(each):  # so is what Qt has not made
                each.close()


class Collector(RelayedTransport):
    """A transport whose other end is the test: it keeps what is sent."""

    def __init__(self, mtu: int = 0) -> None:
        self.sent: list[bytes] = []
        super().__init__(self._keep, "the test", mtu)

    def _keep(self, datagram: bytes) -> bool:
        self.sent.append(datagram)
        return True


def received(silent: native.socket) -> list[bytes]:
    """Every datagram that waits in a socket that does not block."""
    found = []
    try:
        while True:
            found.append(silent.recv(65536))
    except BlockingIOError:
        return found
