"""SocketClient and its operations among servers, proxies and slots of every kind."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable
from typing import Any

import shiboken6
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from PySide6.QtNetwork import QAbstractSocket
from shiboken6 import isValid

from qtsecure.errors import SecureError
from qtsecure.net.cancellable import Cancellable
from qtsecure.net.proxies.simple_resolver import SimpleProxyResolver
from qtsecure.net.servers.ssl_server import SslServer
from qtsecure.net.socket_client.client import SocketClient
from qtsecure.net.socket_client.events import ClientEvent
from qtsecure.net.socket_client.operation import ConnectOperation
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.values import SslConfiguration
from qtsecure.testing.pki import IssuedCertificate
from tests.fuzz.machines.machine import Machine
from tests.fuzz.machines.serving import numbers, pki
from tests.fuzz.machines.talkers import Talker, said
from tests.fuzz.machines.tls import foreignContexts
from tests.fuzz.machines.wires import Foreign, Relay, listening, refusing
from tests.fuzz.machines.world import World
from tests.semantics.gio_client.support import FakeResolver

__all__ = ["ClientMachine"]

_CLIENT_SIGNALS = (
    "clientEvent",
    "connected",
    "failed",
    "progressChanged",
    "sslErrors",
    "peerVerifyError",
    "alertSent",
    "alertReceived",
    "acceptCertificate",
)
_KINDS = ("silent", "garbage", "http", "python", "python", "closed")
_PROXIES = ("socks5", "refusing", "silent", "garbage", "closed")
_HOSTS = ("127.0.0.1", "good.example", "second.example", "missing.example", "localhost")
_MOST_RUNNING = 6
_FOREIGN_KEYS = 0x8000
_Layer = QAbstractSocket.NetworkLayerProtocol


@functools.cache
def _identity() -> IssuedCertificate:
    return pki().ca.issue(["localhost", "127.0.0.1", "good.example", "second.example"])


class Operation:
    """One ConnectOperation and what it has told."""

    def __init__(self, machine: ClientMachine, operation: ConnectOperation, cancellable: Cancellable) -> None:
        self.machine = machine
        self.operation = operation
        self.cancellable = cancellable
        self.counts: Counter[str] = Counter()
        self.isDeleted = self.isCancelled = False
        operation.finished.connect(self._finished)
        operation.failed.connect(self._failed)

    @property
    def isAlive(self) -> bool:
        return isValid(self.operation)

    def _finished(self, connection: SslSocket) -> None:
        self.counts["finished"] += 1
        if not isValid(self.operation) or self.operation.connection() is not connection:
            self.machine.world.faults.append("finished() with another connection than the operation's")
        self.machine.talk(connection, "client")

    def _failed(self, error: SecureError) -> None:
        self.counts["failed"] += 1
        if not error.message or self.operation.error() is not error:
            self.machine.world.faults.append("failed() without a sentence, or with another error")

    def check(self) -> None:
        assert self.counts.total() <= 1, f"two final signals: {self.counts}"
        if not self.isAlive:
            return
        operation = self.operation
        if operation.isFinished():
            assert (operation.connection() is None) != (operation.error() is None)
        elif not self.isCancelled:
            assert operation.connection() is None

    def checkFinal(self, *, clientLives: bool) -> None:
        if not self.isAlive:
            return
        assert self.operation.isFinished(), "an operation is stuck"
        if clientLives:
            assert self.counts.total() == 1, "an operation has never told its end"


class ClientMachine(Machine):
    """Programs, servers, proxies and the network between them."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[Operation] = []
        self.foreign: list[Foreign] = []
        self.relay = Relay()
        self._listeners: list[tuple[Any, str]] = []
        self.world = World(self._pump)
        self.server: SslServer | None = None
        self.client: SocketClient | None = None
        self.told: Counter[str] = Counter()
        self.talkers: list[Talker] = []

    @initialize(tls=st.booleans(), delay=st.sampled_from([0, 40, 300]))
    def begin(self, tls: bool, delay: int) -> None:
        identities = pki()
        server = self.server = SslServer()
        self.world.track("server", server)
        own = _identity()
        server.setSslConfiguration(SslConfiguration.forServer(list(own.chain), own.privateKey))
        server.pendingConnectionAvailable.connect(self._accepted)
        assert server.listen("127.0.0.1", 0)
        self.relay.target = server.serverPort()
        client = self.client = SocketClient()
        self.world.track("client", client)
        resolver = FakeResolver()
        resolver.addresses = {"good.example": ["127.0.0.1"], "second.example": ["127.0.0.9", "127.0.0.1", "::1"]}
        resolver.delays = {_Layer.IPv4Protocol: delay, _Layer.IPv6Protocol: delay // 2}
        client.setResolver(resolver)
        client.setEnableProxy(False)
        client.setTls(tls)
        client.setHandshakeTimeout(5000)
        client.setTlsConfiguration(SslConfiguration.forClient([identities.ca.certificate]))
        client.connected.connect(self._connected)
        client.failed.connect(self._failed)
        client.clientEvent.connect(self._event)

    # ---------------------------------------------------------------------------- helpers

    def _connected(self, connection: object) -> None:
        self.told["connected"] += 1

    def _failed(self, error: object) -> None:
        self.told["failed"] += 1

    def _event(self, event: ClientEvent, *arguments: object) -> None:
        self.told["complete"] += event is ClientEvent.Complete

    def _accepted(self) -> None:
        socket = self.server.nextPendingConnection() if self.server is not None else None
        if socket is not None:
            self.world.track("accepted", socket)
            self.talk(socket, "accepted")

    def talk(self, socket: SslSocket, role: str) -> None:
        """Let one end say what it has to say; in plain text there is nobody to talk to."""
        if isValid(socket) and socket.isEncrypted():
            self.talkers.append(Talker(self.world.faults, self._saidBy, socket, role, len(self.talkers) + 1))

    def _saidBy(self, key: int, role: str) -> bytes:
        """What a possible partner of that role has said under this key; nothing if there is none."""
        if role == "client" and (peers := [peer for peer in self.foreign if peer.key == key]):
            return said(key, peers[0].sent)
        others = [talker for talker in self.talkers if talker.key == key and talker.role != role]
        return others[0].said if others else b""

    def _pump(self) -> bool:
        moved = self.relay.pump()
        for listener, kind in self._listeners:
            try:
                socket = listener.accept()[0]
            except OSError:
                continue
            secure = kind in ("python", "socks5")
            key = _FOREIGN_KEYS + len(self.foreign)
            self.foreign.append(Foreign(socket, kind, key, foreignContexts()[1] if secure else None))
            moved = True
        return sum(peer.move() for peer in self.foreign) > 0 or moved

    def _portOf(self, kind: str) -> int:
        if kind == "ours":
            return self.relay.port
        listener = refusing() if kind == "closed" else listening()
        self._listeners.append((listener, kind))
        port: int = listener.getsockname()[1]
        return port

    @property
    def isClientAlive(self) -> bool:
        return self.client is not None and isValid(self.client)

    def connect(self, host: str, port: int) -> Operation | None:
        client = self.client
        if (
            client is None
            or not isValid(client)
            or sum(not o.isAlive or not o.operation.isFinished() for o in self.operations) > _MOST_RUNNING
        ):
            return None
        cancellable = Cancellable()
        operation = client.connectToHost(host, port, cancellable)
        self.world.track("operation", operation)
        self.operations.append(Operation(self, operation, cancellable))
        return self.operations[-1]

    def _pick(self, number: int) -> Operation | None:
        alive = [operation for operation in self.operations if operation.isAlive]
        return alive[number % len(alive)] if alive else None

    # ------------------------------------------------------------------------------ rules

    @precondition(lambda self: self.isClientAlive)
    @rule(host=st.sampled_from(_HOSTS), kind=st.sampled_from(["ours", "ours", *_KINDS]))
    def connectTo(self, host: str, kind: str) -> None:
        self.connect(host, self._portOf(kind))
        self.world.turn()

    @precondition(lambda self: self.isClientAlive)
    @rule(host=st.sampled_from(["127.0.0.1", "good.example", "second.example"]), tls=st.booleans())
    def connectProperly(self, host: str, tls: bool) -> None:
        self.change("tls" if tls else "plain")
        self.connect(host, self.relay.port)
        self.world.settle()

    @precondition(lambda self: self.isClientAlive)
    @rule(text=st.sampled_from(["", "[::1", "h:99999", "two words", "ü..example"]))
    def connectToNonsense(self, text: str) -> None:
        self.connect(text, 443)
        self.world.turn()

    @precondition(lambda self: self.isClientAlive)
    @rule(kind=st.sampled_from(_PROXIES), scheme=st.sampled_from(["socks5", "socks4a", "http"]))
    def viaProxy(self, kind: str, scheme: str) -> None:
        assert self.client is not None
        self.client.setProxyResolver(SimpleProxyResolver(f"{scheme}://127.0.0.1:{self._portOf(kind)}"))
        self.client.setEnableProxy(True)
        self.connect("127.0.0.1", 1)
        self.client.setEnableProxy(False)
        self.world.turn()

    @precondition(lambda self: self.isClientAlive)
    @rule(action=st.sampled_from(["tls", "plain", "timeout", "overall", "none", "trustNobody", "trust"]))
    def settings(self, action: str) -> None:
        self.change(action)

    @precondition(lambda self: self.relay.wires)
    @rule(number=numbers, what=st.sampled_from(["stall", "flow", "byteByByte", "damage", "truncate", "reset"]))
    def network(self, number: int, what: str) -> None:
        wire = self.relay.wires[-1 - number % len(self.relay.wires)]
        if what in ("stall", "flow"):
            wire.stalled = what == "stall"
        elif what == "byteByByte":
            wire.piece = 1
        elif wire.open:
            getattr(wire, what)()
        self.world.turn()

    @precondition(lambda self: self.foreign)
    @rule(number=numbers, what=st.sampled_from(["say", "truncate", "goodbye", "reset", "close"]))
    def foreignActs(self, number: int, what: str) -> None:
        getattr(self.foreign[number % len(self.foreign)], what)()
        self.world.turn()

    @rule(number=numbers, action=st.sampled_from(["cancel", "cancelBoth", "delete", "deleteLater", "closeConnection"]))
    def act(self, number: int, action: str) -> None:
        operation = self._pick(number)
        if operation is not None:
            ACTIONS[action](self, operation)
        self.world.turn()

    @rule(number=numbers, signal=st.sampled_from(["finished", "failed"]), data=st.data())
    def trap(self, number: int, signal: str, data: st.DataObject) -> None:
        operation = self._pick(number)
        action = data.draw(st.sampled_from(sorted(ACTIONS)))
        if operation is not None:
            self._trap(getattr(operation.operation, signal), action, operation)

    @precondition(lambda self: self.isClientAlive)
    @rule(signal=st.sampled_from(_CLIENT_SIGNALS), data=st.data(), number=numbers, skip=st.integers(0, 4))
    def clientTrap(self, signal: str, data: st.DataObject, number: int, skip: int) -> None:
        operation = self._pick(number)
        action = data.draw(st.sampled_from(sorted(ACTIONS)))
        if operation is not None:
            self._trap(getattr(self.client, signal), action, operation, skip)

    def _trap(self, signal: Any, action: str, operation: Operation, skip: int = 0) -> None:
        trap = _Trap(self, action, operation, skip)
        self.keep.append(trap)
        signal.connect(trap.spring)

    @precondition(lambda self: self.isClientAlive)
    @rule(chance=st.integers(0, 9))
    def deleteClient(self, chance: int) -> None:
        if not chance:
            shiboken6.delete(self.client)
            self.world.turn()

    @rule(seconds=st.sampled_from([0.02, 0.06, 0.3, 1.1, 6.0]))
    def wait(self, seconds: float) -> None:
        self.world.advance(seconds)

    def change(self, action: str) -> None:
        client = self.client
        if client is None or not isValid(client):
            return
        if action in ("tls", "plain"):
            client.setTls(action == "tls")
            client.setTlsConfiguration(SslConfiguration.forClient([pki().ca.certificate]))
        elif action == "timeout":
            client.setTimeout(500)
        elif action == "overall":
            client.setOverallTimeout(700)
        elif action == "none":
            client.setTimeout(0)
            client.setOverallTimeout(0)
        else:
            ca = pki().ca if action == "trust" else pki().otherCa
            client.setTlsConfiguration(SslConfiguration.forClient([ca.certificate]))

    # ------------------------------------------------------------------------- invariants

    @invariant()
    def nothingIsWrong(self) -> None:
        with self.judging():
            self.world.check()
            for operation in self.operations:
                operation.check()

    def _finish(self) -> None:
        for wire in self.relay.wires:
            wire.stalled, wire.piece = False, 1 << 16
        # A connection in plain text to a peer that says nothing, through a proxy that says nothing: without a
        # time-out of the client's that may take for ever, as documented.
        for peer in self.foreign:
            if peer.kind in ("silent", "garbage", "http"):
                peer.close()
        self.world.outlast()
        self.nothingIsWrong()
        self._everythingArrived()
        client = self.client
        for operation in self.operations:
            operation.checkFinal(clientLives=self.isClientAlive)
        if client is not None and isValid(client):
            assert not client._running, "operations are kept for ever"
            ended = sum(operation.counts.total() for operation in self.operations)
            deleted = sum(operation.isDeleted for operation in self.operations)
            told = self.told["connected"] + self.told["failed"]
            assert ended - deleted <= told <= ended + deleted, f"{ended} have ended, {told} were told: {self.told}"

    def _everythingArrived(self) -> None:
        """Where both ends still stand, each has what the other one has said, and so have the foreign ones."""
        ends = [talker for talker in self.talkers if talker.stands]
        for client in ends:
            for peer in ends:
                if (client.role, peer.role) != ("client", "accepted"):
                    continue
                if self.relay.clientOf(peer.peerPort) != client.localPort:
                    continue
                for one, other in ((client, peer), (peer, client)):
                    assert one.got == other.said, f"the {one.role} has {len(one.got)} bytes of {len(other.said)}"
        for peer in self.foreign:
            heard = bytes(peer.received) if peer.established else b""
            told = [talker.said for talker in self.talkers if talker.role == "client"]
            assert not heard or any(each.startswith(heard) for each in told), f"a foreign server got {heard!r}"

    def _letGo(self) -> None:
        for operation in self.operations:
            connection = operation.operation.connection() if operation.isAlive else None
            if connection is not None and isValid(connection):
                shiboken6.delete(connection)
            if operation.isAlive:
                shiboken6.delete(operation.operation)
            shiboken6.delete(operation.cancellable)
        for thing in (self.client, self.server):
            if thing is not None and isValid(thing):
                shiboken6.delete(thing)
        for peer in self.foreign:
            peer.close()
        for listener, _ in self._listeners:
            listener.close()
        self.relay.close()
        self.client = self.server = None
        self.talkers.clear()
        self.operations.clear()
        self.keep.clear()


def _cancel(machine: ClientMachine, target: Operation) -> None:
    if target.isAlive:
        target.isCancelled = True
        target.operation.cancel()


def _cancelBoth(machine: ClientMachine, target: Operation) -> None:
    target.isCancelled = True
    if isValid(target.cancellable):
        target.cancellable.cancel()


def _delete(machine: ClientMachine, target: Operation) -> None:
    if target.isAlive:
        target.isDeleted = True
        shiboken6.delete(target.operation)


def _deleteLater(machine: ClientMachine, target: Operation) -> None:
    if target.isAlive:
        target.isDeleted = True
        target.operation.deleteLater()


def _deleteClient(machine: ClientMachine, target: Operation) -> None:
    if machine.client is not None and isValid(machine.client):
        shiboken6.delete(machine.client)


def _closeConnection(machine: ClientMachine, target: Operation) -> None:
    connection = target.operation.connection() if target.isAlive else None
    if connection is not None and isValid(connection):
        connection.close()


def _deleteConnection(machine: ClientMachine, target: Operation) -> None:
    connection = target.operation.connection() if target.isAlive else None
    if connection is not None and isValid(connection):
        shiboken6.delete(connection)


def _wait(machine: ClientMachine, target: Operation) -> None:
    if target.isAlive:
        target.operation.waitForFinished(1)


def _another(machine: ClientMachine, target: Operation) -> None:
    machine.connect("127.0.0.1", machine.relay.port)


ACTIONS: dict[str, Callable[[ClientMachine, Operation], None]] = {
    "cancel": _cancel,
    "cancelBoth": _cancelBoth,
    "delete": _delete,
    "deleteLater": _deleteLater,
    "deleteClient": _deleteClient,
    "closeConnection": _closeConnection,
    "deleteConnection": _deleteConnection,
    "wait": _wait,
    "another": _another,
    "nestedLoop": lambda machine, target: machine.world.turn(),
    "raise": lambda machine, target: machine.world.raiseDeliberately(),
    "settings": lambda machine, target: machine.change("plain"),
}


class _Trap:
    """A slot that does something once, after having let some emissions pass."""

    def __init__(self, machine: ClientMachine, action: str, target: Operation, skip: int) -> None:
        self._machine = machine
        self._action = action
        self._target = target
        self._skip = skip

    def spring(self, *arguments: object) -> None:
        self._skip -= 1
        if self._skip < 0 and self._action:
            action, self._action = self._action, ""
            ACTIONS[action](self._machine, self._target)
