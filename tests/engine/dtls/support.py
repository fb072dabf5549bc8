"""Two DTLS ends on a simulated link, with a virtual clock."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

from cryptography import x509

from qtsecure.engine.ciphers import PSK_TLS12_CIPHERS
from qtsecure.engine.configuration import TlsConfiguration, VerifyMode
from qtsecure.engine.dtls import AdmittedHello, DtlsAssociation, DtlsListener, is_hello_start_untrusted
from qtsecure.engine.events import (
    CertificateProblems,
    Event,
    HandshakeCompleted,
    StreamFailed,
)
from qtsecure.engine.handshake_decisions import HandshakeDecisions
from qtsecure.engine.protocols import ProtocolVersion
from qtsecure.engine.sessions import Session
from qtsecure.testing.datagram_link import DatagramLink
from qtsecure.testing.pki import IssuedCertificate, PublicKeyInfrastructure
from tests.engine.support import Answer, Told, client_configuration, server_configuration

CLIENT_ADDRESS = ("192.0.2.1", 40000)
IDENTITY, KEY = b"somebody", bytes(range(32))


def for_datagrams(configuration: TlsConfiguration) -> TlsConfiguration:
    """The same configuration for DTLS 1.2."""
    version = ProtocolVersion.DTLS_1_2
    return dataclasses.replace(configuration, minimum_version=version, maximum_version=version)


def dtls_client(authorities: Iterable[x509.Certificate] = (), **fields: Any) -> TlsConfiguration:
    """A DTLS client that trusts these authorities."""
    return for_datagrams(client_configuration(authorities, **fields))


def dtls_server(certificate: IssuedCertificate | None, **fields: Any) -> TlsConfiguration:
    """A DTLS server with this certificate."""
    return for_datagrams(server_configuration(certificate, **fields))


def psk_client(**fields: Any) -> TlsConfiguration:
    """A DTLS client that relies on its key alone."""
    fields = {"verify_mode": VerifyMode.NONE, "psk_enabled": True, "tls12_ciphers": PSK_TLS12_CIPHERS, **fields}
    return dtls_client((), **fields)


def psk_server(**fields: Any) -> TlsConfiguration:
    """A DTLS server without certificate."""
    fields = {"psk_enabled": True, "tls12_ciphers": PSK_TLS12_CIPHERS, **fields}
    return dtls_server(None, **fields)


class End(Told):
    """One end: its association, everything that it told and got."""

    def __init__(self, association: DtlsAssociation | None, answer: Answer) -> None:
        super().__init__()
        self.association = association
        self.answer = answer
        self.messages: list[bytes] = []
        self.completed_at: float | None = None
        self.replaced: list[DtlsAssociation] = []
        #: Called with each event and the time.
        self.react: Callable[[Event, float], None] = lambda event, now: None

    @property
    def completed(self) -> bool:
        """Whether its handshake is complete."""
        return bool(self.of(HandshakeCompleted))

    def settle(self, now: float) -> None:
        """Fetch events and messages; answer decisions."""
        association = self.association
        assert association is not None
        while (event := association.next_event()) is not None:
            self.events.append(event)
            self.react(event, now)
            if isinstance(event, HandshakeCompleted):
                self.completed_at = now
            if isinstance(event, CertificateProblems) and event.decision_needed:
                if self.answer == "accept":
                    association.accept_certificate(now)
                elif self.answer == "reject":
                    association.reject_certificate(now)
        self.messages += association.take_messages()


class Network:
    """A client, a listening server and the link between them.

    Args:
        client: The client's configuration.
        server: The server's configuration.
        link: The network; a perfect one without loss by default.
    """

    def __init__(
        self,
        client: TlsConfiguration,
        server: TlsConfiguration,
        link: DatagramLink | None = None,
        *,
        name: str = "localhost",
        client_answer: Answer = "reject",
        server_answer: Answer = "reject",
        client_decisions: HandshakeDecisions | None = None,
        server_decisions: HandshakeDecisions | None = None,
        cookies: bool = True,
        mtu: int = 1200,
        session: Session | None = None,
        place: str = "",
        client_chooses: bool = False,
        server_chooses: bool = False,
        traced: bool = False,
    ) -> None:
        self.server_chooses, self.traced = server_chooses, traced
        self.link = link or DatagramLink()
        self.listener = DtlsListener(server, cookies=cookies, mtu=mtu)
        self.server_decisions = server_decisions
        association = DtlsAssociation(
            client,
            server=False,
            peer_name=name,
            decisions=client_decisions,
            mtu=mtu,
            peer_place=place,
            session=session,
            chooses=client_chooses,
            traced=traced,
        )
        self.client = End(association, client_answer)
        self.server = End(None, server_answer)

    @property
    def ends(self) -> tuple[End, End]:
        return self.client, self.server

    def start(self) -> Network:
        """Let the client say hello."""
        assert self.client.association is not None
        self.client.association.start(self.link.now)
        self._flush()
        return self

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> Network:
        """Let the time pass until nothing can happen any more, a condition is met, or so many seconds have passed."""
        end = self.link.now + seconds
        self._flush()
        while not until():
            moments = [self.link.nextDelivery(), *(each.association.timer() for each in self.ends if each.association)]
            known = [moment for moment in moments if moment is not None]
            if not known or min(known) > end:
                self.link.advance(end)
                break
            self.link.advance(min(known))
            for datagram in self.link.deliveries():
                self.deliver(datagram.to, datagram.data)
            for each in self.ends:
                if each.association is not None:
                    due = each.association.timer()
                    if due is not None and due <= self.link.now:
                        each.association.handle_timer(self.link.now)
            self._flush()
        return self

    def handshake(self, seconds: float = 30.0) -> Network:
        """Start, and run until both sides are complete or the client has failed."""
        return self.start().run(seconds, self.finished)

    def finished(self) -> bool:
        """Whether both sides are complete, or the client has failed."""
        return all(each.completed for each in self.ends) or bool(self.client.of(StreamFailed))

    def established(self, seconds: float = 30.0) -> Network:
        """A handshake that must succeed on both sides."""
        self.handshake(seconds)
        assert self.client.completed, (self.client.events, self.server.events)
        assert self.server.completed, (self.client.events, self.server.events)
        return self

    def deliver(self, to: str, data: bytes) -> None:
        """Give a datagram to an end, at once."""
        now = self.link.now
        if to == "client":
            assert self.client.association is not None
            self.client.association.receive(data, now)
        else:
            self._deliver_to_server(data, now)
        self._flush()

    def _deliver_to_server(self, data: bytes, now: float) -> None:
        current = self.server.association
        if current is not None and not is_hello_start_untrusted(data):
            current.receive(data, now)
            return
        answer = self.listener.receive(data, CLIENT_ADDRESS, now, current)
        if isinstance(answer, AdmittedHello):
            if current is not None:
                self.server.replaced.append(current)
                self.server.events.clear()
            self.server.association = self.listener.accept(
                answer, now, self.server_decisions, chooses=self.server_chooses, traced=self.traced
            )
        elif answer is not None:
            self.link.send("server", answer)

    def _flush(self) -> None:
        for name, each in zip(("client", "server"), self.ends, strict=True):
            association = each.association
            if association is None:
                continue
            each.settle(self.link.now)
            for datagram in association.take_outgoing():
                self.link.send(name, datagram)

    def say(self, payload: bytes, *, from_server: bool = False) -> list[bytes]:
        """Send a message over the link as it is and return what has arrived at the other end."""
        source, target = (self.server, self.client) if from_server else (self.client, self.server)
        assert source.association is not None
        before = len(target.messages)
        source.association.write(payload)
        self._flush()
        self.run(1.0, lambda: len(target.messages) > before)
        return target.messages[before:]


def plain_network(pki: PublicKeyInfrastructure, link: DatagramLink | None = None, **options: Any) -> Network:
    """A client that trusts the server; nobody verifies the client."""
    return Network(dtls_client([pki.ca.certificate]), dtls_server(pki.server), link, **options)
