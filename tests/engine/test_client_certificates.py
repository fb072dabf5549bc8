"""A certificate on request: the client waits for its program, in every version, and tells nobody too early."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography import x509

from qtsecure.engine.certificates import Credentials
from qtsecure.engine.configuration import VerifyMode
from qtsecure.engine.events import CertificateProblems, CertificateRequested
from qtsecure.engine.states import StreamState
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.engine.hosts import ANY_VERSION, AnyPair, AnyVersion
from tests.engine.support import client_configuration, credentials, server_configuration

any_version = pytest.mark.parametrize("version", ANY_VERSION)


class Meeting(AnyPair):
    """A client that chooses, and a server that asks."""

    def __init__(
        self,
        pki: PublicKeyInfrastructure,
        version: AnyVersion,
        *,
        asks: bool = True,
        required: bool = True,
        authorities: tuple[x509.Certificate, ...] = (),
        own: Credentials | None = None,
        answer: Any = "wait",
    ) -> None:
        client = client_configuration(authorities or [pki.ca.certificate], credentials=own)
        fields: dict[str, Any] = {"clients": [pki.ca.certificate], "certificate_required": required} if asks else {}
        if asks and not required:
            fields["verify_mode"] = VerifyMode.QUERY
        server = server_configuration(pki.server, **fields)
        super().__init__(version, client, server, client_chooses=True, client_answer="wait")
        self.answer = answer
        self.pair.client.react = self._react

    def _react(self, event: object, now: float = 0.0) -> bool:
        if not isinstance(event, CertificateRequested) or self.answer == "wait":
            return False
        self.provide(self.answer)
        return True

    def provide(self, answer: Credentials | None) -> None:
        when = (self.pair.link.now,) if self.version == "dtls" else ()
        self.client.provide_certificate(answer, *when)

    def run(self) -> Meeting:
        """As far as it goes."""
        if self.version == "dtls":
            if self.client.state is StreamState.NEW:
                self.pair.start()
            self.pair.run(20, self.pair.finished)
        elif self.client.state is StreamState.NEW:
            self.pair.handshake()
        else:
            self.pair.run()
        return self

    @property
    def requests(self) -> list[CertificateRequested]:
        """What the client was asked."""
        found: list[CertificateRequested] = self.pair.client.of(CertificateRequested)
        return found


@any_version
def test_gio_d18_a_provided_certificate_is_used(pki: PublicKeyInfrastructure, version: AnyVersion) -> None:
    """At once, or after a while; with its intermediates."""
    own = credentials(pki.intermediate.issue(["client.example"], usage="client"))
    for answer in (own, "wait"):
        meeting = Meeting(pki, version, answer=answer).run()
        if answer == "wait":
            assert meeting.client.state is StreamState.CHOOSING
            assert not meeting.pair.server.completed
            meeting.provide(own)
            meeting.run()
        assert meeting.pair.client.completed, meeting.pair.client.events
        assert meeting.pair.server.completed, meeting.pair.server.events
        assert meeting.server.peer_certificates() == own.encoded_chain
        assert len(meeting.requests) == 1
        assert meeting.pair.say(b"data") in (b"data", [b"data"])


@any_version
def test_gio_d18_declining_is_the_same_as_having_none(pki: PublicKeyInfrastructure, version: AnyVersion) -> None:
    """A server that only asks goes on; one that insists tells so."""
    meeting = Meeting(pki, version, required=False, answer=None).run()
    assert meeting.pair.client.completed
    assert meeting.pair.server.completed
    assert meeting.server.peer_certificates() == ()
    refused = Meeting(pki, version, answer=None).run()
    assert not refused.pair.server.completed
    assert refused.pair.server.alerts_sent in ([116], [40])


@any_version
def test_gio_d18_nobody_is_asked_who_has_a_certificate(pki: PublicKeyInfrastructure, version: AnyVersion) -> None:
    """Or whom the server does not ask."""
    meeting = Meeting(pki, version, own=credentials(pki.client)).run()
    assert meeting.pair.server.completed
    assert meeting.requests == []
    assert meeting.client.certificate_was_requested
    unasked = Meeting(pki, version, asks=False).run()
    assert unasked.pair.client.completed
    assert unasked.requests == []
    assert not unasked.client.certificate_was_requested


@any_version
def test_gio_d17_accepted_authorities(pki: PublicKeyInfrastructure, version: AnyVersion) -> None:
    """Their names as DER, also after the handshake; none when the server did not ask."""
    meeting = Meeting(pki, version, answer=credentials(pki.client)).run()
    expected = (pki.ca.certificate.subject.public_bytes(),)
    assert meeting.requests == [CertificateRequested(expected)]
    assert meeting.client.accepted_authorities() == expected
    assert Meeting(pki, version, asks=False).run().client.accepted_authorities() == ()


@any_version
def test_a_server_that_is_not_trusted_hears_nothing_of_the_certificate(
    pki: PublicKeyInfrastructure, version: AnyVersion
) -> None:
    """First the decision about the server, then the question; and no question after a no."""
    for accept in (True, False):
        meeting = Meeting(pki, version, authorities=(pki.otherCa.certificate,)).run()
        assert meeting.client.state is StreamState.DECIDING
        assert meeting.requests == []
        when = (meeting.pair.link.now,) if version == "dtls" else ()
        (meeting.client.accept_certificate if accept else meeting.client.reject_certificate)(*when)
        meeting.run()
        kinds = [type(event) for event in meeting.pair.client.events]
        assert kinds.count(CertificateProblems) == 1
        assert len(meeting.requests) == accept
        if accept:
            meeting.provide(credentials(pki.client))
            meeting.run()
            assert meeting.pair.server.completed


@any_version
def test_no_session_is_left_where_the_program_was_asked(pki: PublicKeyInfrastructure, version: AnyVersion) -> None:
    """Resuming it would answer for the program next time."""
    meeting = Meeting(pki, version, required=False, answer=None).run()
    meeting.pair.say(b"ticket", from_server=True)
    assert meeting.client.session() is None


@any_version
def test_closing_while_the_program_thinks(pki: PublicKeyInfrastructure, version: AnyVersion) -> None:
    """A late answer does nothing."""
    meeting = Meeting(pki, version).run()
    when = (meeting.pair.link.now,) if version == "dtls" else ()
    meeting.client.close(*when)
    meeting.provide(credentials(pki.client))
    meeting.run()
    assert meeting.client.state is StreamState.CLOSED
    assert not meeting.pair.server.completed


@any_version
def test_the_chain_as_it_is(pki: PublicKeyInfrastructure, version: AnyVersion) -> None:
    """The context of the certificate differs in nothing else: names and protocols are still the client's."""
    meeting = Meeting(pki, version, answer=credentials(pki.client)).run()
    assert meeting.server.server_name() == "localhost"
    assert meeting.client.peer_certificates()[0] == credentials(pki.server).encoded_chain[0]


def test_dtls_a_lost_answer_is_repeated(pki: PublicKeyInfrastructure) -> None:
    """The flight with the certificate gets lost once."""
    meeting = Meeting(pki, "dtls").run()
    network = meeting.pair
    meeting.provide(credentials(pki.client))
    network.client.association.take_outgoing()
    meeting.run()
    assert network.client.completed
    assert network.server.completed
