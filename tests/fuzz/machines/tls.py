"""SslServer and SslSocket among peers, faults and slots of every kind."""

from __future__ import annotations

import functools
import socket as native
import ssl
import tempfile
from pathlib import Path
from typing import Any

import shiboken6
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from PySide6.QtCore import QObject
from PySide6.QtNetwork import QSslSocket
from shiboken6 import isValid

from qtsecure.net.questions.certificate_request import CertificateRequest
from qtsecure.net.servers.ssl_server import SslServer
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.values import PreSharedKeyAuthenticator, Protocol, SslConfiguration
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.fuzz.machines.ends import ACTIONS, SIGNALS, End
from tests.fuzz.machines.wires import Foreign, Relay, contexts, listening, refusing
from tests.fuzz.machines.world import World

__all__ = ["PSK_CIPHER", "TlsMachine", "clientKey", "foreignContexts", "pki", "serverKey"]

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
_SERVER_ACTIONS = (
    "pauseAccepting",
    "resumeAccepting",
    "close",
    "fetch",
    "raise",
    "nestedLoop",
    "lowLimits",
    "highLimits",
)
_CLIENT_KINDS = ("silent", "garbage", "http", "hello", "python")
_SERVER_KINDS = ("silent", "garbage", "http", "python")
PSK_CIPHER = "ECDHE-PSK-CHACHA20-POLY1305"
_MOST_CLIENTS, _MOST_FOREIGN = 6, 8

numbers = st.integers(0, 5)


@functools.cache
def pki() -> PublicKeyInfrastructure:
    """One for all examples: keys take time."""
    return PublicKeyInfrastructure()


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
        known = {id(end.socket) for end in machine.ends}
        super().incomingConnection(socketDescriptor)
        for socket in self.findChildren(SslSocket) if isValid(self) else ():
            if id(socket) not in known and isinstance(socket, SslSocket):
                machine.adopt(socket)


class TlsMachine(RuleBasedStateMachine):
    """Rules are what programs, peers and the network do; invariants are what the documentation promises."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[End] = []
        self.foreign: list[Foreign] = []
        self._keys: dict[int, tuple[End | Foreign, int]] = {}
        self._listeners: list[tuple[Any, str]] = []
        self.relay = Relay()
        self.world = World(self._pump)
        self.server: SslServer | None = None
        self._keep: list[object] = []
        self._protocol = Protocol.TlsV1_2OrLater
        self._mutual = self._interrupting = self._psk = False
        self._isSound = True

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
        self._protocol, self._mutual, self._interrupting, self._psk = protocol, mutual, interrupting, psk
        server = self.server = _Server(self)
        self.world.track("server", server)
        server.setSslConfiguration(self.configuration("server"))
        server.setMaxHandshakingConnections(handshaking)
        server.setMaxPendingConnections(pending)
        server.setHandshakeTraceEnabled(traced)
        server.acceptCertificate.connect(self._noteRequest)
        server.errorOccurred.connect(self._noteFailure)
        if psk:
            server.preSharedKeyAuthenticationRequired.connect(serverKey)
        assert server.listen("127.0.0.1", 0)
        self.relay.target = server.serverPort()

    def configuration(self, role: str, *, trusting: bool = True) -> SslConfiguration:
        identities = pki()
        if role == "client":
            ca = identities.ca if trusting else identities.otherCa
            configuration = SslConfiguration.forClient([ca.certificate])
            if self._mutual:
                own = identities.client
                configuration.setLocalCertificateChain(list(own.chain))
                configuration.setPrivateKey(own.privateKey)
        else:
            own = identities.server
            configuration = SslConfiguration.forServer(list(own.chain), own.privateKey)
            if self._mutual:
                configuration.setCaCertificates([identities.ca.certificate])
                configuration.setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyPeer)
        configuration.setProtocol(self._protocol)
        configuration.setHandshakeMustInterruptOnError(self._interrupting)
        if self._psk:
            configuration.setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyNone)
            if self._protocol is Protocol.TlsV1_2:
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

    def _noteRequest(self, socket: SslSocket, request: CertificateRequest) -> None:
        for end in self.ends:
            if end.socket is socket and request.isPending():
                request.defer()
                end.requests.append(request)
                return

    def _noteFailure(self, socket: SslSocket, error: object) -> None:
        for end in self.ends:
            if end.socket is socket:
                end.counts["server.errorOccurred"] += 1

    def onServer(self, method: str) -> None:
        if self.server is not None and isValid(self.server):
            getattr(self.server, method)()

    def closeServer(self) -> None:
        server = self.server
        if server is not None and isValid(server):
            waiting = {id(each) for each in (*server._room.handshaking, *server._room.pending)}
            for end in self.ends:
                if id(end.socket) in waiting:
                    end.ending()
                    end.saidGoodbye = False
            server.close()

    def fetch(self) -> None:
        if self.server is not None and isValid(self.server):
            self.server.nextPendingConnection()

    def _pick(self, number: int, role: str = "") -> End | None:
        ends = [end for end in self.ends if end.isAlive and role in ("", end.role)]
        return ends[number % len(ends)] if ends else None

    def newClient(self, *, trusting: bool = True, defer: bool = False, port: int = 0) -> End | None:
        if sum(end.isAlive for end in self.ends if end.role == "client") >= _MOST_CLIENTS:
            return None
        socket = SslSocket()
        self.world.track("client", socket)
        socket.setSslConfiguration(self.configuration("client", trusting=trusting))
        end = End(self, socket, "client")
        self.ends.append(end)
        if self._psk:
            socket.preSharedKeyAuthenticationRequired.connect(clientKey)
        if defer:
            socket.acceptCertificate.connect(_Deferring(end).defer)
        end.connectTo(port or self.relay.port)
        return end

    # ------------------------------------------------------------------------------ rules

    @rule(trusting=st.sampled_from([True, True, True, False]), defer=st.booleans())
    def client(self, trusting: bool, defer: bool) -> None:
        self.newClient(trusting=trusting, defer=defer)
        self.world.turn()

    @rule(numbers=st.lists(numbers, min_size=1, max_size=4), much=st.booleans())
    def talk(self, numbers: list[int], much: bool) -> None:
        """A conversation, on whatever there is; of a new pair if there is nothing."""
        if not any(end.isAlive and end.socket.isEncrypted() for end in self.ends):
            self.newClient()
            self.world.settle()
            self.fetch()
        for number in numbers:
            ends = [end for end in self.ends if end.isAlive and end.socket.isEncrypted()]
            if ends:
                ends[number % len(ends)].act("writeMuch" if much else "write")
            self.world.turn()

    @rule(number=numbers, action=st.sampled_from(["close", "disconnectFromHost", "abort", "delete"]))
    def part(self, number: int, action: str) -> None:
        """The end of an encrypted connection, with something said at the last moment."""
        ends = [end for end in self.ends if end.isAlive and end.socket.isEncrypted()]
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
        server = self.server
        crowded = sum(peer.open for peer in self.foreign) >= _MOST_FOREIGN
        if server is not None and isValid(server) and server.isListening() and not crowded:
            self._addForeign(native.create_connection(("127.0.0.1", server.serverPort())), kind, server=False)
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
        end = self._pick(number)
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
        end = self._pick(number)
        if end is not None:
            trap = _Trap(end, (action, again) if again else (action,))
            self._keep.append(trap)
            getattr(end.socket, signal).connect(trap.spring)

    @rule(signal=st.sampled_from(SIGNALS), action=st.sampled_from(sorted(ACTIONS)), slow=st.booleans())
    def trappedClient(self, signal: str, action: str, slow: bool) -> None:
        """A client that has its trap from the first moment on."""
        end = self.newClient(trusting=action not in ("ignoreSslErrors", "continueInterruptedHandshake"))
        if end is not None:
            trap = _Trap(end, (action,))
            self._keep.append(trap)
            getattr(end.socket, signal).connect(trap.spring)
        self.world.turn()

    @precondition(lambda self: self._psk)
    @rule(number=numbers, action=st.sampled_from(sorted(ACTIONS)), ofServer=st.booleans())
    def pskTrap(self, number: int, action: str, ofServer: bool) -> None:
        """A slot that is called while OpenSSL is on the stack."""
        if not ofServer:
            end = self.newClient()
            owner: Any = end.socket if end is not None else None
        else:
            end, owner = self._pick(number), self.server
        if end is not None and owner is not None and isValid(owner):
            trap = _Trap(end, (action,)) if not ofServer else _ServerTrap(self, action)
            self._keep.append(trap)
            owner.preSharedKeyAuthenticationRequired.connect(trap.spring)
        self.world.turn()

    @rule(signal=st.sampled_from(_SERVER_SIGNALS), action=st.sampled_from([*_SERVER_ACTIONS, *sorted(ACTIONS)]))
    def serverTrap(self, signal: str, action: str) -> None:
        if self.server is not None and isValid(self.server):
            trap = _ServerTrap(self, action)
            self._keep.append(trap)
            getattr(self.server, signal).connect(trap.spring)

    @rule(
        action=st.sampled_from([*_SERVER_ACTIONS[:2], "fetch", "fetch", "lowLimits", "highLimits", "close", "listen"])
    )
    def serverActs(self, action: str) -> None:
        self.serverAction(action)
        self.world.turn()

    @precondition(lambda self: self.server is not None and isValid(self.server))
    @rule(chance=st.integers(0, 9))
    def deleteServer(self, chance: int) -> None:
        """Seldom, because nothing much happens afterwards."""
        if not chance:
            self._deleteServer()
            self.world.turn()

    @rule(seconds=st.sampled_from([0.05, 0.2, 1.1, 6.0, 31.0]))
    def wait(self, seconds: float) -> None:
        self.world.advance(seconds)

    @rule()
    def settle(self) -> None:
        self.world.settle()

    def serverAction(self, action: str) -> None:
        server = self.server
        if server is None or not isValid(server):
            return
        if action == "raise":
            self.world.raiseDeliberately()
        elif action == "nestedLoop":
            self.world.turn()
        elif action == "close":
            self.closeServer()
        elif action == "fetch":
            self.fetch()
        elif action in ("lowLimits", "highLimits"):
            limit = 1 if action == "lowLimits" else 20
            server.setMaxHandshakingConnections(limit)
            server.setMaxPendingConnections(limit)
        elif action == "listen":
            if not server.isListening():
                assert server.listen("127.0.0.1", 0), server.errorString()
                self.relay.target = server.serverPort()
        else:
            getattr(server, action)()

    def _deleteServer(self) -> None:
        for end in self.ends:
            if end.role == "accepted" and end.isAlive:
                end.ending()
                end.saidGoodbye = False
        shiboken6.delete(self.server)

    # ------------------------------------------------------------------------- invariants

    @invariant()
    def nothingIsWrong(self) -> None:
        sound, self._isSound = self._isSound, False
        self.world.check()
        for end in self.ends:
            end.check()
        for peer in self.foreign:
            assert b"S3CRET" not in peer.received or peer.kind == "python", "plain text to a peer without TLS"
        self._isSound = sound

    @invariant()
    def statisticsAddUp(self) -> None:
        server = self.server
        if server is None or not isValid(server):
            return
        sound, self._isSound = self._isSound, False
        counts = server.statistics()
        assert counts.accepted == counts.handshaking + counts.encrypted + counts.failed, counts
        parts = ("handshakeFailed", "disconnected", "timedOut", "refused", "evicted", "aborted", "dropped")
        assert counts.failed == sum(getattr(counts, name) for name in parts), counts
        assert counts.pending <= counts.encrypted
        self._isSound = sound

    def teardown(self) -> None:
        # After something was wrong, tracebacks keep objects, and no census makes sense.
        try:
            if self._isSound:
                self._isSound = False
                self._finish()
                self._isSound = True
        finally:
            self._letGo()
            if not self._isSound:
                self.world.leave()
        self.world.end()

    def _finish(self) -> None:
        """After every deadline each connection has come to its end, and nothing was lost."""
        for wire in self.relay.wires:
            wire.stalled, wire.piece = False, 1 << 16
        for end in self.ends:
            if end.isAlive and end.socket.isOpen():
                end.act("readAgain")
        self.world.outlast()
        self.nothingIsWrong()
        self.statisticsAddUp()
        for end in self.ends:
            end.checkFinal()
            if end.isAlive:
                end.read()
        self._everythingArrived()
        server = self.server
        if server is not None and isValid(server):
            assert server.statistics().handshaking == 0, "a handshake is stuck"
        self._nothingIsLost()
        self.world.check()

    def _nothingIsLost(self) -> None:
        """Who was told that the other end has said all has all of it."""
        for receiver in self.ends:
            if not receiver.isAlive or receiver.isProgramEnded or not receiver.got:
                continue
            if not receiver.socket.peerClosedCleanly():
                continue
            sender = self._keys[receiver.partnerKey()][0]
            if isinstance(sender, End) and sender.saidGoodbye and sender.key == receiver.partnerKey():
                assert len(receiver.got) == sender.sent, f"{sender.sent - len(receiver.got)} bytes were lost"

    def _everythingArrived(self) -> None:
        """What stands has carried everything."""
        standing = [end for end in self.ends if end.isAlive and end.socket.isEncrypted() and end.socket.isReadable()]
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
        for end in self.ends:
            if end.isAlive:
                end.ending()
                shiboken6.delete(end.socket)
            end.requests.clear()
        if self.server is not None and isValid(self.server):
            self._deleteServer()
        for peer in self.foreign:
            peer.close()
        for listener, _ in self._listeners:
            listener.close()
        self.relay.close()
        self.server = None
        self.ends.clear()
        self._keys.clear()
        self._keep.clear()


def clientKey(authenticator: PreSharedKeyAuthenticator) -> None:
    authenticator.setIdentity(b"somebody")
    authenticator.setPreSharedKey(bytes(range(32)))


def serverKey(socket: object, authenticator: PreSharedKeyAuthenticator) -> None:
    authenticator.setPreSharedKey(bytes(range(32)))


class _Deferring(QObject):
    """Lets the certificates of a client wait for a decision."""

    def __init__(self, end: End) -> None:
        super().__init__(end.socket)
        self._end = end

    def defer(self, request: CertificateRequest) -> None:
        if request.isPending():
            request.defer()
            self._end.requests.append(request)


class _Trap:
    """A slot that does something the first time."""

    def __init__(self, end: End, actions: tuple[str, ...]) -> None:
        self._end = end
        self._actions = list(actions)

    def spring(self, *arguments: object) -> None:
        if self._actions:
            self._end.act(self._actions.pop(0))


class _ServerTrap:
    """The same for the server's signals; with an action for sockets it is done to the one that it is about."""

    def __init__(self, machine: TlsMachine, action: str) -> None:
        self._machine = machine
        self._action = action

    def spring(self, *arguments: object) -> None:
        action, self._action = self._action, ""
        if action in _SERVER_ACTIONS:
            self._machine.serverAction(action)
            return
        for end in self._machine.ends:
            if action and arguments and end.socket is arguments[0]:
                end.act(action)
                return
