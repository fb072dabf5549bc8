"""R9, R10: somebody who cannot see a DTLS association but knows its addresses sends forged datagrams."""

from __future__ import annotations

import functools
import gc
import random
from collections.abc import Callable, Iterable, Sequence

import pytest

from qtsecure.engine.dtls import wire
from qtsecure.engine.dtls.wire import (
    ALERT,
    APPLICATION_DATA,
    CHANGE_CIPHER_SPEC,
    HANDSHAKE,
    HandshakeType,
    fragment,
    hello_verify_request,
    plain_record,
)
from qtsecure.testing.datagram_link import DatagramLink, LinkedDatagram
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.engine.dtls.support import IDENTITY, KEY, Network, dtls_client, dtls_server, psk_client, psk_server
from tests.engine.support import Recorder, credentials
from tests.figures import Figure
from tests.reliability.high_water import HighWater

_T = HandshakeType
DEADLINE, MANY_DEADLINE = 10.0, 30.0
ONE_FORGERY = "complete with one forged datagram"


def handshake(kind: int, body: bytes, number: int, record: int = 3, *, length: int | None = None) -> bytes:
    """A record with one handshake fragment."""
    whole = len(body) if length is None else length
    return plain_record(HANDSHAKE, record, fragment(kind, whole, number, 0, body))


def client_hello() -> bytes:
    """A hello of somebody else."""
    suites = b"\xc0\x2b\xc0\x2c"
    body = b"\xfe\xfd" + bytes(32) + b"\0" + b"\0" + len(suites).to_bytes(2, "big") + suites + b"\1\0\0\0"
    return handshake(_T.CLIENT_HELLO, body, 0, 0)


FORGERIES: dict[str, bytes] = {
    "fatal alert": plain_record(ALERT, 99, b"\2\x28"),
    "fatal alert in sequence": plain_record(ALERT, 1, b"\2\x50"),
    "close_notify": plain_record(ALERT, 99, b"\1\0"),
    "change of keys": plain_record(CHANGE_CIPHER_SPEC, 98, b"\1"),
    "application data": plain_record(APPLICATION_DATA, 97, b"evil"),
    "hello request": handshake(_T.HELLO_REQUEST, b"", 0, 96),
    "server hello that is too short": handshake(_T.SERVER_HELLO, bytes(4), 0, 5),
    "server hello of zeros": handshake(_T.SERVER_HELLO, bytes(70), 1, 2),
    "server hello of zeros, first message": handshake(_T.SERVER_HELLO, bytes(70), 0, 2),
    "server hello done": handshake(_T.SERVER_HELLO_DONE, b"", 1),
    "server hello done, later": handshake(_T.SERVER_HELLO_DONE, b"", 3),
    "huge certificate": handshake(_T.CERTIFICATE, bytes(4), 1, 6, length=0xFFFFFF),
    "certificate fragment": handshake(_T.CERTIFICATE, bytes(40), 2, 4, length=0x200),
    "unknown message": handshake(0x63, bytes(4), 0, 6),
    "huge record number": handshake(_T.CERTIFICATE, bytes(4), 9, 1 << 40),
    "client hello": client_hello(),
    "client key exchange": handshake(_T.CLIENT_KEY_EXCHANGE, b"\x20" + bytes(32), 2),
    "empty client certificate": handshake(_T.CERTIFICATE, b"\0\0\0", 2),
    "hello verify request": hello_verify_request(b"EVIL" * 5, bytes(6)),
    "hello verify request with another number": hello_verify_request(b"EVIL" * 5, b"\0\0\0\0\0\1"),
    "encrypted junk": b"\x16\xfe\xfd\0\1" + bytes(6) + b"\0\x28" + bytes(40),
    "malformed": b"\x16\xfe\xfd\0\0" + bytes(6) + b"\xff\xff" + bytes(40),
}


class Attacker:
    """Sends something just before the datagram with this number from the victim's peer arrives."""

    def __init__(self, link: DatagramLink, victim: str, moment: int, forged: Iterable[bytes]) -> None:
        self.link = link
        self.victim = victim
        self.moment = moment
        self.forged = list(forged)
        self.happened = False
        link.tamper = self._tamper

    def _tamper(self, datagram: LinkedDatagram) -> list[bytes]:
        if datagram.to == self.victim and datagram.number == self.moment:
            self.happened = True
            for data in self.forged:
                self.link.inject(self.victim, data)
        return [datagram.data]


class Corrupter:
    """Changes the cookie of the first HelloVerifyRequest."""

    def __init__(self, link: DatagramLink) -> None:
        self.done = False
        link.tamper = self._tamper

    def _tamper(self, datagram: LinkedDatagram) -> list[bytes]:
        data = datagram.data
        if not self.done and datagram.sender == "server":
            self.done = True
            data = data[:-1] + bytes((data[-1] ^ 1,))
        return [data]


def networks(pki: PublicKeyInfrastructure) -> dict[str, Callable[[DatagramLink], Network]]:
    """The kinds of handshake to disturb."""
    keys = {
        "client_decisions": Recorder(client_key=(IDENTITY, KEY)),
        "server_decisions": Recorder(server_keys={IDENTITY: KEY}),
    }
    trusting = dtls_client([pki.ca.certificate])
    with_certificate = dtls_client([pki.ca.certificate], credentials=credentials(pki.client))
    resumable = dtls_server(pki.server)
    earlier = Network(trusting, resumable).established().client.association
    assert earlier is not None
    return {
        "certificate": functools.partial(Network, trusting, dtls_server(pki.server)),
        "no cookies": functools.partial(Network, trusting, dtls_server(pki.server), cookies=False),
        "client certificate": functools.partial(
            Network, with_certificate, dtls_server(pki.server, clients=[pki.ca.certificate])
        ),
        "key": functools.partial(Network, psk_client(), psk_server(), **keys),
        "resumption": functools.partial(Network, trusting, resumable, session=earlier.session()),
    }


def alive(network: Network) -> bool:
    """Whether both ends are complete and understand each other."""
    if not all(end.completed for end in network.ends):
        return False
    return network.say(b"ping") == [b"ping"] and network.say(b"pong", from_server=True) == [b"pong"]


@pytest.mark.figure("R9")
@pytest.mark.parametrize("kind", ["certificate", "no cookies", "client certificate", "key", "resumption"])
def test_forged_datagrams_in_the_handshake(qtsecure_pki: PublicKeyInfrastructure, figure: Figure, kind: str) -> None:
    """One forged datagram never costs the handshake, at whatever moment it comes, on either side."""
    make = networks(qtsecure_pki)[kind]
    failures = []
    times = []
    for name, forged in FORGERIES.items():
        for victim in ("client", "server"):
            for moment in range(3):
                link = DatagramLink()
                network = make(link)
                attacker = Attacker(link, victim, moment, [forged])
                network.handshake(DEADLINE)
                network.run(0)
                if not attacker.happened:
                    continue  # short handshakes have fewer datagrams
                if alive(network):
                    times.append(network.client.completed_at - 1000)
                else:
                    failures.append((name, victim, moment, network.client.events, network.server.events))
    total = len(times) + len(failures)
    figure.atLeast(ONE_FORGERY, 100 * len(times) / total, 99, "%", of=total, variant=kind)
    figure.atMost("slowest of them", max(times), DEADLINE, "s", variant=kind)
    assert failures == []
    assert total >= len(FORGERIES) * 4


def versions(kind: int, numbers: Iterable[int], count: int, *, size: int = 70) -> list[bytes]:
    """So many messages of a kind that contradict each other, for each of these numbers."""
    return [
        handshake(kind, bytes((version,)) * size, number, 100 + version)
        for number in numbers
        for version in range(count)
    ]


LARGE = [
    b"".join(versions(_T.CERTIFICATE, (number,), 4, size=16_000)) for number in (2, 3, 4)
]  # as much as is kept, in three datagrams
GROUPS: dict[str, tuple[str, list[bytes]]] = {
    "two versions of what could follow, at a client": ("client", versions(_T.NEW_SESSION_TICKET, range(1, 8), 2)),
    "two versions of what could follow, at a server": ("server", versions(_T.CERTIFICATE_VERIFY, range(1, 8), 2)),
    "as many versions as are kept, of the first message": ("client", versions(_T.SERVER_HELLO, (0, 1), 4)),
    "as many versions as are kept, at a client": ("client", versions(_T.CERTIFICATE, (1, 2), 4)),
    "as many versions as are kept, at a server": ("server", versions(_T.CLIENT_KEY_EXCHANGE, range(1, 5), 4)),
    "as many bytes as are kept, at a client": ("client", LARGE),
    "as many bytes as are kept, at a server": ("server", LARGE),
    "a whole flight, again and again": (
        "client",
        [
            handshake(_T.SERVER_HELLO, bytes(70), number, 1 << 40)
            + handshake(_T.SERVER_HELLO_DONE, b"", number + 1, 1 << 41)
            for number in (0, 1)
        ]
        * 20,
    ),
    "many copies of what cannot come, at a client": ("client", versions(_T.SERVER_HELLO, (2, 3, 4), 1) * 20),
    "many copies of what cannot come, at a server": ("server", versions(_T.CERTIFICATE_VERIFY, (1, 2, 3), 1) * 20),
}


@pytest.mark.parametrize("size", [300, 1200])
@pytest.mark.parametrize("name", GROUPS)
def test_sec_c11_a_few_forged_datagrams_stop_no_handshake(
    qtsecure_pki: PublicKeyInfrastructure, name: str, size: int
) -> None:
    """Those that come together: nothing that is kept, or waited for, keeps the genuine messages out for ever."""
    victim, forged = GROUPS[name]
    for kind, make in networks(qtsecure_pki).items():
        for moment in range(5):
            link = DatagramLink()
            network = make(link, mtu=size)
            attacker = Attacker(link, victim, moment, forged)
            network.handshake(DEADLINE)
            network.run(0)
            assert alive(network) or not attacker.happened, (kind, moment, network.client.events, network.server.events)
            assert network.link.now < 1001, (kind, moment)


@pytest.mark.parametrize("size", [300, 1200])
@pytest.mark.parametrize("victim", ["client", "server"])
def test_sec_c11_forged_new_keys_are_not_looked_at_before_a_hello(
    qtsecure_pki: PublicKeyInfrastructure, victim: str, size: int
) -> None:
    """A change of keys, with something encrypted behind it, comes before and between the datagrams of each flight."""
    forged = FORGERIES["change of keys"] + FORGERIES["encrypted junk"]
    for kind, make in networks(qtsecure_pki).items():
        link = DatagramLink(
            tamper=lambda datagram: [forged, datagram.data] if datagram.to == victim else [datagram.data]
        )
        network = make(link, mtu=size).handshake(DEADLINE)
        network.run(0)
        assert alive(network), (kind, network.client.events, network.server.events)
        assert network.link.now < 1000.1, kind


@pytest.mark.parametrize("moment", range(3))
def test_sec_c11_forged_cookies_within_a_flight(qtsecure_pki: PublicKeyInfrastructure, moment: int) -> None:
    """A client takes a forged cookie to a server that wants none, which goes on repeating its flight all the same."""

    def tamper(datagram: LinkedDatagram) -> list[bytes]:
        reached = (datagram.sender, datagram.number) == ("server", moment)
        return [*[FORGERIES["hello verify request"]] * (2 * reached), datagram.data]

    network = networks(qtsecure_pki)["no cookies"](DatagramLink(tamper=tamper), mtu=300).handshake(DEADLINE)
    network.run(0)
    assert alive(network), (network.client.events, network.server.events)
    assert network.link.now < 1002


@pytest.mark.figure("R9")
def test_corrupted_hello_verify_request(qtsecure_pki: PublicKeyInfrastructure, figure: Figure) -> None:
    """A damaged cookie does not stick."""
    complete = 0
    for kind in ("certificate", "key"):
        link = DatagramLink()
        corrupter = Corrupter(link)
        network = networks(qtsecure_pki)[kind](link).handshake(DEADLINE)
        complete += alive(network)
        assert corrupter.done
    figure.atLeast(ONE_FORGERY, 100 * complete / 2, 99, "%", of=2, variant="damaged cookie")


@pytest.mark.figure("R9")
def test_many_forged_datagrams_in_the_handshake(qtsecure_pki: PublicKeyInfrastructure, figure: Figure) -> None:
    """Two to four random forgeries, at random moments, on a network that also loses datagrams."""
    good, slowest, failed = 0, 0.0, []
    makers = networks(qtsecure_pki)
    for _ in range(figure.size(60, 1000)):
        seed = figure.chance.getrandbits(32)
        chance = random.Random(seed)
        link = DatagramLink(seed=seed, loss=0.05)
        network = makers[chance.choice(sorted(makers))](link)
        forged = chance.choices(sorted(FORGERIES.values()), k=chance.randrange(2, 5))
        attacker = Attacker(link, chance.choice(("client", "server")), chance.randrange(3), forged)
        network.handshake(MANY_DEADLINE)
        if not attacker.happened:
            continue
        if all(end.completed for end in network.ends):
            good += 1
            slowest = max(slowest, network.link.now - 1000)
        else:
            failed.append(seed)
    total = good + len(failed)
    figure.atLeast("complete with several forgeries and 5 % loss", 100 * good / total, 99, "%", of=total)
    figure.atMost("slowest of those", slowest, MANY_DEADLINE, "s")
    assert len(failed) <= total / 100


# ---------------------------------------------------------------------------------- established


def forgeries_of(record: bytes, handshake: Sequence[bytes], chance: random.Random) -> Callable[[], bytes]:
    """An endless supply of replays, mutations and inventions."""
    kinds = sorted(FORGERIES.values())

    def mutated() -> bytes:
        data = bytearray(chance.choice((record, chance.choice(handshake))))
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        return bytes(data)

    def encrypted() -> bytes:
        size = chance.randrange(80)
        header = bytes((chance.choice((20, 21, 22, 23)), 0xFE, 0xFD, 0, 1)) + chance.randrange(1 << 40).to_bytes(
            6, "big"
        )
        return header + size.to_bytes(2, "big") + chance.randbytes(size)

    choices: tuple[Callable[[], bytes], ...] = (
        mutated,
        encrypted,
        lambda: record,
        lambda: chance.choice(handshake),
        lambda: record[: chance.randrange(len(record))],
        lambda: chance.randbytes(chance.randrange(100)),
        lambda: chance.choice(kinds),
        lambda: record + chance.choice(kinds),
    )
    return lambda: chance.choice(choices)()


def flood_established(pki: PublicKeyInfrastructure, chance: random.Random, count: int) -> tuple[int, int, int]:
    """Send so many forgeries to each side; returns events, foreign messages and growth in bytes."""
    recorded: list[bytes] = []

    def record(datagram: LinkedDatagram) -> list[bytes]:
        recorded.append(datagram.data)
        return [datagram.data]

    link = DatagramLink()
    link.tamper = record
    network = networks(pki)["certificate"](link).established()
    handshake = recorded.copy()
    assert alive(network)
    network.link.tamper = None
    before = [len(end.events) for end in network.ends]
    messages = [len(end.messages) for end in network.ends]
    make = forgeries_of(recorded[len(handshake)], handshake, chance)
    deliver = (network.client.association.receive, network.server.association.receive)
    for _ in range(1000):  # caches and tables have grown by then
        deliver[0](make(), 1.0)
        deliver[1](make(), 1.0)
    gc.collect()
    memory = HighWater()
    for _ in range(count):
        datagram = make()
        for receive in deliver:
            receive(datagram, 1.0)
    grown = memory.growth()
    network.run(0)
    for end in network.ends:
        end.settle(network.link.now)
        assert len(end.association.take_outgoing()) <= 0
    events = sum(len(end.events) - known for end, known in zip(network.ends, before, strict=True))
    foreign = sum(len(end.messages) - known for end, known in zip(network.ends, messages, strict=True))
    assert alive(network)
    return events, foreign, grown


@pytest.mark.figure("R10")
@pytest.mark.timeout(300)
def test_forged_datagrams_afterwards(qtsecure_pki: PublicKeyInfrastructure, figure: Figure) -> None:
    """Nothing forged, replayed or mutated reaches the program or ends the association."""
    count = figure.size(10_000, 50_000)
    events, foreign, grown = flood_established(qtsecure_pki, figure.chance, count)
    figure.none("alerts, ends and other events", events, 2 * count)
    figure.none("foreign messages", foreign, 2 * count)
    figure.atMost("growth of memory", grown / 1024, 1024, "KiB")


def test_the_forgeries_are_what_they_claim() -> None:
    """All but the last are well-formed records."""
    for name, forged in FORGERIES.items():
        if name == "malformed":
            with pytest.raises(wire.MalformedDatagram):
                wire.split_records_untrusted(forged)
        else:
            assert wire.split_records_untrusted(forged)
    assert len(FORGERIES) >= 16
