"""R16: pre-shared keys in TLS 1.2 and 1.3: who gets through, by what, and what the others hear."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from qtsecure.engine.ciphers import DEFAULT_TLS12_CIPHERS, PSK_TLS12_CIPHERS
from qtsecure.engine.configuration import TlsConfiguration, VerifyMode
from qtsecure.engine.events import FailureKind
from qtsecure.engine.psk import PskHash
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.engine.support import (
    VERSIONS,
    Pair,
    Recorder,
    Side,
    Version,
    client_configuration,
    server_configuration,
)
from tests.figures import Figure

pytestmark = pytest.mark.figure("R16")

KEY = bytes(range(1, 33))
OTHER = bytes(range(2, 34))
IDENTITY = b"sensor-7"
SHA384_SUITES = ("TLS_AES_256_GCM_SHA384",)
SHA256_SUITES = ("TLS_AES_128_GCM_SHA256",)
BOTH = (*PSK_TLS12_CIPHERS, *DEFAULT_TLS12_CIPHERS)
CERTIFICATES_FIRST = (*DEFAULT_TLS12_CIPHERS, *PSK_TLS12_CIPHERS)

Result = Literal["psk", "certificate", "fail"]


@dataclass(frozen=True)
class Case:
    """One row.

    Attributes:
        results: By version: how the handshake ends, and the fatal alert if there is one.
        client: The client's identity and key, None for no answer.
        keys: What the server knows.
        certificate: The server's certificate by its name in the throw-away PKI, or empty.
        verifies: Whether the client verifies certificates.
        clientFields: More for the client's configuration.
        serverFields: More for the server's configuration.
        hashes: The client's and the server's hash of the key.
        kind: The client's kind of failure where it matters.
    """

    results: Mapping[Version, tuple[Result, int | None]]
    client: tuple[bytes, bytes] | None = (IDENTITY, KEY)
    keys: Mapping[bytes, bytes] = field(default_factory=lambda: {IDENTITY: KEY})
    certificate: str = ""
    verifies: bool = False
    clientFields: Mapping[str, Any] = field(default_factory=dict)
    serverFields: Mapping[str, Any] = field(default_factory=dict)
    hashes: tuple[PskHash, PskHash] = (PskHash.SHA256, PskHash.SHA256)
    kind: FailureKind | None = None


def both(result: Result, alert: int | None = None) -> dict[Version, tuple[Result, int | None]]:
    return {"1.2": (result, alert), "1.3": (result, alert)}


def each(
    tls12: tuple[Result, int | None], tls13: tuple[Result, int | None]
) -> dict[Version, tuple[Result, int | None]]:
    return {"1.2": tls12, "1.3": tls13}


def with_identity(identity: bytes, results: dict[Version, tuple[Result, int | None]]) -> Case:
    return Case(results, (identity, KEY), {identity: KEY})


def with_key(key: bytes, results: dict[Version, tuple[Result, int | None]]) -> Case:
    return Case(results, (IDENTITY, key), {IDENTITY: key})


NOTHING_IN_COMMON: tuple[Result, int | None] = ("fail", 40)
UNKNOWN: tuple[Result, int | None] = ("fail", 115)
SHA384 = PskHash.SHA384, PskHash.SHA384

CASES: dict[str, Case] = {
    # Identities
    "plain": Case(both("psk")),
    "identity of one byte": with_identity(b"x", both("psk")),
    "identity of 127 bytes": with_identity(b"i" * 127, both("psk")),
    "identity of 255 bytes": with_identity(b"i" * 255, both("psk")),
    "identity of 256 bytes": with_identity(b"i" * 256, both("fail", 40)),
    "identity of 65000 bytes": with_identity(b"i" * 65000, both("fail", 40)),
    "identity in UTF-8": with_identity("Fühler".encode(), both("psk")),
    "identity that is no text": with_identity(bytes(range(128, 256)), both("psk")),
    "NUL inside the identity": with_identity(b"sen\0sor", each(NOTHING_IN_COMMON, ("psk", None))),
    "NUL at the end of the identity": with_identity(b"sensor\0", each(NOTHING_IN_COMMON, ("psk", None))),
    "identity is a NUL": with_identity(b"\0", each(NOTHING_IN_COMMON, ("psk", None))),
    "empty identity": with_identity(b"", both("fail", 40)),
    "what is before the NUL is another client": Case(
        each(NOTHING_IN_COMMON, NOTHING_IN_COMMON), (b"sen\0sor", KEY), {b"sen": KEY}
    ),
    "unknown identity": Case(each(UNKNOWN, NOTHING_IN_COMMON), (b"stranger", KEY)),
    "server knows nobody": Case(each(UNKNOWN, NOTHING_IN_COMMON), keys={}),
    # Keys
    "key of one byte": with_key(b"k", both("psk")),
    "key of 16 bytes": with_key(b"k" * 16, both("psk")),
    "key of 256 bytes": with_key(b"k" * 256, both("psk")),
    "key with NUL bytes": with_key(b"\0" * 32, both("psk")),
    "key of 512 bytes": with_key(b"k" * 512, both("psk")),
    "key of 513 bytes": with_key(b"k" * 513, both("fail", 40)),
    "empty keys": with_key(b"", both("fail", 40)),
    "empty key on the server": Case(each(UNKNOWN, NOTHING_IN_COMMON), keys={IDENTITY: b""}),
    "key of 513 bytes on the server": Case(each(UNKNOWN, NOTHING_IN_COMMON), keys={IDENTITY: b"k" * 513}),
    "wrong key": Case(each(("fail", 20), ("fail", 51)), keys={IDENTITY: OTHER}),
    "wrong length of the same key": Case(each(("fail", 20), ("fail", 51)), keys={IDENTITY: KEY[:-1]}),
    "key of another client": Case(each(("fail", 20), ("fail", 51)), (b"a", KEY), {b"a": OTHER, b"b": KEY}),
    "no answer, no certificate": Case(both("fail", 40), client=None),
    # Hashes
    "SHA-384 on both sides": Case(both("psk"), hashes=SHA384),
    "SHA-384, suites for it only": Case(
        both("psk"),
        hashes=SHA384,
        clientFields={"tls13_suites": SHA384_SUITES},
        serverFields={"tls13_suites": SHA384_SUITES},
    ),
    "SHA-384, client has no such suite": Case(
        each(("psk", None), ("fail", 40)), hashes=SHA384, clientFields={"tls13_suites": SHA256_SUITES}
    ),
    "SHA-384, server has no such suite": Case(
        each(("psk", None), ("fail", 40)), hashes=SHA384, serverFields={"tls13_suites": SHA256_SUITES}
    ),
    "SHA-256, suites for SHA-384 only": Case(
        each(("psk", None), ("fail", 40)),
        clientFields={"tls13_suites": SHA384_SUITES},
        serverFields={"tls13_suites": SHA384_SUITES},
    ),
    "hashes differ": Case(each(("psk", None), ("fail", 40)), hashes=(PskHash.SHA256, PskHash.SHA384)),
    "server prefers suites for SHA-384": Case(
        both("psk"), serverFields={"tls13_suites": (*SHA384_SUITES, *SHA256_SUITES)}
    ),
    "client's order of suites counts": Case(both("psk"), serverFields={"prefer_server_ciphers": False}),
    # Hints
    "hint": Case(both("psk"), serverFields={"psk_identity_hint": b"which one?"}),
    "long hint": Case(both("psk"), serverFields={"psk_identity_hint": b"h" * 255}),
    # A second hello, and what goes with any handshake
    "other group first": Case(
        both("psk"),
        clientFields={"groups": ("X25519", "P-256")},
        serverFields={"groups": ("P-256",)},
    ),
    "application protocol": Case(
        both("psk"), clientFields={"alpn_protocols": (b"h2",)}, serverFields={"alpn_protocols": (b"h2",)}
    ),
    "no group in common": Case(
        both("fail", 40),
        clientFields={"groups": ("X25519",), "tls12_ciphers": ("ECDHE-PSK-CHACHA20-POLY1305",)},
        serverFields={"groups": ("P-256",), "tls12_ciphers": ("ECDHE-PSK-CHACHA20-POLY1305",)},
    ),
    # Keys beside certificates
    "key and certificate": Case(
        both("psk"), certificate="server", clientFields={"tls12_ciphers": BOTH}, serverFields={"tls12_ciphers": BOTH}
    ),
    "key and certificate, client verifies": Case(
        # A server that uses the key shows no certificate, and nobody has said that this is fine.
        each(("fail", 40), ("fail", 116)),
        certificate="server",
        verifies=True,
        clientFields={"tls12_ciphers": BOTH},
        serverFields={"tls12_ciphers": BOTH},
        kind=FailureKind.CERTIFICATE_REJECTED,
    ),
    "verified certificate instead of an unknown key": Case(
        # Of TLS 1.2 the server chooses the key, and the client misses the certificate before it names itself.
        each(("fail", 40), ("certificate", None)),
        keys={},
        certificate="server",
        verifies=True,
        clientFields={"tls12_ciphers": BOTH},
        serverFields={"tls12_ciphers": BOTH},
    ),
    "verified certificate, server without keys": Case(
        both("certificate"),
        certificate="server",
        verifies=True,
        clientFields={"tls12_ciphers": BOTH},
        serverFields={"psk_enabled": False, "tls12_ciphers": DEFAULT_TLS12_CIPHERS},
    ),
    "wrong certificate, server without keys": Case(
        each(("fail", 42), ("fail", 42)),
        certificate="wrongHost",
        verifies=True,
        clientFields={"tls12_ciphers": BOTH},
        serverFields={"psk_enabled": False, "tls12_ciphers": DEFAULT_TLS12_CIPHERS},
        kind=FailureKind.CERTIFICATE_REJECTED,
    ),
    "downgrade: any certificate, server without keys": Case(
        each(("fail", None), ("fail", 40)),
        certificate="selfSigned",
        clientFields={"tls12_ciphers": BOTH},
        serverFields={"psk_enabled": False, "tls12_ciphers": DEFAULT_TLS12_CIPHERS},
        kind=FailureKind.PSK_NOT_USED,
    ),
    "downgrade: trusted certificate, server without keys": Case(
        each(("fail", None), ("fail", 40)),
        certificate="server",
        clientFields={"tls12_ciphers": BOTH},
        serverFields={"psk_enabled": False, "tls12_ciphers": DEFAULT_TLS12_CIPHERS},
        kind=FailureKind.PSK_NOT_USED,
    ),
    "downgrade: server prefers its certificate": Case(
        each(("fail", None), ("fail", 40)),
        keys={},
        certificate="selfSigned",
        clientFields={"tls12_ciphers": CERTIFICATES_FIRST},
        serverFields={"tls12_ciphers": CERTIFICATES_FIRST},
        kind=FailureKind.PSK_NOT_USED,
    ),
    "downgrade: hash dropped for a certificate": Case(
        each(("psk", None), ("fail", 40)),
        certificate="selfSigned",
        hashes=(PskHash.SHA256, PskHash.SHA384),
        serverFields={"tls12_ciphers": BOTH},
        kind=FailureKind.PSK_NOT_USED,
    ),
    "downgrade: query mode trusts no certificate either": Case(
        each(("fail", None), ("fail", 40)),
        certificate="selfSigned",
        clientFields={"tls12_ciphers": BOTH, "verify_mode": VerifyMode.QUERY},
        serverFields={"psk_enabled": False, "tls12_ciphers": DEFAULT_TLS12_CIPHERS},
        kind=FailureKind.PSK_NOT_USED,
    ),
    "client without keys, server without certificate": Case(
        both("fail", 40), clientFields={"psk_enabled": False, "tls12_ciphers": DEFAULT_TLS12_CIPHERS}
    ),
}


def make_pair(case: Case, version: Version, pki: PublicKeyInfrastructure) -> tuple[Pair, Recorder, Recorder]:
    fields = {"psk_enabled": True, "tls12_ciphers": PSK_TLS12_CIPHERS}
    mode = VerifyMode.PEER if case.verifies else VerifyMode.NONE
    client: TlsConfiguration = client_configuration(
        (pki.ca.certificate,), version, **{**fields, "verify_mode": mode, **case.clientFields}
    )
    certificate = getattr(pki, case.certificate) if case.certificate else None
    server = server_configuration(certificate, version, **{**fields, **case.serverFields})
    asked = (
        Recorder(client_key=case.client, psk_hash=case.hashes[0]),
        Recorder(server_keys=dict(case.keys), psk_hash=case.hashes[1]),
    )
    pair = Pair(client, server, client_decisions=asked[0], server_decisions=asked[1])
    return pair, *asked


def refuses_to_write(side: Side) -> bool:
    """Whether nothing can be written."""
    try:
        side.stream.write(b"SECRET")
    except RuntimeError:
        return True
    return False


def wrong(name: str, case: Case, version: Version, pki: PublicKeyInfrastructure) -> list[str]:
    """What is not as the row says; nothing if all is well."""
    pair, asked_client, asked_server = make_pair(case, version, pki)
    pair.handshake()
    client, server = pair.sides
    wanted, alert = case.results[version]
    used = {side.stream.psk_used() for side in pair.sides if side.completed}
    result = "fail" if not client.completed else "psk" if used == {True} else "certificate" if used == {False} else "??"
    found = []

    def check(good: bool, what: str) -> None:
        if not good:
            found.append(f"{name}, TLS {version}: {what}")

    check(result == wanted, f"ended with {result!r} instead of {wanted!r}: {client.failure} / {server.failure}")
    if wanted == "fail":
        alerts = [*client.alerts_sent, *server.alerts_sent]
        check(alerts == ([] if alert is None else [alert]), f"alerts {alerts} instead of {alert}")
        check(case.kind is None or (client.failure is not None and client.failure.kind is case.kind), "kind of failure")
        check(refuses_to_write(client), "a client without a connection can write")
    else:
        check(pair.say(b"to the server") == b"to the server", "data to the server")
        check(pair.say(b"to the client", from_server=True) == b"to the client", "data to the client")
    check(len(asked_server.of("psk_for_client")) <= 1, f"server asked {asked_server.asked}")
    hint = case.serverFields.get("psk_identity_hint")
    questions = [hint] if hint and version == "1.2" else [b""]
    check(asked_client.of("psk_for_server") in ([], questions), f"client asked {asked_client.asked}")
    for key in [*asked_client.keys_given, *asked_server.keys_given]:
        check(not any(key), "a key was left in memory")
    return found


def test_matrix(qtsecure_pki: PublicKeyInfrastructure, figure: Figure) -> None:
    """Each row in both versions: the result, the alert, each question once, and no key left in memory."""
    found = [
        line
        for name, case in CASES.items()
        for version in VERSIONS
        for line in wrong(name, case, version, qtsecure_pki)
    ]
    # Whoever is connected, and should not be, or by something else.
    downgrades = sum("ended with" in line and "ended with 'fail'" not in line for line in found)
    cases = len(CASES) * len(VERSIONS)
    figure.none("deviations from the table", len(found), cases, "TLS 1.2 and 1.3")
    figure.none("silent downgrades", downgrades, cases)
    assert len(CASES) >= 30
    assert found == []
