"""SslServer and SslSocket among peers, faults and slots of every kind."""

from __future__ import annotations

import functools
import socket as native
import ssl
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule
from shiboken6 import isValid

from qtsecure.net.servers.ssl_server import SslServer
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.values import Protocol, SslConfiguration
from tests.fuzz.machines.ends import ACTIONS, SIGNALS, End
from tests.fuzz.machines.serving import PSK_CIPHER, PSK_SIGNAL, SERVER_ACTIONS, ServingMachine, numbers, pki
from tests.fuzz.machines.wires import Foreign, Relay, contexts, listening, refusing
from tests.fuzz.machines.world import World

__all__ = ["TlsMachine", "foreignContexts"]

_SERVER_SIGNALS = (
    "newConnection",
    "pendingConnectionAvailable",
    "startedEncryptionHandshake",
    "sslErrors",
    "peerVerifyError",
    "acceptCertificate",
    "handshakeInterruptedOnError",
    "alertSent",
    "alertReceived",
    "errorOccurred",
    "handshakeMessage",
    "closed",
)
_CLIENT_KINDS = ("silent", "garbage", "http", "hello", "python")
_SERVER_KINDS = ("silent", "garbage", "http", "python")
_MOST_FOREIGN = 8


@functools.cache
def foreignContexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    with tempfile.TemporaryDirectory() as place:
        chain, key = Path(place, "chain.pem"), Path(place, "key.pem")
        chain.write_bytes(pki().server.chainPem())
        key.write_bytes(pki().server.keyPem())
        return contexts(str(chain), str(key))


class _Server(SslServer):
    """Tells of each socket before its first byte, and looks at the limits when one is taken."""

    def __init__(self, machine: TlsMachine) -> None:
        super().__init__()
        self._fuzzed = machine

    def incomingConnection(self, socketDescriptor: int) -> None:
        machine = self._fuzzed
        statistics = self.statistics()
        if statistics.handshaking > self.maxHandshakingConnections():
            machine.world.faults.append("more handshakes than maxHandshakingConnections()")
        if statistics.pending >= self.maxPendingConnections():
            machine.world.faults.append("taken although maxPendingConnections() wait")
        super().incomingConnection(socketDescriptor)
        for socket in self.findChildren(SslSocket) if isValid(self) else ():
            if isinstance(socket, SslSocket) and machine.endOf(socket) is None:
                machine.adopt(socket)


class TlsMachine(ServingMachine):
    """Programs, peers that speak something else, and a network that stalls, damages and resets."""

    MOST_CLIENTS = 6

    def __init__(self) -> None:
        super().__init__()
        self.foreign: list[Foreign] = []
        self._keys: dict[int, tuple[End | Foreign, int]] = {}
        self._listeners: list[tuple[Any, str]] = []
        self.relay = Relay()
        self.world = World(self._pump)
        self._protocol = Protocol.TlsV1_2OrLater

    @initialize(
        protocol=st.sampled_from([Protocol.TlsV1_2, Protocol.TlsV1_3]),
        mutual=st.booleans(),
        handshaking=st.sampled_from([128, 2, 1]),
        pending=st.sampled_from([30, 30, 2]),
        traced=st.booleans(),
        interrupting=st.booleans(),
        psk=st.sampled_from([False, False, True]),
    )
    def listen(
        self,
        protocol: Protocol,
        mutual: bool,
        handshaking: int,
        pending: int,
        traced: bool,
        interrupting: bool,
        psk: bool,
    ) -> None:
        self._protocol, self.mutual, self.interrupting, self.psk = protocol, mutual, interrupting, psk
        server = _Server(self)
        server.errorOccurred.connect(self._noteFailure)
        self.serve(server, handshaking=handshaking, pending=pending, traced=traced)

    def configuration(self, role: str, *, trusting: bool = True) -> SslConfiguration:
        configuration = super().configuration(role, trusting=trusting)
        configuration.setProtocol(self._protocol)
        if self.psk and self._protocol is Protocol.TlsV1_2:
            configuration.setCiphers(PSK_CIPHER)
        return configuration

    # ---------------------------------------------------------------------------- helpers

    def newKey(self, end: End | Foreign | None) -> int:
        key = len(self._keys) + 1
        if end is not None:
            self._keys[key] = (end, key)
        return key

    def adopt(self, socket: SslSocket) -> None:
        """A socket of the server's, before its first byte."""
        self.world.track("accepted", socket)
        self.ends.append(End(self, socket, "accepted"))

    def isPartner(self, receiver: End, key: int, size: int) -> bool:
        """Whether the sender with this key is at the other end, and has sent that much."""
        found = self._keys.get(key)
        if found is None:
            return False
        sender = found[0]
        if isinstance(sender, Foreign):
            return size <= sender.sent * 16
        # A key is of one attempt: a later one has another.
        return sender.key != key or (size <= sender.sent and sender.role != receiver.role)

    def _pump(self) -> bool:
        moved = self.relay.pump()
        for listener, kind in self._listeners:
            try:
                socket = listener.accept()[0]
            except OSError:
                continue
            self._addForeign(socket, kind, server=True)
            moved = True
        return sum(peer.move() for peer in self.foreign) > 0 or moved

    def _addForeign(self, socket: Any, kind: str, *, server: bool) -> None:
        context = foreignContexts()[server] if kind == "python" else None
        key = len(self._keys) + 1
        peer = Foreign(socket, kind, key, context)
        self._keys[key] = (peer, key)
        self.foreign.append(peer)

    def _noteFailure(self, socket: SslSocket, error: object) -> None:
        end = self.endOf(socket)
        if end is not None:
            end.counts["server.errorOccurred"] += 1

    def _closeServer(self) -> None:
        server = self.server
        waiting = {id(each) for each in (*server._room.handshaking, *server._room.pending)}
        for end in self.ends:
            if id(end.socket) in waiting:
                end.isProgramEnded = True  # also where the failure is just being told
                end.dropping()
        server.close()

    def _makeClient(self) -> End:
        return End(self, SslSocket(), "client")

    # ------------------------------------------------------------------------------ rules

    @rule(trusting=st.sampled_from([True, True, True, False]), defer=st.booleans())
    def client(self, trusting: bool, defer: bool) -> None:
        self.newClient(trusting=trusting, defer=defer)
        self.world.turn()

    @rule(numbers=st.lists(numbers, min_size=1, max_size=4), much=st.booleans())
    def talk(self, numbers: list[int], much: bool) -> None:
        """A conversation, on whatever there is; of a new pair if there is nothing."""
        if not self.encryptedEnds():
            self.newClient()
            self.world.settle()
            self.serverAction("fetch")
        for number in numbers:
            ends = self.encryptedEnds()
            if ends:
                ends[number % len(ends)].act("writeMuch" if much else "write")
            self.world.turn()

    @rule(number=numbers, action=st.sampled_from(["close", "disconnectFromHost", "abort", "delete"]))
    def part(self, number: int, action: str) -> None:
        """The end of an encrypted connection, with something said at the last moment."""
        ends = self.encryptedEnds()
        if ends:
            end = ends[number % len(ends)]
            end.act("write")
            end.act(action)
        self.world.turn()

    @rule(kind=st.sampled_from([*_SERVER_KINDS, "closed"]))
    def clientOfForeignServer(self, kind: str) -> None:
        listener = refusing() if kind == "closed" else listening()
        self._listeners.append((listener, kind))
        self.newClient(port=listener.getsockname()[1])
        self.world.turn()

    @rule(kind=st.sampled_from(_CLIENT_KINDS))
    def foreignClient(self, kind: str) -> None:
        crowded = sum(peer.open for peer in self.foreign) >= _MOST_FOREIGN
        if self.isServerAlive and self.server.isListening() and not crowded:
            self._addForeign(native.create_connection(("127.0.0.1", self.server.serverPort())), kind, server=False)
            self.world.turn()

    @precondition(lambda self: self.foreign)
    @rule(number=numbers, what=st.sampled_from(["say", "say", "truncate", "goodbye", "reset", "close"]))
    def foreignActs(self, number: int, what: str) -> None:
        getattr(self.foreign[number % len(self.foreign)], what)()
        self.world.turn()

    @precondition(lambda self: self.relay.wires)
    @rule(
        number=numbers,
        what=st.sampled_from(["stall", "flow", "pieces", "byteByByte", "damage", "truncate", "reset"]),
    )
    def network(self, number: int, what: str) -> None:
        wire = self.relay.wires[-1 - number % len(self.relay.wires)]
        if what in ("stall", "flow"):
            wire.stalled = what == "stall"
        elif what in ("pieces", "byteByByte"):
            wire.piece = 700 if what == "pieces" else 1
        elif wire.open:
            getattr(wire, what)()
        self.world.turn()

    @rule(number=numbers, action=st.sampled_from(sorted(set(ACTIONS) - {"raise"})))
    def act(self, number: int, action: str) -> None:
        """From outside of every slot."""
        end = self.pick(number)
        if end is not None:
            end.act(action)
        self.world.turn()

    @rule(
        number=numbers,
        signal=st.sampled_from(SIGNALS),
        action=st.sampled_from(sorted(ACTIONS)),
        again=st.sampled_from(["", "", "write", "close", "delete", "nestedLoop"]),
    )
    def trap(self, number: int, signal: str, action: str, again: str) -> None:
        """The next emission of a signal finds a slot that does something."""
        end = self.pick(number)
        if end is not None:
            self.trapEnd(end, signal, action, again)

    @rule(signal=st.sampled_from(SIGNALS), action=st.sampled_from(sorted(ACTIONS)), slow=st.booleans())
    def trappedClient(self, signal: str, action: str, slow: bool) -> None:
        """A client that has its trap from the first moment on."""
        end = self.newClient(trusting=action not in ("ignoreSslErrors", "continueInterruptedHandshake"))
        if end is not None:
            self.trapEnd(end, signal, action)
        self.world.turn()

    @precondition(lambda self: self.psk)
    @rule(number=numbers, action=st.sampled_from(sorted(ACTIONS)), ofServer=st.booleans())
    def pskTrap(self, number: int, action: str, ofServer: bool) -> None:
        """A slot that is called while OpenSSL is on the stack."""
        end = self.pick(number) if ofServer else self.newClient()
        if end is not None and ofServer:
            self.trapServer(PSK_SIGNAL, action)
        elif end is not None and end.isAlive:
            self.trapEnd(end, PSK_SIGNAL, action)
        self.world.turn()

    @rule(signal=st.sampled_from(_SERVER_SIGNALS), action=st.sampled_from([*SERVER_ACTIONS, *sorted(ACTIONS)]))
    def serverTrap(self, signal: str, action: str) -> None:
        self.trapServer(signal, action)

    @rule(seconds=st.sampled_from([0.05, 0.2, 1.1, 6.0, 31.0]))
    def wait(self, seconds: float) -> None:
        self.world.advance(seconds)

    @rule()
    def settle(self) -> None:
        self.world.settle()

    # ------------------------------------------------------------------------- invariants

    def _checkNetwork(self) -> None:
        for peer in self.foreign:
            assert b"S3CRET" not in peer.received or peer.kind == "python", "plain text to a peer without TLS"

    def _checkStatistics(self, counts: Any) -> None:
        parts = ("handshakeFailed", "disconnected", "timedOut", "refused", "evicted", "aborted", "dropped")
        assert counts.failed == sum(getattr(counts, name) for name in parts), counts

    def _finish(self) -> None:
        """Nothing was lost, too."""
        for wire in self.relay.wires:
            wire.stalled, wire.piece = False, 1 << 16
        for end in self.ends:
            if end.isAlive and end.socket.isOpen():
                end.act("readAgain")
        super()._finish()
        self._everythingArrived()
        self._nothingIsLost()

    def _nothingIsLost(self) -> None:
        """Who was told that the other end has said all has all of it."""
        for receiver in self.ends:
            if not receiver.isAlive or receiver.isProgramEnded or not receiver.socket.peerClosedCleanly():
                continue
            sender = self._partnerOf(receiver)
            if sender is not None and sender.saidGoodbye:
                assert len(receiver.got) == sender.sent, f"{sender.sent - len(receiver.got)} bytes were lost"

    def _partnerOf(self, receiver: End) -> End | None:
        """The other end, if it is one of ours: by what came, and where nothing has come by the way that it took."""
        if receiver.got:
            sender = self._keys[receiver.partnerKey()][0]
            return sender if isinstance(sender, End) and sender.key == receiver.partnerKey() else None
        others = [end for end in self.ends if end.role != receiver.role and self._areLinked(receiver, end)]
        return others[0] if len(others) == 1 else None

    def _areLinked(self, one: End, other: End) -> bool:
        client, accepted = (one, other) if one.role == "client" else (other, one)
        return client.port == self.relay.clientOf(accepted.peerPort)

    def _everythingArrived(self) -> None:
        """What stands has carried everything."""
        standing = [end for end in self.encryptedEnds() if end.socket.isReadable()]
        for client in standing:
            for peer in standing:
                if client.role != "client" or peer.role != "accepted":
                    continue
                if self.relay.clientOf(peer.socket.peerPort()) != client.socket.localPort():
                    continue
                for sender, receiver in ((client, peer), (peer, client)):
                    assert len(receiver.got) == sender.sent, f"{receiver.role} has {len(receiver.got)} of {sender.sent}"
                    assert sender.socket.bytesToWrite() == sender.socket.encryptedBytesToWrite() == 0

    def _letGo(self) -> None:
        super()._letGo()
        for peer in self.foreign:
            peer.close()
        for listener, _ in self._listeners:
            listener.close()
        self._keys.clear()
