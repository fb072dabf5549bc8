"""Items 15 to 21 in live associations; more about the values themselves in tests/net/values."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from qtsecure import TlsOptions
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.semantics.godot.support import Pair, Result, Status

KINDS = ("ok", "wrong name", "expired", "both")


def expected(options: str, kind: str) -> Status:
    """What Godot documents: the chain counts where authorities are given, the name for client() only."""
    badName, badChain = kind in ("wrong name", "both"), kind in ("expired", "both")
    if options == "client":
        if badChain:
            return Status.Error
        return Status.ErrorHostnameMismatch if badName else Status.Connected
    return Status.Error if badChain and options == "clientUnsafe with authorities" else Status.Connected


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", ["client", "clientUnsafe with authorities", "clientUnsafe"])
def test_godot_15_matrix_of_associations(pair: Pair, options: str, kind: str) -> None:
    """Every way to verify against every kind of certificate."""
    now = datetime.now(timezone.utc)
    names = ["wrong.example"] if kind in ("wrong name", "both") else ["localhost"]
    ages = {"notBefore": now - timedelta(9), "notAfter": now - timedelta(1)} if kind in ("expired", "both") else {}
    pair.serve(pair.pki.ca.issue(names, **ages))
    made = {
        "client": lambda: TlsOptions.client(pair.pki.ca.certificate),
        "clientUnsafe with authorities": lambda: TlsOptions.clientUnsafe(pair.pki.ca.certificate),
        "clientUnsafe": TlsOptions.clientUnsafe,
    }
    assert pair.begin("localhost", made[options]()) is Result.Ok
    assert pair.outcome() is expected(options, kind)
    assert pair.taken[-1].serverName() == "localhost"  # Godot's unsafe client does not tell it


def test_godot_16_override_wins(pair: Pair) -> None:
    """In both directions."""
    pair.serve()
    ca = pair.pki.ca.certificate
    assert pair.begin("another.example", TlsOptions.client(ca, "localhost")) is Result.Ok
    assert pair.outcome() is Status.Connected
    assert pair.client.peerVerifyName() == "localhost"
    pair.client.disconnectFromPeer()
    pair.begin("localhost", TlsOptions.client(ca, "another.example"))
    assert pair.outcome() is Status.ErrorHostnameMismatch


def test_godot_16_override_of_the_configuration(pair: Pair) -> None:
    """It is not lost where options are given as a configuration; an explicit name is more explicit."""
    pair.listen()
    pair.client.setSslConfiguration(TlsOptions.client(pair.pki.ca.certificate, "another.example"))
    pair.client.connectToHost("127.0.0.1", pair.server.serverPort())
    assert pair.outcome() is Status.ErrorHostnameMismatch
    pair.client.connectToHost("127.0.0.1", pair.server.serverPort(), "localhost")
    assert pair.outcome() is Status.Connected


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "[::1]"])
def test_godot_17_addresses(pair: Pair, address: str) -> None:
    """A subjectAltName of the kind iPAddress; text in a dNSName is none."""
    pair.serve(pair.pki.ca.issue([address.strip("[]")]))
    pair.begin(address)
    assert pair.outcome() is Status.Connected
    pair.client.disconnectFromPeer()
    pair.begin("127.0.0.2")
    assert pair.outcome() is Status.ErrorHostnameMismatch


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("a.example.com", True),
        ("A.EXAMPLE.COM", True),
        ("example.com", False),
        ("a.b.example.com", False),
        ("aexample.com", False),
    ],
)
def test_godot_18_wildcards(pair: Pair, name: str, fits: bool) -> None:
    """One whole label on the left (RFC 9525 section 6.3)."""
    pair.serve(pair.pki.ca.issue(["*.example.com"]))
    pair.begin(name)
    assert pair.outcome() is (Status.Connected if fits else Status.ErrorHostnameMismatch)


def test_godot_20_common_name_alone_is_refused(pair: Pair) -> None:
    """Godot takes it; RFC 9525 section 6.3 does not."""
    pair.serve(pair.pki.ca.issue([], commonName="localhost"))
    pair.begin()
    assert pair.outcome() is Status.ErrorHostnameMismatch


def test_godot_21_mismatched_pair_is_refused_at_once(qtsecure_pki: PublicKeyInfrastructure) -> None:
    """Not when the first client comes."""
    with pytest.raises(Exception, match="belong"):
        TlsOptions.server(qtsecure_pki.client.privateKey, list(qtsecure_pki.server.chain))
