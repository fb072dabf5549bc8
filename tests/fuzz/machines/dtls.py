"""DtlsServer and DtlsPeer among weather, forgers and slots of every kind."""

from __future__ import annotations

import random
import socket as native
from collections import Counter
from collections.abc import Callable

import shiboken6
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from PySide6.QtCore import QObject
from PySide6.QtNetwork import QSslSocket
from shiboken6 import isValid

from qtsecure.errors import SecureError
from qtsecure.net.dtls_peer import DtlsPeer
from qtsecure.net.questions.certificate_request import CertificateRequest
from qtsecure.net.servers.dtls_server import DtlsServer
from qtsecure.net.values import SslConfiguration
from tests.fuzz import materials
from tests.fuzz.machines.datagrams import DatagramRelay, Weather
from tests.fuzz.machines.tls import PSK_CIPHER, clientKey, pki, serverKey
from tests.fuzz.machines.wires import BLOCK, block
from tests.fuzz.machines.world import World

__all__ = ["DtlsMachine"]

Status = DtlsPeer.Status
_Code = SecureError.Code
_SIGNALS = (
    "encrypted",
    "statusChanged",
    "readyRead",
    "closed",
    "disconnected",
    "errorOccurred",
    "retransmissionTimeout",
    "sslErrors",
    "peerVerifyError",
    "handshakeInterruptedOnError",
    "alertSent",
    "alertReceived",
    "acceptCertificate",
    "handshakeMessage",
    "peerCertificateChanged",
)
_SERVER_SIGNALS = (
    "newConnection",
    "pendingConnectionAvailable",
    "startedEncryptionHandshake",
    "sslErrors",
    "acceptCertificate",
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
_WEATHERS = (
    Weather(),
    Weather(),
    Weather(loss=0.3),
    Weather(double=0.5),
    Weather(damage=0.2),
    Weather(swap=True),
    Weather(loss=0.2, double=0.3, damage=0.1, swap=True),
    Weather(loss=1.0),
)
# What needs an association, or that there is none.
_REFUSALS = (_Code.Pending, _Code.WouldBlock, _Code.Closed)
_MOST_CLIENTS = 5
_DISCARD = 9

numbers = st.integers(0, 5)


class Peer:
    """One DtlsPeer; with each association it begins anew."""

    def __init__(self, machine: DtlsMachine, peer: DtlsPeer, role: str) -> None:
        self.machine = machine
        self.peer = peer
        self.role = role
        self.requests: list[CertificateRequest] = []
        self.key = self.number = 0
        self.begin()
        for name in ("encrypted", "disconnected", "closed", "errorOccurred"):
            getattr(peer, name).connect(_Counter(self, name).count)
        peer.readyRead.connect(self.read)

    def begin(self) -> None:
        self.key = self.machine.newKey(self)
        self.number = 0
        self.counts: Counter[str] = Counter()
        self.seen: set[bytes] = set()
        self.isProgramEnded = False
        self.isStarted = False

    @property
    def isAlive(self) -> bool:
        return isValid(self.peer)

    def connectTo(self, port: int) -> None:
        if self.isAlive and self.peer.status() not in (Status.Handshaking, Status.Connected):
            self.begin()
            try:
                self.peer.connectToHost("127.0.0.1", port, "localhost")
            except SecureError as error:
                assert error.code is _Code.Pending
                return
            self.isStarted = True

    def write(self, count: int) -> None:
        for _ in range(count):
            if self.isAlive and self.peer.isEncrypted():
                key, number = self.key, self.number
                self.number += 1
                self.peer.writeDatagram(block(key, number))

    def read(self) -> None:
        while self.isAlive and self.peer.hasPendingDatagrams():
            message = self.peer.readDatagram()
            faults = self.machine.world.faults
            if len(message) != BLOCK or not message.startswith(b"S3CRET"):
                faults.append(f"{self.role} got what nobody sent: {message!r}")
            elif message in self.seen:
                faults.append(f"{self.role} got the same message twice")
            elif not self.machine.hasSent(message, self):
                faults.append(f"{self.role} got what its partner has not sent")
            self.seen.add(message)

    def ending(self) -> None:
        """The program ends it now."""
        if self.isAlive and self.peer.status() is not Status.Disconnected:
            self.isProgramEnded = True

    def act(self, action: str) -> None:
        if self.isAlive:
            try:
                ACTIONS[action](self)
            except SecureError as error:
                if error.code not in _REFUSALS:
                    raise

    def check(self) -> None:
        for name, count in self.counts.items():
            assert count <= 1, f"{name} came {count} times to the {self.role}: {self.counts}"
        if self.isAlive and self.peer.isEncrypted():
            assert self.peer.status() is Status.Connected

    def checkFinal(self) -> None:
        if not self.isAlive:
            return
        status = self.peer.status()
        assert status is not Status.Handshaking, f"the {self.role} is stuck in its handshake"
        if self.role == "client" and self.isStarted and not self.isProgramEnded:
            assert self.counts["encrypted"] or self.counts["errorOccurred"], f"no final signal: {status} {self.counts}"
        if status is not Status.Connected and self.counts["encrypted"]:
            assert self.counts["disconnected"], f"the {self.role} is over and has not said so: {status} {self.counts}"


class _Counter:
    def __init__(self, end: Peer, name: str) -> None:
        self._end = end
        self._name = name
        end.machine.keep.append(self)

    def count(self, *arguments: object) -> None:
        self._end.counts[self._name] += 1


def _ended(method: str) -> Callable[[Peer], None]:
    def end(peer: Peer) -> None:
        peer.ending()
        getattr(peer.peer, method)()

    return end


def _delete(end: Peer) -> None:
    end.ending()
    shiboken6.delete(end.peer)


def _reconnect(end: Peer) -> None:
    if end.role == "client":
        end.connectTo(end.machine.relay.port)


def _abortAndReconnect(end: Peer) -> None:
    _ended("abort")(end)
    _reconnect(end)


def _answerRequests(accept: bool) -> Callable[[Peer], None]:
    def answer(end: Peer) -> None:
        while end.requests:
            request = end.requests.pop()
            if isValid(request) and request.isPending():
                request.accept() if accept else request.reject()

    return answer


ACTIONS: dict[str, Callable[[Peer], None]] = {
    "close": _ended("close"),
    "abort": _ended("abort"),
    "disconnectFromPeer": _ended("disconnectFromPeer"),
    "deleteLater": _ended("deleteLater"),
    "delete": _delete,
    "reconnect": _reconnect,
    "abortAndReconnect": _abortAndReconnect,
    "write": lambda end: end.write(2),
    "read": Peer.read,
    "setMtu": lambda end: end.peer.setMtu(300),
    "ignoreSslErrors": lambda end: end.peer.ignoreSslErrors(),
    "acceptRequests": _answerRequests(True),
    "rejectRequests": _answerRequests(False),
    "shortHandshake": lambda end: end.peer.setHandshakeTimeout(700),
    "shortIdle": lambda end: end.peer.setIdleTimeout(900),
    "settings": lambda end: end.peer.setSslConfiguration(end.machine.configuration(end.role)),
    "nestedLoop": lambda end: end.machine.world.turn(),
    "raise": lambda end: end.machine.world.raiseDeliberately(),
    "pauseAccepting": lambda end: end.machine.onServer("pauseAccepting"),
    "resumeAccepting": lambda end: end.machine.onServer("resumeAccepting"),
    "closeServer": lambda end: end.machine.serverAction("close"),
    "fetch": lambda end: end.machine.fetch(),
    "anotherClient": lambda end: end.machine.newClient() and None,
}


class DtlsMachine(RuleBasedStateMachine):
    """Rules are what programs, forgers and the network do; invariants are what the documentation promises."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[Peer] = []
        self.keep: list[object] = []
        self._deaf: list[native.socket] = []
        self._keys: dict[int, Peer] = {}
        self._partners: dict[tuple[int, str], int] = {}
        self.relay = DatagramRelay()
        self.world = World(self.relay.pump)
        self.server: DtlsServer | None = None
        self._mutual = self._interrupting = self._psk = False
        self._isSound = True

    @initialize(
        mutual=st.booleans(),
        handshaking=st.sampled_from([128, 128, 3, 1]),
        pending=st.sampled_from([30, 30, 1]),
        cookies=st.sampled_from([True, True, False]),
        seed=st.integers(0, 1 << 16),
        traced=st.booleans(),
        interrupting=st.booleans(),
        psk=st.sampled_from([False, False, True]),
    )
    def listen(
        self,
        mutual: bool,
        handshaking: int,
        pending: int,
        cookies: bool,
        seed: int,
        traced: bool,
        interrupting: bool,
        psk: bool,
    ) -> None:
        self._mutual, self._interrupting, self._psk = mutual, interrupting, psk
        self.relay.chance = random.Random(seed)
        server = self.server = DtlsServer()
        self.world.track("server", server)
        server.setSslConfiguration(self.configuration("accepted"))
        server.setMaxHandshakingConnections(handshaking)
        server.setMaxPendingConnections(pending)
        server.setCookieVerificationEnabled(cookies)
        server.setHandshakeTraceEnabled(traced)
        server.newConnection.connect(self._adopt)
        server.acceptCertificate.connect(self._noteRequest)
        if psk:
            server.preSharedKeyAuthenticationRequired.connect(serverKey)
        assert server.listen("127.0.0.1", 0), server.errorString()
        self.relay.target = server.serverPort()

    def configuration(self, role: str, *, trusting: bool = True) -> SslConfiguration:
        identities = pki()
        if role == "client":
            ca = identities.ca if trusting else identities.otherCa
            configuration = SslConfiguration.forClient([ca.certificate])
            if self._mutual:
                configuration.setLocalCertificateChain(list(identities.client.chain))
                configuration.setPrivateKey(identities.client.privateKey)
        else:
            configuration = SslConfiguration.forServer(list(identities.server.chain), identities.server.privateKey)
            if self._mutual:
                configuration.setCaCertificates([identities.ca.certificate])
                configuration.setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyPeer)
        configuration.setHandshakeMustInterruptOnError(self._interrupting)
        if self._psk:
            configuration.setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyNone)
            configuration.setCiphers(PSK_CIPHER)
        return configuration

    # ---------------------------------------------------------------------------- helpers

    def newKey(self, end: Peer) -> int:
        key = len(self._keys) + 1
        self._keys[key] = end
        return key

    def hasSent(self, message: bytes, receiver: Peer) -> bool:
        """Whether its partner has sent that, in one of its associations; all messages come from one partner."""
        key, number = int(message[6:10], 16), int(message[10:], 16)
        sender = self._keys.get(key)
        if sender is None or sender.role == receiver.role:
            return False
        if self._partners.setdefault((receiver.key, receiver.role), key) != key:
            return False
        return sender.key != key or number < sender.number

    def _adopt(self) -> None:
        server = self.server
        if server is not None and isValid(server):
            counts = server.statistics()
            if counts.handshaking > server.maxHandshakingConnections():
                self.world.faults.append("more handshakes than maxHandshakingConnections()")
            if counts.pending >= server.maxPendingConnections():
                self.world.faults.append("let in although maxPendingConnections() wait")
            if 0 < server.maxConnections() < counts.live:
                self.world.faults.append("more associations than maxConnections()")
        known = {id(end.peer) for end in self.ends}
        for peer in server.findChildren(DtlsPeer) if server is not None and isValid(server) else ():
            if id(peer) not in known and isinstance(peer, DtlsPeer):
                self.world.track("accepted", peer)
                self.ends.append(Peer(self, peer, "accepted"))

    def _noteRequest(self, peer: DtlsPeer, request: CertificateRequest) -> None:
        for end in self.ends:
            if end.peer is peer and request.isPending():
                request.defer()
                end.requests.append(request)

    def onServer(self, method: str) -> None:
        if self.server is not None and isValid(self.server):
            getattr(self.server, method)()

    def fetch(self) -> None:
        if self.server is not None and isValid(self.server):
            self.server.nextPendingConnection()

    def _pick(self, number: int) -> Peer | None:
        ends = [end for end in self.ends if end.isAlive]
        return ends[number % len(ends)] if ends else None

    def newClient(self, *, trusting: bool = True, port: int = 0) -> Peer | None:
        if sum(end.isAlive for end in self.ends if end.role == "client") >= _MOST_CLIENTS:
            return None
        peer = DtlsPeer()
        self.world.track("client", peer)
        peer.setSslConfiguration(self.configuration("client", trusting=trusting))
        end = Peer(self, peer, "client")
        self.ends.append(end)
        if self._psk:
            peer.preSharedKeyAuthenticationRequired.connect(clientKey)
        if not trusting:
            peer.acceptCertificate.connect(_Deferring(end).defer)
        end.connectTo(port or self.relay.port)
        return end

    # ------------------------------------------------------------------------------ rules

    @rule(trusting=st.sampled_from([True, True, True, False]))
    def client(self, trusting: bool) -> None:
        self.newClient(trusting=trusting)
        self.world.turn()

    @rule(numbers=st.lists(numbers, min_size=1, max_size=4))
    def talk(self, numbers: list[int]) -> None:
        """A conversation, on whatever there is; of a new pair if there is nothing."""
        if not any(end.isAlive and end.peer.isEncrypted() for end in self.ends):
            self.newClient()
            self.world.settle()
            self.fetch()
        for number in numbers:
            ends = [end for end in self.ends if end.isAlive and end.peer.isEncrypted()]
            if ends:
                ends[number % len(ends)].act("write")
            self.world.turn()

    @rule()
    def clientOfNobody(self) -> None:
        """Nothing listens there."""
        socket = native.socket(native.AF_INET, native.SOCK_DGRAM)
        socket.bind(("127.0.0.1", 0))
        socket.connect(("127.0.0.1", _DISCARD))  # it hears nobody else, and nobody else can get its port
        self._deaf.append(socket)
        self.newClient(port=socket.getsockname()[1])
        self.world.turn()

    @rule(weather=st.sampled_from(_WEATHERS))
    def change(self, weather: Weather) -> None:
        self.relay.weather = weather
        self.world.turn()

    @rule(stalled=st.booleans())
    def stall(self, stalled: bool) -> None:
        self.relay.stalled = stalled
        self.world.turn()

    @rule(
        data=st.one_of(
            st.binary(max_size=60),
            st.builds(
                materials.dtlsRecord,
                st.sampled_from([20, 21, 22, 23]),
                st.sampled_from([0, 1, 2, 40, 1 << 47]),
                st.sampled_from(
                    [b"\1", b"\2\x28", b"\1\0", b"\0" * 12, b"x" * 40, b"\3\0\0\3\0\0\0\0\0\0\0\3\xfe\xff\0"]
                ),
                st.sampled_from([0, 0, 1]),
            ),
            st.just(materials.dtlsHello()),
        ),
        toServer=st.booleans(),
        number=numbers,
    )
    def forge(self, data: bytes, toServer: bool, number: int) -> None:
        self.relay.say(data, toServer=toServer, number=number)
        self.world.turn()

    @rule(number=st.integers(0, 63), toServer=st.booleans())
    def replay(self, number: int, toServer: bool) -> None:
        self.relay.again(number, toServer)
        self.world.turn()

    @rule(number=numbers, action=st.sampled_from(sorted(set(ACTIONS) - {"raise"})))
    def act(self, number: int, action: str) -> None:
        end = self._pick(number)
        if end is not None:
            end.act(action)
        self.world.turn()

    @rule(
        number=numbers,
        signal=st.sampled_from(_SIGNALS),
        action=st.sampled_from(sorted(ACTIONS)),
        again=st.sampled_from(["", "", "write", "close", "delete", "nestedLoop"]),
    )
    def trap(self, number: int, signal: str, action: str, again: str) -> None:
        end = self._pick(number)
        if end is not None:
            self._trap(end, signal, action, again)

    @rule(signal=st.sampled_from(_SIGNALS), action=st.sampled_from(sorted(ACTIONS)))
    def trappedClient(self, signal: str, action: str) -> None:
        end = self.newClient(trusting=action != "ignoreSslErrors")
        if end is not None:
            self._trap(end, signal, action, "")
        self.world.turn()

    def _trap(self, end: Peer, *signalAndActions: str) -> None:
        signal, *actions = signalAndActions
        trap = _Trap(end, [action for action in actions if action])
        self.keep.append(trap)
        getattr(end.peer, signal).connect(trap.spring)

    @precondition(lambda self: self._psk)
    @rule(action=st.sampled_from(sorted(ACTIONS)), ofServer=st.booleans())
    def pskTrap(self, action: str, ofServer: bool) -> None:
        """A slot that is called while OpenSSL is on the stack."""
        end = self.newClient()
        if ofServer and self.server is not None and isValid(self.server):
            trap = _ServerTrap(self, action)
            self.keep.append(trap)
            self.server.preSharedKeyAuthenticationRequired.connect(trap.spring)
        elif end is not None:
            self._trap(end, "preSharedKeyAuthenticationRequired", action, "")
        self.world.turn()

    @rule(signal=st.sampled_from(_SERVER_SIGNALS), action=st.sampled_from([*_SERVER_ACTIONS, *sorted(ACTIONS)]))
    def serverTrap(self, signal: str, action: str) -> None:
        if self.server is not None and isValid(self.server):
            trap = _ServerTrap(self, action)
            self.keep.append(trap)
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
        if not chance:
            self._deleteServer()
            self.world.turn()

    @rule(seconds=st.sampled_from([0.05, 0.3, 1.1, 6.0, 31.0]))
    def wait(self, seconds: float) -> None:
        self.world.advance(seconds)

    def serverAction(self, action: str) -> None:
        server = self.server
        if server is None or not isValid(server):
            return
        if action == "raise":
            self.world.raiseDeliberately()
        elif action == "nestedLoop":
            self.world.turn()
        elif action == "fetch":
            self.fetch()
        elif action == "close":
            for end in self.ends:
                if end.role == "accepted":
                    end.ending()
            server.close()
        elif action in ("lowLimits", "highLimits"):
            limit = 1 if action == "lowLimits" else 20
            server.setMaxHandshakingConnections(limit)
            server.setMaxPendingConnections(limit)
            server.setMaxConnections(0 if limit > 1 else 2)
        elif action == "listen":
            if not server.isListening():
                assert server.listen("127.0.0.1", 0), server.errorString()
                self.relay.target = server.serverPort()
        else:
            getattr(server, action)()

    def _deleteServer(self) -> None:
        for end in self.ends:
            if end.role == "accepted":
                end.ending()
        shiboken6.delete(self.server)

    # ------------------------------------------------------------------------- invariants

    @invariant()
    def nothingIsWrong(self) -> None:
        sound, self._isSound = self._isSound, False
        self.world.check()
        for end in self.ends:
            end.check()
        self._isSound = sound

    @invariant()
    def statisticsAddUp(self) -> None:
        server = self.server
        if server is None or not isValid(server):
            return
        sound, self._isSound = self._isSound, False
        counts = server.statistics()
        assert counts.accepted == counts.handshaking + counts.encrypted + counts.failed, counts
        assert counts.pending <= counts.encrypted, counts
        assert counts.handshaking <= counts.live, counts
        assert counts.replaced <= counts.accepted, counts
        assert all(count > 0 for count in counts.dropped.values()), counts
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
        self.relay.stalled = False
        if self.relay.weather.loss == 1:
            self.relay.weather = Weather()
        self.world.outlast()
        self.nothingIsWrong()
        self.statisticsAddUp()
        for end in self.ends:
            end.checkFinal()
            end.read()
        server = self.server
        if server is not None and isValid(server):
            assert server.statistics().handshaking == 0, "a handshake is stuck"
        self.world.check()

    def _letGo(self) -> None:
        for end in self.ends:
            if end.isAlive:
                end.ending()
                shiboken6.delete(end.peer)
            end.requests.clear()
        if self.server is not None and isValid(self.server):
            self._deleteServer()
        for socket in self._deaf:
            socket.close()
        self.relay.close()
        self.server = None
        self.ends.clear()
        self._keys.clear()
        self.keep.clear()


class _Deferring(QObject):
    """Lets the certificates of a client wait for a decision."""

    def __init__(self, end: Peer) -> None:
        super().__init__(end.peer)
        self._end = end

    def defer(self, request: CertificateRequest) -> None:
        if request.isPending():
            request.defer()
            self._end.requests.append(request)


class _Trap:
    """A slot that does something the first times."""

    def __init__(self, end: Peer, actions: list[str]) -> None:
        self._end = end
        self._actions = actions

    def spring(self, *arguments: object) -> None:
        if self._actions:
            self._end.act(self._actions.pop(0))


class _ServerTrap:
    """The same for the server's signals; with an action for peers it is done to the one that it is about."""

    def __init__(self, machine: DtlsMachine, action: str) -> None:
        self._machine = machine
        self._action = action

    def spring(self, *arguments: object) -> None:
        action, self._action = self._action, ""
        if action in _SERVER_ACTIONS:
            self._machine.serverAction(action)
            return
        for end in self._machine.ends:
            if action and arguments and end.peer is arguments[0]:
                end.act(action)
                return
