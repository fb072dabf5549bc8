"""What the machines of TLS and DTLS have in common: a server, its clients, and traps in the slots of all of them."""

from __future__ import annotations

import functools
from typing import Any, ClassVar

import shiboken6
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule
from PySide6.QtNetwork import QSslSocket
from shiboken6 import isValid

from qtsecure.net.questions.certificate_request import CertificateRequest
from qtsecure.net.values import PreSharedKeyAuthenticator, SslConfiguration
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.fuzz.machines.machine import Machine
from tests.fuzz.machines.participant import Participant

__all__ = ["PSK_CIPHER", "PSK_SIGNAL", "SERVER_ACTIONS", "ServingMachine", "numbers", "pki"]

SERVER_ACTIONS = (
    "pauseAccepting",
    "resumeAccepting",
    "close",
    "fetch",
    "raise",
    "nestedLoop",
    "lowLimits",
    "highLimits",
)
PSK_CIPHER = "ECDHE-PSK-CHACHA20-POLY1305"
PSK_SIGNAL = "preSharedKeyAuthenticationRequired"

numbers = st.integers(0, 5)


@functools.cache
def pki() -> PublicKeyInfrastructure:
    """One for all examples: keys take time."""
    return PublicKeyInfrastructure()


def _clientKey(authenticator: PreSharedKeyAuthenticator) -> None:
    authenticator.setIdentity(b"somebody")
    authenticator.setPreSharedKey(bytes(range(32)))


def _serverKey(socket: object, authenticator: PreSharedKeyAuthenticator) -> None:
    authenticator.setPreSharedKey(bytes(range(32)))


class ServingMachine(Machine):
    """One server, clients that come and go, and a relay between them.

    Attributes:
        ends: The sockets or peers, those of clients and those of the server.
        relay: The network.
        server: An SslServer or DtlsServer, None before its time and after it.
        mutual: Whether the server demands certificates.
        interrupting: Whether errors interrupt the handshake.
        psk: Whether there are pre-shared keys.
    """

    MOST_CLIENTS: ClassVar[int]
    relay: Any

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[Any] = []
        self.server: Any = None
        self.mutual = self.interrupting = self.psk = False

    def serve(self, server: Any, *, handshaking: int, pending: int, traced: bool) -> None:
        """Let a server listen, with these limits."""
        self.server = server
        self.world.track("server", server)
        server.setSslConfiguration(self.configuration("accepted"))
        server.setMaxHandshakingConnections(handshaking)
        server.setMaxPendingConnections(pending)
        server.setHandshakeTraceEnabled(traced)
        server.acceptCertificate.connect(self._noteRequest)
        if self.psk:
            server.preSharedKeyAuthenticationRequired.connect(_serverKey)
        self._listen()

    def _listen(self) -> None:
        assert self.server.listen("127.0.0.1", 0), self.server.errorString()
        self.relay.target = self.server.serverPort()

    def configuration(self, role: str, *, trusting: bool = True) -> SslConfiguration:
        """For a client, or for what a server has accepted."""
        identities = pki()
        if role == "client":
            ca = identities.ca if trusting else identities.otherCa
            configuration = SslConfiguration.forClient([ca.certificate])
            if self.mutual:
                configuration.setLocalCertificateChain(list(identities.client.chain))
                configuration.setPrivateKey(identities.client.privateKey)
        else:
            configuration = SslConfiguration.forServer(list(identities.server.chain), identities.server.privateKey)
            if self.mutual:
                configuration.setCaCertificates([identities.ca.certificate])
                configuration.setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyPeer)
        configuration.setHandshakeMustInterruptOnError(self.interrupting)
        if self.psk:
            configuration.setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyNone)
        return configuration

    # ---------------------------------------------------------------------------- helpers

    @property
    def isServerAlive(self) -> bool:
        return self.server is not None and isValid(self.server)

    def endOf(self, socket: object) -> Any:
        """The end with this socket or peer, if there is one."""
        return next((end for end in self.ends if end.socket is socket), None)

    def encryptedEnds(self) -> list[Any]:
        return [end for end in self.ends if end.isEncrypted]

    def pick(self, number: int) -> Any:
        """An end that is alive, if there is one."""
        ends = [end for end in self.ends if end.isAlive]
        return ends[number % len(ends)] if ends else None

    def newClient(self, *, trusting: bool = True, defer: bool = False, port: int = 0) -> Any:
        """A client that connects, through the relay unless there is a port; None where there are enough."""
        if sum(end.isAlive for end in self.ends if end.role == "client") >= self.MOST_CLIENTS:
            return None
        end = self._makeClient()
        self.world.track("client", end.socket)
        end.socket.setSslConfiguration(self.configuration("client", trusting=trusting))
        self.ends.append(end)
        if self.psk:
            end.socket.preSharedKeyAuthenticationRequired.connect(_clientKey)
        if defer:
            end.socket.acceptCertificate.connect(end.defer)
        end.connectTo(port or self.relay.port)
        return end

    def _makeClient(self) -> Participant:
        raise NotImplementedError

    def _noteRequest(self, socket: object, request: CertificateRequest) -> None:
        end = self.endOf(socket)
        if end is not None:
            end.defer(request)

    def trapEnd(self, end: Any, signal: str, *actions: str) -> None:
        """The next emissions of a signal find a slot that does something."""
        trap = _Trap(end, [action for action in actions if action])
        self.keep.append(trap)
        getattr(end.socket, signal).connect(trap.spring)

    def trapServer(self, signal: str, action: str) -> None:
        """The same for a signal of the server."""
        if self.isServerAlive:
            trap = _ServerTrap(self, action)
            self.keep.append(trap)
            getattr(self.server, signal).connect(trap.spring)

    def serverAction(self, action: str) -> None:
        """What a program may do with its server at any time."""
        if not self.isServerAlive:
            return
        server = self.server
        if action == "raise":
            self.world.raiseDeliberately()
        elif action == "nestedLoop":
            self.world.turn()
        elif action == "close":
            self._closeServer()
        elif action == "fetch":
            server.nextPendingConnection()
        elif action in ("lowLimits", "highLimits"):
            self._setLimits(1 if action == "lowLimits" else 20)
        elif action == "listen":
            if not server.isListening():
                self._listen()
        else:
            getattr(server, action)()

    def _closeServer(self) -> None:
        raise NotImplementedError

    def _setLimits(self, limit: int) -> None:
        self.server.setMaxHandshakingConnections(limit)
        self.server.setMaxPendingConnections(limit)

    def _deleteServer(self) -> None:
        for end in self.ends:
            if end.role == "accepted" and end.isAlive:
                end.dropping()
        shiboken6.delete(self.server)

    # ------------------------------------------------------------------------------ rules

    @rule(action=st.sampled_from([*SERVER_ACTIONS[:2], "fetch", "fetch", "lowLimits", "highLimits", "close", "listen"]))
    def serverActs(self, action: str) -> None:
        self.serverAction(action)
        self.world.turn()

    @precondition(lambda self: self.isServerAlive)
    @rule(chance=st.integers(0, 9))
    def deleteServer(self, chance: int) -> None:
        """Seldom, because nothing much happens afterwards."""
        if not chance:
            self._deleteServer()
            self.world.turn()

    # ------------------------------------------------------------------------- invariants

    @invariant()
    def nothingIsWrong(self) -> None:
        with self.judging():
            self.world.check()
            for end in self.ends:
                end.check()
            self._checkNetwork()

    def _checkNetwork(self) -> None:
        """What has to be true of the rest of the world."""

    @invariant()
    def statisticsAddUp(self) -> None:
        if self.isServerAlive:
            with self.judging():
                counts = self.server.statistics()
                assert counts.accepted == counts.handshaking + counts.encrypted + counts.failed, counts
                assert counts.pending <= counts.encrypted, counts
                self._checkStatistics(counts)

    def _checkStatistics(self, counts: Any) -> None:
        """What only this kind of server counts."""
        raise NotImplementedError

    def _finish(self) -> None:
        """After every deadline each connection has come to its end."""
        self.world.outlast()
        self.nothingIsWrong()
        self.statisticsAddUp()
        for end in self.ends:
            end.checkFinal()
            end.read()
        if self.isServerAlive:
            assert self.server.statistics().handshaking == 0, "a handshake is stuck"
        self.world.check()

    def _letGo(self) -> None:
        for end in self.ends:
            if end.isAlive:
                end.dropping()
                shiboken6.delete(end.socket)
            end.requests.clear()
        if self.isServerAlive:
            self._deleteServer()
        self.relay.close()
        self.server = None
        self.ends.clear()
        self.keep.clear()


class _Trap:
    """A slot that does something the first times."""

    def __init__(self, end: Participant, actions: list[str]) -> None:
        self._end = end
        self._actions = actions

    def spring(self, *arguments: object) -> None:
        if self._actions:
            self._end.act(self._actions.pop(0))


class _ServerTrap:
    """The same for the server's signals; with an action for ends it is done to the one that it is about."""

    def __init__(self, machine: ServingMachine, action: str) -> None:
        self._machine = machine
        self._action = action

    def spring(self, *arguments: object) -> None:
        action, self._action = self._action, ""
        if action in SERVER_ACTIONS:
            self._machine.serverAction(action)
        elif action and arguments:
            end = self._machine.endOf(arguments[0])
            if end is not None:
                end.act(action)
