"""DtlsServer and DtlsPeer among weather, forgers and slots of every kind."""

from __future__ import annotations

import random
import socket as native
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from qtsecure.net.dtls_peer import DtlsPeer
from qtsecure.net.servers.dtls_server import DtlsServer
from qtsecure.net.values import SslConfiguration
from tests.fuzz import materials
from tests.fuzz.machines.datagrams import DatagramRelay, Weather
from tests.fuzz.machines.peers import ACTIONS, SIGNALS, Peer
from tests.fuzz.machines.serving import PSK_CIPHER, PSK_SIGNAL, SERVER_ACTIONS, ServingMachine, numbers
from tests.fuzz.machines.wires import block
from tests.fuzz.machines.world import World

__all__ = ["DtlsMachine"]

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
_DISCARD = 9


class DtlsMachine(ServingMachine):
    """Programs, forgers and the weather."""

    MOST_CLIENTS = 5

    def __init__(self) -> None:
        super().__init__()
        self._deaf: list[native.socket] = []
        self._keys: dict[int, Peer] = {}
        self._partners: dict[tuple[int, str], int] = {}
        self.relay = DatagramRelay()
        self.world = World(self.relay.pump)

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
        self.mutual, self.interrupting, self.psk = mutual, interrupting, psk
        self.relay.chance = random.Random(seed)
        server = DtlsServer()
        server.setCookieVerificationEnabled(cookies)
        server.newConnection.connect(self._adopt)
        self.serve(server, handshaking=handshaking, pending=pending, traced=traced)

    def configuration(self, role: str, *, trusting: bool = True) -> SslConfiguration:
        configuration = super().configuration(role, trusting=trusting)
        if self.psk:
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
        if not self.isServerAlive:
            return
        server: DtlsServer = self.server
        counts = server.statistics()
        if counts.handshaking > server.maxHandshakingConnections():
            self.world.faults.append("more handshakes than maxHandshakingConnections()")
        if counts.pending >= server.maxPendingConnections():
            self.world.faults.append("let in although maxPendingConnections() wait")
        if 0 < server.maxConnections() < counts.live:
            self.world.faults.append("more associations than maxConnections()")
        for peer in server.findChildren(DtlsPeer):
            if isinstance(peer, DtlsPeer) and self.endOf(peer) is None:
                self.world.track("accepted", peer)
                self.ends.append(Peer(self, peer, "accepted"))

    def _makeClient(self) -> Peer:
        return Peer(self, DtlsPeer(), "client")

    def _closeServer(self) -> None:
        for end in self.ends:
            if end.role == "accepted":
                end.isProgramEnded = True  # also where the failure is just being told
        self.server.close()

    def _setLimits(self, limit: int) -> None:
        super()._setLimits(limit)
        self.server.setMaxConnections(0 if limit > 1 else 2)

    # ------------------------------------------------------------------------------ rules

    @rule(trusting=st.sampled_from([True, True, True, False]))
    def client(self, trusting: bool) -> None:
        self.newClient(trusting=trusting, defer=not trusting)
        self.world.turn()

    @rule(numbers=st.lists(numbers, min_size=1, max_size=4))
    def talk(self, numbers: list[int]) -> None:
        """A conversation, on whatever there is; of a new pair if there is nothing."""
        if not self.encryptedEnds():
            self.newClient()
            self.world.settle()
            self.serverAction("fetch")
        for number in numbers:
            ends = self.encryptedEnds()
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
        end = self.pick(number)
        if end is not None:
            self.trapEnd(end, signal, action, again)

    @rule(signal=st.sampled_from(SIGNALS), action=st.sampled_from(sorted(ACTIONS)))
    def trappedClient(self, signal: str, action: str) -> None:
        trusting = action != "ignoreSslErrors"
        end = self.newClient(trusting=trusting, defer=not trusting)
        if end is not None:
            self.trapEnd(end, signal, action)
        self.world.turn()

    @precondition(lambda self: self.psk)
    @rule(action=st.sampled_from(sorted(ACTIONS)), ofServer=st.booleans())
    def pskTrap(self, action: str, ofServer: bool) -> None:
        """A slot that is called while OpenSSL is on the stack."""
        end = self.newClient()
        if ofServer and self.isServerAlive:
            self.trapServer(PSK_SIGNAL, action)
        elif end is not None:
            self.trapEnd(end, PSK_SIGNAL, action)
        self.world.turn()

    @rule(signal=st.sampled_from(_SERVER_SIGNALS), action=st.sampled_from([*SERVER_ACTIONS, *sorted(ACTIONS)]))
    def serverTrap(self, signal: str, action: str) -> None:
        self.trapServer(signal, action)

    @rule(seconds=st.sampled_from([0.05, 0.3, 1.1, 6.0, 31.0]))
    def wait(self, seconds: float) -> None:
        self.world.advance(seconds)

    # ------------------------------------------------------------------------- invariants

    def _checkStatistics(self, counts: Any) -> None:
        assert counts.handshaking <= counts.live, counts
        assert counts.replaced <= counts.accepted, counts
        assert all(count > 0 for count in counts.dropped.values()), counts

    def _finish(self) -> None:
        weather = self.relay.weather
        self.relay.stalled, self.relay.weather = False, Weather()
        self.world.settle()
        self._everythingArrives()
        if weather.loss < 1:
            self.relay.weather = weather
        super()._finish()

    def _everythingArrives(self) -> None:
        """In good weather what one end of an association says comes to the other one."""
        for client in [end for end in self.encryptedEnds() if end.role == "client"]:
            for peer in [end for end in self.encryptedEnds() if end.role == "accepted"]:
                if not client.isEncrypted or not peer.isEncrypted or not self._areLinked(client, peer):
                    continue
                for sender, receiver in ((client, peer), (peer, client)):
                    if sender.isEncrypted:
                        message = block(sender.key, sender.number)
                        sender.write(1)
                        self.world.settle()
                        arrived = message in receiver.seen or not (sender.isEncrypted and receiver.isEncrypted)
                        assert arrived, f"a message to the {receiver.role} did not arrive"

    def _areLinked(self, client: Peer, peer: Peer) -> bool:
        return self.relay.clientOf(peer.socket.peerPort()) == client.socket.localPort()

    def _letGo(self) -> None:
        super()._letGo()
        for socket in self._deaf:
            socket.close()
        self._keys.clear()
