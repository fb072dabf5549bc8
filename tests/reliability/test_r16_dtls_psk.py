"""R16, DTLS: which pairs of pre-shared keys and settings lead to an association, and what the others are told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from qtsecure.engine.ciphers import DEFAULT_TLS12_CIPHERS, PSK_TLS12_CIPHERS
from qtsecure.engine.configuration import VerifyMode
from qtsecure.engine.events import FailureKind, PeerClosed
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.engine.dtls.support import IDENTITY, KEY, Network, dtls_client, dtls_server, psk_client, psk_server
from tests.engine.support import Recorder
from tests.figures import Figure

pytestmark = pytest.mark.figure("R16")

ALL_CIPHERS = PSK_TLS12_CIPHERS + DEFAULT_TLS12_CIPHERS


@dataclass
class Case:
    """One pair of ends.

    Attributes:
        title: What it is about.
        client_key: What the client's program answers.
        server_keys: Whom the server's program knows.
        good: Whether an association with the key is the result.
        client_says: What must be in the client's error.
        alert: The alert that the client sees or sends.
        server: "key", "certificate", or "both".
        client: "key", "verify" (a key, and the server's certificate is verified).
    """

    title: str
    client_key: tuple[bytes, bytes] | None = (IDENTITY, KEY)
    server_keys: dict[bytes, bytes] = field(default_factory=lambda: {IDENTITY: KEY})
    good: bool = False
    client_says: str = ""
    alert: int | None = None
    server: str = "key"
    client: str = "key"


LONG = bytes(range(256)) * 2
CASES = [
    Case("right key", good=True),
    Case("key of one byte", (IDENTITY, b"k"), {IDENTITY: b"k"}, good=True),
    Case("key of 512 bytes", (IDENTITY, LONG), {IDENTITY: LONG}, good=True),
    Case("identity of 255 bytes", (b"i" * 255, KEY), {b"i" * 255: KEY}, good=True),
    Case("identity that is no UTF-8", (b"\xff\xfe", KEY), {b"\xff\xfe": KEY}, good=True),
    Case("another of two clients", (b"b", LONG), {b"a": KEY, b"b": LONG}, good=True),
    Case("wrong key", (IDENTITY, b"x" * 32), client_says="keys differ", alert=20),
    Case("key cut short", (IDENTITY, KEY[:-1]), client_says="keys differ", alert=20),
    Case("unknown identity", (b"stranger", KEY), client_says="identity", alert=115),
    Case("identity in other letters", (IDENTITY.upper(), KEY), client_says="identity", alert=115),
    Case("server knows nobody", server_keys={}, client_says="identity", alert=115),
    Case("no key at all", None),
    Case("empty identity", (b"", KEY), {b"": KEY}),
    Case("empty key", (IDENTITY, b""), {IDENTITY: b""}),
    Case("empty key at the server", server_keys={IDENTITY: b""}, client_says="identity", alert=115),
    Case("identity with NUL", (b"some\0body", KEY), {b"some": KEY}),
    Case("identity of 256 bytes", (b"i" * 256, KEY), {b"i" * 256: KEY}),
    Case("key of 513 bytes", (IDENTITY, LONG + b"x"), {IDENTITY: LONG + b"x"}),
    Case("server with certificate only", server="certificate", client="any"),
    Case("server prefers its certificate", server="both", client="any"),
    Case("server with certificate only, verified", server="certificate", client="verify", good=True),
    Case("key of 16 bytes", (IDENTITY, KEY[:16]), {IDENTITY: KEY[:16]}, good=True),
    Case("key of 511 bytes", (IDENTITY, LONG[1:]), {IDENTITY: LONG[1:]}, good=True),
    Case("identity of one byte", (b"i", KEY), {b"i": KEY}, good=True),
    Case("identity of spaces and colons", (b" a:b ", KEY), {b" a:b ": KEY}, good=True),
    Case("server with both, verified", server="both", client="verify", good=True),
    Case("zero before the key", (IDENTITY, b"\0" + KEY[:-1]), client_says="keys differ", alert=20),
    Case("zero behind the key", (IDENTITY, KEY + b"\0"), client_says="keys differ", alert=20),
    Case("key of somebody else", (b"a", LONG), {b"a": KEY, b"b": LONG}, client_says="keys differ", alert=20),
    Case("identity with a space behind", (IDENTITY + b" ", KEY), client_says="identity", alert=115),
    # It misses the certificate before it proves that it has the key, and says so.
    Case("wrong key, verifying client", (IDENTITY, b"x" * 32), client="verify", client_says="certificate", alert=40),
]


def network_of(case: Case, pki: PublicKeyInfrastructure) -> Network:
    """The two ends."""
    server: dict[str, Any] = {"psk_enabled": case.server != "certificate"}
    if case.server == "key":
        ours = psk_server()
    else:
        # Certificates first, so that a server with both takes its certificate.
        ours = dtls_server(pki.server, tls12_ciphers=DEFAULT_TLS12_CIPHERS + PSK_TLS12_CIPHERS, **server)
    if case.client == "key":
        theirs = psk_client()
    elif case.client == "any":
        theirs = psk_client(tls12_ciphers=ALL_CIPHERS)
    else:
        theirs = dtls_client(
            [pki.ca.certificate], psk_enabled=True, verify_mode=VerifyMode.PEER, tls12_ciphers=ALL_CIPHERS
        )
    return Network(
        theirs,
        ours,
        client_decisions=Recorder(client_key=case.client_key),
        server_decisions=Recorder(server_keys=case.server_keys),
    )


COMPLETE, WRONG_PROOF = "complete", "the wrong kind of proof"
DOWNGRADES = (COMPLETE, WRONG_PROOF)


def verdict(case: Case, pki: PublicKeyInfrastructure) -> str:
    """What is wrong with the outcome, or nothing."""
    network = network_of(case, pki).handshake(30)
    client, server = network.ends
    assert client.association is not None
    if case.good:
        if not (client.completed and server.completed):
            return f"not complete: {client.events} {server.events}"
        if client.association.psk_used() != (case.server == "key"):
            return WRONG_PROOF
        return "" if network.say(b"ping") == [b"ping"] else "no data"
    if client.completed:
        return COMPLETE
    if client.failure is None:
        return f"silence: {client.events} {server.events}"
    text = client.failure.message
    if case.client_says not in text:
        return text
    if KEY.hex() in repr(client.events) + repr(server.events):
        return "the key was told"
    if case.server != "key":
        if client.failure.kind is not FailureKind.PSK_NOT_USED:
            return f"not a downgrade: {text}"
        network.run(1)
        if server.events[-1:] != [PeerClosed()]:
            return f"the server was not told: {server.events}"
    if case.alert is not None and client.failure.alert != case.alert:
        return f"alert {client.failure.alert}"
    return ""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title.replace(" ", "-"))
def test_pair(qtsecure_pki: PublicKeyInfrastructure, case: Case) -> None:
    """Each row of the table."""
    assert verdict(case, qtsecure_pki) == ""


def test_matrix(qtsecure_pki: PublicKeyInfrastructure, figure: Figure) -> None:
    """The figure for all of them."""
    found = [each for case in CASES if (each := verdict(case, qtsecure_pki))]
    figure.none("deviations from the table", len(found), len(CASES), "DTLS 1.2")
    figure.none("silent downgrades", sum(each in DOWNGRADES for each in found), len(CASES), "DTLS 1.2")
    assert len(CASES) >= 30
