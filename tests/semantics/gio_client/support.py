"""A client with its record, a resolver that knows what it is told, and addresses that refuse or say nothing."""

from __future__ import annotations

import socket as native
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TypeVar
from uuid import uuid4

from PySide6.QtCore import QObject
from PySide6.QtNetwork import QAbstractSocket, QHostAddress
from shiboken6 import isValid

from qtsecure import (
    ClientEvent,
    ConnectOperation,
    InetAddress,
    NameResolver,
    ProxyAddress,
    SecureError,
    ServiceRecord,
    SocketClient,
    SocketConnectable,
    SslConfiguration,
    SslServer,
    SslSocket,
    UnixAddress,
)
from qtsecure.net.event_loop.scheduler import Deadline, schedulerOfThisThread
from qtsecure.net.socket_client.enumeration import AddressEnumerator, Destination, LookupPlan
from qtsecure.net.socket_client.resolver import AddressesFound, Lookup, ServicesFound
from qtsecure.testing import PublicKeyInfrastructure
from qtsecure.testing.pki import IssuedCertificate
from tests.net.conversation import settle, spin
from tests.ports import ReservedPorts

Layer = QAbstractSocket.NetworkLayerProtocol
Code = SecureError.Code
FAST, SLOW = 25, 100
"""Less and more than the resolution delay, in ms."""
_Self = TypeVar("_Self", bound="SilentAddress")


class FakeLookup(Lookup):
    """An answer that comes after a delay of the scheduler's clock."""

    def __init__(self, resolver: FakeResolver, delay: int, give: Callable[[], None]) -> None:
        self._resolver = resolver
        self._give: Callable[[], None] | None = give
        self._deadline: Deadline | None = None
        resolver.pending += 1
        if delay:
            self._deadline = schedulerOfThisThread().callLater(delay, self._over)
        else:
            schedulerOfThisThread().defer(self._over)

    def abort(self) -> None:
        if self._give is not None:
            self._resolver.pending -= 1
            self._resolver.aborted += 1
        self._give = None

    def _over(self) -> None:
        give, self._give = self._give, None
        if give is not None:
            self._resolver.pending -= 1
            give()


class FakeResolver(NameResolver):
    """Answers from tables; what is in none of them does not exist.

    Attributes:
        addresses: Of each name.
        services: The records of each service, or an error.
        ports: The services database.
        delays: Of each family, in ms.
        errors: Instead of an answer for a family.
        asked: Every question.
        pending: How many have no answer yet.
        aborted: How many will have none.
    """

    def __init__(self) -> None:
        self.addresses: dict[str, list[str]] = {}
        self.services: dict[str, list[ServiceRecord] | SecureError] = {}
        self.ports: dict[str, int] = {}
        self.delays = {Layer.IPv4Protocol: 0, Layer.IPv6Protocol: 0}
        self.errors: dict[Layer, SecureError] = {}
        self.asked: list[str] = []
        self.pending = 0
        self.aborted = 0

    def lookUpAddresses(
        self, host: str, family: QAbstractSocket.NetworkLayerProtocol, finished: AddressesFound
    ) -> Lookup:
        self.asked.append(f"{host} {family.name}")
        answer: Sequence[QHostAddress] | SecureError = [
            address for address in map(QHostAddress, self.addresses.get(host, [])) if address.protocol() == family
        ]
        if host not in self.addresses:
            answer = SecureError(Code.HostNotFound, f"The host {host!r} was not found.")
        answer = self.errors.get(family, answer)
        return FakeLookup(self, self.delays[family], lambda: finished(answer))

    def lookUpService(self, recordName: str, finished: ServicesFound) -> Lookup:
        self.asked.append(recordName)
        answer = self.services.get(recordName, SecureError(Code.HostNotFound, "There is no such record."))
        return FakeLookup(self, 0, lambda: finished(answer))

    def servicePort(self, service: str, protocol: str) -> int | None:
        return self.ports.get(service)


class Enumeration:
    """Asks an enumerator for everything, again and again.

    Args:
        connectable: Whose addresses.
        resolver: Who knows them.
        pause: How many ms pass between an answer and the next question.
    """

    def __init__(
        self,
        connectable: SocketConnectable,
        resolver: NameResolver,
        *,
        pause: int = 0,
        plan: LookupPlan | None = None,
    ) -> None:
        self.answers: list[str] = []
        self.errors: list[SecureError] = []
        self.ended = False
        self._pause = pause
        self.enumerator: AddressEnumerator = connectable.enumerate(plan or LookupPlan(resolver))

    def start(self) -> Enumeration:
        self.enumerator.next(self._answered)
        return self

    def _answered(self, what: Destination | SecureError | None) -> None:
        if isinstance(what, SecureError):
            self.errors.append(what)
        elif what is not None:
            assert not isinstance(what, UnixAddress)
            self.answers.append(what.address().toString())
            schedulerOfThisThread().callLater(self._pause, self._ask)
            return
        assert not self.ended
        self.ended = True

    def _ask(self) -> None:
        self.enumerator.next(self._answered)


class Story:
    """A client without proxies, its events as text, and the servers that the test needs."""

    def __init__(self, pki: PublicKeyInfrastructure) -> None:
        self.pki = pki
        self._ports = ReservedPorts()
        self.resolver = FakeResolver()
        self.client = SocketClient()
        self.client.setEnableProxy(False)
        self.client.setResolver(self.resolver)
        self.client.setTlsConfiguration(SslConfiguration.forClient([pki.ca.certificate]))
        self.events: list[str] = []
        self.results: list[SslSocket | SecureError] = []
        self.connections: list[SslSocket] = []
        self.client.clientEvent.connect(self._note)
        self.client.connected.connect(self.results.append)
        self.client.failed.connect(self.results.append)
        self.servers: list[SslServer] = []

    def _note(self, event: ClientEvent, connectable: SocketConnectable, connection: SslSocket | None) -> None:
        where = ""
        if connection is not None:
            self.connections.append(connection)
            remote = connection.remoteAddress()
            if isinstance(remote, (InetAddress, ProxyAddress)):
                where = " " + remote.address().toString()
            elif isinstance(remote, UnixAddress):
                where = " local"
        self.events.append(event.name + where)

    def freePort(self, *hosts: str) -> int:
        """A port on which nobody listens at 127.0.0.1 and these addresses, until the test does."""
        return self._ports.take(*dict.fromkeys(("127.0.0.1", *hosts)))

    def server(self, host: str = "127.0.0.1", port: int = 0, identity: IssuedCertificate | None = None) -> SslServer:
        """A TLS server; None of its connections is read, and nobody else listens at its port of either family."""
        port = port or self.freePort("::1", host)
        identity = identity or self.pki.server
        server = SslServer()
        server.setSslConfiguration(SslConfiguration.forServer(list(identity.chain), identity.privateKey))
        server.setHandshakeTimeout(0)  # the clock of the tests is its clock, too
        server.setMaxPendingConnections(1000)  # nobody fetches them
        assert server.listen(host, port), server.errorString()
        self.servers.append(server)
        return server

    def success(self, operation: ConnectOperation) -> SslSocket:
        """The connection that comes out."""
        spin(operation.isFinished)
        settle()
        assert operation.error() is None, operation.error()
        connection = operation.connection()
        assert connection is not None
        return connection

    def failure(self, operation: ConnectOperation) -> SecureError:
        """The error that comes out."""
        spin(operation.isFinished)
        settle()
        assert operation.connection() is None
        error = operation.error()
        assert error is not None
        return error

    def close(self) -> None:
        for result in self.results:
            if isinstance(result, SslSocket) and isValid(result):
                result.abort()
        self.results.clear()
        self.connections.clear()
        objects: list[QObject] = [*self.servers, self.client]
        for obj in objects:
            if isValid(obj):
                obj.deleteLater()
        settle()
        self._ports.close()


class SilentAddress:
    """A port whose queue is full: the kernel drops the first packet of every further client, so none is answered."""

    def __init__(self, host: str, port: int = 0) -> None:
        family = native.AF_INET6 if ":" in host else native.AF_INET
        self._listener = native.socket(family)
        # Neither connections that an earlier server had at this port nor who keeps it for the test are in the way.
        self._listener.setsockopt(native.SOL_SOCKET, native.SO_REUSEADDR, 1)
        self._listener.bind((host, port))
        self._listener.listen(0)
        self.port: int = self._listener.getsockname()[1]
        self._fillers = []
        for _ in range(4):
            filler = native.socket(family)
            filler.setblocking(False)
            filler.connect_ex((host, self.port))
            self._fillers.append(filler)

    def answer(self) -> None:
        """Take the clients that wait, so that there is room for those that were not heard."""
        self._listener.listen(16)
        for _ in range(2):
            self._fillers.append(self._listener.accept()[0])

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for each in (*self._fillers, self._listener):
            each.close()


def uniqueName() -> str:
    """For a local server: neither a worker beside this one nor one that was killed has it."""
    return f"qtsecure-{uuid4().hex}"
