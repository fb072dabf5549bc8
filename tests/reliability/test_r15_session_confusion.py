"""R15: a session of one peer or configuration resumes no other connection; and virtual hosts with client certificates.

OpenSSL resumes in every one of these cases. Each is tried in two ways: the session is offered
outright, and it lies in the cache that sockets look into. With virtual hosts it is stolen: its scope
claims that it belongs to the other host, which is what a hostile client does.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA256

from qtsecure.engine.configuration import TlsConfiguration, VerifyMode
from qtsecure.engine.host_names import normalize_host_name
from qtsecure.engine.pins import Pins
from qtsecure.engine.protocols import ProtocolVersion
from qtsecure.engine.sessions import Session, scope_of
from qtsecure.engine.tls_stream import TlsStream
from qtsecure.engine.trust import TrustAnchors
from qtsecure.errors import SecureError
from qtsecure.net.session_cache import SessionCache
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.engine.dtls.support import Network
from tests.engine.hosts import ANY_VERSION, AnyVersion, Visit, of_version
from tests.engine.support import (
    Pair,
    Recorder,
    client_configuration,
    credentials,
    make_certificate,
    server_configuration,
)
from tests.figures import Figure

pytestmark = pytest.mark.figure("R15")

Pki = PublicKeyInfrastructure
Change = Callable[[Pki], dict[str, Any]]


@dataclass(frozen=True)
class Confusion:
    """The session comes from ``first``, and must not be resumed by ``second``.

    Attributes:
        first: What is special about the client of the first connection.
        second: What is special about the client of the second.
        first_server: The server of the first connection.
        second_server: The server of the second connection.
        name: Whom the second connection asks for.
        place: Where the second connection goes to.
        streams_only: There is nothing like it with DTLS.
        same_server: The second connection finds the server of the first: another one resumes nothing anyway.
        forged: The session claims to fit the second connection, as if the scope had been forgotten.
    """

    first: Change = field(default=lambda pki: {})
    second: Change = field(default=lambda pki: {})
    first_server: Change = field(default=lambda pki: {})
    second_server: Change = field(default=lambda pki: {})
    name: str = "localhost"
    place: str = "here:1"
    forged: bool = False
    same_server: bool = False
    streams_only: bool = False


def mode(value: VerifyMode) -> Change:
    return lambda pki: {"verify_mode": value}


def own(which: str) -> Change:
    return lambda pki: {"credentials": credentials(getattr(pki, which))}


def trusting(*which: str) -> Change:
    return lambda pki: {"trust": TrustAnchors(tuple(getattr(pki, each).certificate for each in which), "given")}


def set_to(**fields: Any) -> Change:
    return lambda pki: fields


def demanding(pki: Pki) -> dict[str, Any]:
    return {
        "verify_mode": VerifyMode.PEER,
        "certificate_required": True,
        "trust": TrustAnchors.of([pki.ca.certificate]),
    }


def expired(pki: Pki) -> dict[str, Any]:
    now = dt.datetime.now(dt.timezone.utc)
    certificate = make_certificate(pki.ca, not_before=now - dt.timedelta(days=9), not_after=now - dt.timedelta(days=1))
    return {"credentials": credentials(certificate)}


def of_another_host(pki: Pki) -> dict[str, Any]:
    return {"credentials": credentials(make_certificate(pki.ca, ["other.example"]))}


CONFUSIONS = {
    "another name": Confusion(name="other.example"),
    "a name for an address": Confusion(name="127.0.0.1"),
    "another port": Confusion(place="here:2"),
    "another host": Confusion(place="there:1"),
    "nothing was verified": Confusion(first=mode(VerifyMode.NONE)),
    "errors would only be reported": Confusion(first=mode(VerifyMode.QUERY)),
    "less is verified now": Confusion(second=mode(VerifyMode.NONE)),
    "an authority more": Confusion(second=trusting("ca", "otherCa")),
    "an authority less": Confusion(first=trusting("ca", "otherCa")),
    "another authority": Confusion(second=trusting("otherCa")),
    "no authority any more": Confusion(second=trusting()),
    "a smaller depth": Confusion(second=set_to(verify_depth=1)),
    "with a client certificate": Confusion(second=own("client")),
    "without the client certificate": Confusion(first=own("client")),
    "another client certificate": Confusion(first=own("client"), second=own("clientUnknownCa")),
    "other application protocols": Confusion(second=set_to(alpn_protocols=(b"h2",))),
    "no application protocols": Confusion(
        first=set_to(alpn_protocols=(b"h2",)), first_server=set_to(alpn_protocols=(b"h2",))
    ),
    "pre-shared keys": Confusion(second=set_to(psk_enabled=True)),
    "pre-shared keys before": Confusion(first=set_to(psk_enabled=True)),
    "a pinned certificate": Confusion(second=lambda pki: {"pins": Pins(frozenset({b"x" * 32}))}),
    "another pinned certificate": Confusion(
        first=lambda pki: {"pins": Pins(frozenset({pki.server.certificate.fingerprint(SHA256())}))},
        second=lambda pki: {"pins": Pins(frozenset({pki.viaIntermediate.certificate.fingerprint(SHA256())}))},
    ),
    "revocation lists": Confusion(second=set_to(crls=(b"",))),
    "names are not checked": Confusion(second=set_to(verify_host_name=False)),
    "names were not checked": Confusion(first=set_to(verify_host_name=False)),
    "more versions": Confusion(
        second=set_to(minimum_version=ProtocolVersion.TLS_1_2, maximum_version=ProtocolVersion.TLS_1_3),
        streams_only=True,
    ),
    "other groups": Confusion(second=set_to(groups=("X25519",))),
    "other suites": Confusion(
        second=set_to(tls12_ciphers=("ECDHE-ECDSA-AES256-GCM-SHA384",), tls13_suites=("TLS_AES_256_GCM_SHA384",))
    ),
    "interrupting": Confusion(second=set_to(interrupt_on_error=True)),
    "no name sent": Confusion(second=set_to(server_name_indication=False)),
    "tickets off": Confusion(second=set_to(session_tickets_enabled=False)),
    "an expired certificate was ignored": Confusion(first_server=expired, same_server=True),
    "another host's certificate was ignored": Confusion(first_server=of_another_host, same_server=True),
    "an unknown authority was ignored": Confusion(first_server=own("selfSigned"), same_server=True),
    "an expired certificate, forged": Confusion(first_server=expired, forged=True, same_server=True),
    "another host's certificate, forged": Confusion(first_server=of_another_host, forged=True, same_server=True),
    "a virtual host that demands certificates": Confusion(second_server=demanding),
    "a virtual host that demands certificates, with one": Confusion(
        first=own("client"), second=own("client"), second_server=demanding
    ),
    "a virtual host that demanded certificates": Confusion(
        first=own("client"), second=own("client"), first_server=demanding
    ),
    "a virtual host that still demands certificates": Confusion(
        first=own("client"), second=own("client"), first_server=demanding, second_server=demanding
    ),
    "a virtual host that asks for certificates": Confusion(second_server=mode(VerifyMode.QUERY)),
    "another virtual host": Confusion(second_server=set_to(alpn_protocols=(b"x",))),
    "another certificate of the server": Confusion(second_server=own("viaIntermediate")),
}


class Trial:
    """One confusion in one version."""

    def __init__(self, pki: Pki, version: AnyVersion, confusion: Confusion) -> None:
        self.confusion = confusion
        self.datagrams = version == "dtls"
        client = of_version(client_configuration([pki.ca.certificate]), version)
        server = of_version(server_configuration(pki.server), version)
        self.first = replace(client, **confusion.first(pki))
        self.second = replace(client, **confusion.second(pki))
        self.first_server = replace(server, **confusion.first_server(pki))
        changed = replace(server, **confusion.second_server(pki))
        self.second_server = self.first_server if confusion.same_server else changed

    def session(self) -> Session | None:
        """What the first connection leaves."""
        pair = self._pair(self.first, self.first_server, "localhost", "here:1", None)
        assert pair.client.completed, pair.client.events
        assert pair.server.completed, pair.server.events
        pair.say(b"ticket", from_server=True)
        client = self._stream(pair.client)
        session: Session | None = client.session()
        if self.confusion.forged:
            assert session is None
            assert client._pipe is not None
            return Session.of(client._pipe.connection, self.scope, client.peer_certificates())
        return session

    def _stream(self, end: Any) -> TlsStream:
        stream: TlsStream = end.association._session if self.datagrams else end.stream
        return stream

    @property
    def scope(self) -> Any:
        return scope_of(self.second, normalize_host_name(self.confusion.name), self.confusion.place)

    def resumes(self, session: Session | None) -> bool:
        """Whether application data could flow on a second connection that has resumed."""
        try:
            pair = self._pair(self.second, self.second_server, self.confusion.name, self.confusion.place, session)
        except SecureError:
            return False
        reused = any(self._stream(end).session_reused() for end in (pair.client, pair.server))
        return reused and bool(pair.client.completed or pair.server.completed)

    def _pair(
        self, client: TlsConfiguration, server: TlsConfiguration, name: str, place: str, session: Session | None
    ) -> Any:
        kind: Any = Network if self.datagrams else Pair
        return kind(
            client,
            server,
            name=name,
            place=place,
            session=session,
            client_answer="accept" if session is None else "reject",
            client_decisions=Recorder(continues=session is None),
            server_decisions=Recorder(),
        ).handshake()


def wrong_resumptions(pki: Pki, version: AnyVersion, confusion: Confusion) -> int:
    """In how many of the two ways the session is resumed."""
    trial = Trial(pki, version, confusion)
    session = trial.session()
    outright = trial.resumes(session) if session is not None else False
    cache = SessionCache()
    if session is not None:
        cache.put(session)
    found = cache.take(trial.scope)
    return outright + (trial.resumes(found) if found is not None else False)


HOSTS: dict[str, Change] = {
    "open": lambda pki: {},
    "demanding": demanding,
    "demanding, another authority": lambda pki: {
        "verify_mode": VerifyMode.PEER,
        "trust": TrustAnchors.of([pki.otherCa.certificate]),
    },
    "asking": mode(VerifyMode.QUERY),
    "another protocol": set_to(alpn_protocols=(b"x",)),
    "another group": set_to(groups=("P-256",)),
    "another certificate": own("viaIntermediate"),
    "keys": set_to(psk_enabled=True),
    "no tickets": set_to(session_tickets_enabled=False),
}
"""What is special about virtual hosts; between any two of them no session may cross."""


def wrong_crossings(pki: Pki, version: AnyVersion) -> tuple[list[str], int]:
    """Between which two hosts a stolen session is resumed, and how many pairs were tried."""
    base = server_configuration(pki.ca.issue(["a.example", "b.example"]))
    hosts = {what: replace(base, **change(pki)) for what, change in HOSTS.items()}
    client = client_configuration([pki.ca.certificate], credentials=credentials(pki.client))
    wrong = []
    sessions = tried = 0
    for first, one in hosts.items():
        visit = Visit(version, client, {"a.example": one}, name="a.example", server_answer="accept").run()
        session = visit.session() if visit.completed else None
        if session is None:
            continue
        sessions += 1
        stolen = replace(session, scope=replace(session.scope, name="b.example"))
        for second, other in hosts.items():
            table = {"a.example": one, "b.example": other}
            again = Visit(version, client, table, name="b.example", session=stolen).run()
            tried += second != first
            if second != first and again.server.session_reused():
                wrong.append(f"{first} -> {second} ({version})")
    assert sessions >= 4  # else the figure could not be another
    return wrong, tried


@pytest.mark.parametrize("version", ANY_VERSION)
def test_r15_a_session_comes_back_to_its_virtual_host(qtsecure_pki: Pki, version: AnyVersion) -> None:
    """The same host under the same name resumes; so the figure below could be another."""
    table = {"a.example": server_configuration(qtsecure_pki.ca.issue(["a.example"]))}
    client = client_configuration([qtsecure_pki.ca.certificate])
    session = Visit(version, client, table, name="a.example").run().session()
    assert session is not None
    assert Visit(version, client, table, name="a.example", session=session).run().server.session_reused()


@pytest.mark.parametrize("version", ANY_VERSION)
def test_r15_the_right_session_is_resumed(qtsecure_pki: Pki, version: AnyVersion) -> None:
    """Without any confusion, in both ways; so the figure below could be another."""
    assert wrong_resumptions(qtsecure_pki, version, Confusion()) == 2


@pytest.mark.parametrize("version", ANY_VERSION)
def test_r15_session_confusion(qtsecure_pki: Pki, version: AnyVersion, figure: Figure) -> None:
    """No wrong resumption in any of the combinations, nor between virtual hosts."""
    confusions = {what: each for what, each in CONFUSIONS.items() if not (version == "dtls" and each.streams_only)}
    wrong = [what for what, confusion in confusions.items() if wrong_resumptions(qtsecure_pki, version, confusion)]
    crossings, tried = wrong_crossings(qtsecure_pki, version)
    figure.none("wrong resumptions", len(wrong), len(confusions), version)
    figure.none("sessions resumed by another virtual host", len(crossings), tried, version)
    assert len(confusions) >= 24
    assert wrong == []
    assert crossings == []
