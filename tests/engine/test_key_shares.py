"""Key shares: two for a server that nobody knows, one for a server that has agreed on the best group."""

from __future__ import annotations

import subprocess
import sys

import pytest

from qtsecure.engine import key_shares
from qtsecure.engine.configuration import TlsConfiguration
from qtsecure.engine.supported import is_group_supported
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.engine.support import Pair, client_configuration, records, server_configuration

pytestmark = pytest.mark.skipif(not is_group_supported("X25519MLKEM768"), reason="OpenSSL is older than 3.5")

_HYBRID, _X25519 = 0x11EC, 0x001D
_SUPPORTED_GROUPS, _KEY_SHARE = 10, 51
_PLACE = "server.test:443"


def hellos(pair: Pair) -> list[dict[int, bytes]]:
    """The extensions of each hello that the client has sent, by type."""
    found = []
    for record in records(bytes(pair.client.sent)):
        if record[0] != 22 or record[5] != 1:
            continue
        rest = record[5 + 4 + 2 + 32 :]
        rest = rest[1 + rest[0] :]  # session identifier
        rest = rest[2 + int.from_bytes(rest[:2], "big") :]  # suites
        rest = rest[1 + rest[0] + 2 :]  # compression, and the length of what follows
        extensions = {}
        while rest:
            kind, size = int.from_bytes(rest[:2], "big"), int.from_bytes(rest[2:4], "big")
            extensions[kind] = rest[4 : 4 + size]
            rest = rest[4 + size :]
        found.append(extensions)
    return found


def shares(hello: dict[int, bytes]) -> list[int]:
    """The groups that a hello has key shares of."""
    rest = hello[_KEY_SHARE][2:]
    groups = []
    while rest:
        groups.append(int.from_bytes(rest[:2], "big"))
        rest = rest[4 + int.from_bytes(rest[2:4], "big") :]
    return groups


class Clients:
    """Connections of one client to servers of its choice, at one place."""

    def __init__(self, pki: PublicKeyInfrastructure, client: TlsConfiguration | None = None) -> None:
        self.pki = pki
        self.client = client or client_configuration([pki.ca.certificate])

    def connect(self, *groups: str, place: str = _PLACE) -> list[dict[int, bytes]]:
        """The hellos of a connection, which must succeed, to a server that has these groups."""
        pair = Pair(self.client, server_configuration(self.pki.server, groups=groups), place=place).established()
        assert pair.say(b"question") == b"question"
        return hellos(pair)


def test_first_hello_has_both_shares(pki: PublicKeyInfrastructure, engine_path: str) -> None:
    """Nothing is known of the server, which may know the old group only."""
    [hello] = Clients(pki).connect()
    assert shares(hello) == [_HYBRID, _X25519]


def test_next_hello_has_the_share_that_was_used(pki: PublicKeyInfrastructure, engine_path: str) -> None:
    """The same groups are offered; what is saved is the share of the second."""
    clients = Clients(pki)
    [first] = clients.connect()
    [second] = clients.connect()
    assert shares(second) == [_HYBRID]
    assert second[_SUPPORTED_GROUPS] == first[_SUPPORTED_GROUPS]
    assert shares(clients.connect()[0]) == [_HYBRID]


def test_weaker_group_is_never_predicted(pki: PublicKeyInfrastructure) -> None:
    """A server that has chosen X25519 gets both shares again, so it can change to the better group at no cost."""
    clients = Clients(pki)
    clients.connect("X25519")
    [hello] = clients.connect("X25519")
    assert shares(hello) == [_HYBRID, _X25519]
    assert len(clients.connect()) == 1


def test_server_that_has_changed_asks_once(pki: PublicKeyInfrastructure, engine_path: str) -> None:
    """It asks for another share (HelloRetryRequest), and the connection after it has both again."""
    clients = Clients(pki)
    clients.connect()
    first, second = clients.connect("X25519")
    assert (shares(first), shares(second)) == ([_HYBRID], [_X25519])
    [hello] = clients.connect("X25519")
    assert shares(hello) == [_HYBRID, _X25519]


def test_failure_is_forgotten_too(pki: PublicKeyInfrastructure) -> None:
    """Whatever has failed, the hello may have been the reason: the next one is as if nothing was known."""
    clients = Clients(pki)
    clients.connect()
    pair = Pair(clients.client, server_configuration(pki.server), place=_PLACE).start()
    assert shares(hellos(pair)[0] if pair.client.take() else {}) == [_HYBRID]
    pair.client.stream.receive_end()
    assert shares(clients.connect()[0]) == [_HYBRID, _X25519]


def test_loss_after_the_handshake_is_no_failure_of_it(pki: PublicKeyInfrastructure) -> None:
    """A connection that is cut later says nothing about the hello."""
    clients = Clients(pki)
    pair = Pair(clients.client, server_configuration(pki.server), place=_PLACE).established()
    pair.client.stream.receive_end()
    pair.client.settle()
    assert shares(clients.connect()[0]) == [_HYBRID]


def test_places_are_apart(pki: PublicKeyInfrastructure) -> None:
    """What is known of one server is not believed of another, nor of one that has no place."""
    clients = Clients(pki)
    clients.connect()
    clients.connect(place="")
    for place in ("server.test:444", "other.test:443", ""):
        [hello] = clients.connect(place=place)
        assert shares(hello) == [_HYBRID, _X25519], place


def test_groups_of_the_program_are_obeyed(pki: PublicKeyInfrastructure) -> None:
    """Whoever names groups gets these, also where the default would be predicted."""
    Clients(pki).connect()
    own = Clients(pki, client_configuration([pki.ca.certificate], groups=("X25519", "X25519MLKEM768")))
    [hello] = own.connect("X25519")
    assert shares(hello) == [_X25519]
    assert hello[_SUPPORTED_GROUPS] == bytes.fromhex("0004 001d 11ec")


def test_other_versions_teach_nothing(pki: PublicKeyInfrastructure) -> None:
    """A connection of TLS 1.2 knows no key shares, and what it has agreed on does not count."""
    clients = Clients(pki)
    clients.connect()
    older = client_configuration([pki.ca.certificate], "1.2")
    Pair(older, server_configuration(pki.server, groups=("X25519",)), place=_PLACE).established()
    assert shares(clients.connect()[0]) == [_HYBRID]


def test_resumption_has_one_share(pki: PublicKeyInfrastructure) -> None:
    """A resumed handshake exchanges keys as well."""
    client, server = client_configuration([pki.ca.certificate]), server_configuration(pki.server)
    first = Pair(client, server, place=_PLACE).established()
    first.say(b"ticket", from_server=True)
    again = Pair(client, server, place=_PLACE, session=first.client.stream.session()).established()
    assert again.server.stream.session_reused()
    assert shares(hellos(again)[0]) == [_HYBRID]


def test_places_are_bounded(pki: PublicKeyInfrastructure) -> None:
    """A client of ever new servers forgets the oldest."""
    Clients(pki).connect()
    for number in range(key_shares._MAX_PLACES):
        key_shares.learn_key_share(TlsConfiguration(), f"host{number}:443", "X25519MLKEM768")
    assert len(key_shares._agreed) == key_shares._MAX_PLACES
    assert shares(Clients(pki).connect()[0]) == [_HYBRID, _X25519]


def test_settings_of_openssl_are_left_alone(pki: PublicKeyInfrastructure) -> None:
    """A file that OPENSSL_CONF names may limit the groups, so nothing is changed about them."""
    program = "from qtsecure.engine import _openssl; print(_openssl._SSL_set1_curves_list)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"OPENSSL_CONF": "/dev/null"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "None\n", done.stderr
