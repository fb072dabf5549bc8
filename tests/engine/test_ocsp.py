"""Stapled revocation status: what is good, what is not and why, in each version and on the wire."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA384
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.ocsp import OCSPCertStatus, OCSPResponseStatus
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from qtsecure.engine._openssl_ocsp import current_time
from qtsecure.engine.configuration import VerifyMode
from qtsecure.engine.events import FailureKind
from qtsecure.engine.ocsp import demands_status_untrusted, judge_status_untrusted, load_status, require_status_of
from qtsecure.engine.verification import IssueCode
from qtsecure.errors import SecureError
from qtsecure.testing.pki import CertificateAuthority, IssuedCertificate, PublicKeyInfrastructure
from tests.engine.ocsp_responses import (
    DAY,
    HOUR,
    MUST_STAPLE,
    NOW,
    make_delegate,
    make_refusal,
    make_status,
    signed_with_sha1,
    with_an_extension_of_the_answer,
    with_two_answers,
)
from tests.engine.support import (
    CLIENT_AUTH,
    VERSIONS,
    Pair,
    Recorder,
    Version,
    client_configuration,
    credentials,
    make_certificate,
    server_configuration,
)

I = IssueCode  # noqa: E741 - a table
Make = Callable[[PublicKeyInfrastructure], bytes]


def der(certificate: IssuedCertificate | CertificateAuthority) -> bytes:
    return certificate.certificate.public_bytes(Encoding.DER)


def delegated(pki: PublicKeyInfrastructure, delegate: IssuedCertificate, **fields: object) -> bytes:
    """A good status, signed by somebody else than the issuer."""
    return make_status(pki.ca, pki.server, signer=delegate, certificates=[delegate.certificate], **fields)  # type: ignore[arg-type]  # fields of any kind


# What the server staples, and what is to be found; none for a good status.
CASES: dict[str, tuple[Make, IssueCode | None]] = {
    "good": (lambda p: make_status(p.ca, p.server), None),
    "good, responder by name": (lambda p: make_status(p.ca, p.server, by_name=True), None),
    "good, identified with SHA-1": (lambda p: make_status(p.ca, p.server, id_hash=SHA1()), None),
    "good, identified with SHA-384": (lambda p: make_status(p.ca, p.server, id_hash=SHA384()), None),
    "good, our clock a little behind": (lambda p: make_status(p.ca, p.server, begin=NOW + HOUR / 15), None),
    "good, our clock a little ahead": (lambda p: make_status(p.ca, p.server, end=NOW - HOUR / 15), None),
    "good, no end, fresh": (lambda p: make_status(p.ca, p.server, end=None), None),
    "good, signed by a delegate": (lambda p: delegated(p, make_delegate(p.ca)), None),
    "good, delegate by name": (lambda p: delegated(p, make_delegate(p.ca), by_name=True), None),
    "good, RSA delegate": (
        lambda p: delegated(p, make_delegate(p.ca, key=rsa.generate_private_key(65537, 2048))),
        None,
    ),
    "good, unneeded certificates": (
        lambda p: make_status(p.ca, p.server, certificates=[p.otherCa.certificate, p.client.certificate]),
        None,
    ),
    "nothing": (lambda p: b"", I.STATUS_NOT_SENT),
    "revoked": (lambda p: make_status(p.ca, p.server, status=OCSPCertStatus.REVOKED), I.STATUS_REVOKED),
    "unknown": (lambda p: make_status(p.ca, p.server, status=OCSPCertStatus.UNKNOWN), I.STATUS_UNKNOWN),
    "stale": (lambda p: make_status(p.ca, p.server, begin=NOW - 9 * DAY, end=NOW - DAY), I.STATUS_OUT_OF_DATE),
    "stale and revoked": (
        lambda p: make_status(p.ca, p.server, begin=NOW - 9 * DAY, end=NOW - DAY, status=OCSPCertStatus.REVOKED),
        I.STATUS_REVOKED,
    ),
    "no end, old": (lambda p: make_status(p.ca, p.server, begin=NOW - 2 * DAY, end=None), I.STATUS_OUT_OF_DATE),
    "from the future": (lambda p: make_status(p.ca, p.server, begin=NOW + DAY), I.STATUS_FROM_FUTURE),
    "of another certificate": (lambda p: make_status(p.ca, p.expired), I.STATUS_OF_ANOTHER),
    "of a certificate of another authority with the same number": (
        lambda p: make_status(p.otherCa, p.server, signer=p.ca),
        I.STATUS_OF_ANOTHER,
    ),
    "forged": (lambda p: make_status(p.ca, p.server, signer=p.otherCa, responder=p.ca), I.STATUS_FORGED),
    "changed": (lambda p: changed(make_status(p.ca, p.server)), I.STATUS_FORGED),
    "signed with SHA-1": (lambda p: signed_with_sha1(p.ca, p.server), I.STATUS_FORGED),
    "signed by a stranger": (lambda p: make_status(p.ca, p.server, signer=p.otherCa), I.STATUS_UNTRUSTED_RESPONDER),
    "signed by a stranger who sends his certificate": (
        lambda p: delegated(p, make_delegate(p.otherCa)),
        I.STATUS_UNTRUSTED_RESPONDER,
    ),
    "signed by the certificate itself": (lambda p: delegated(p, p.server), I.STATUS_UNTRUSTED_RESPONDER),
    "delegate without the purpose": (
        lambda p: delegated(p, make_delegate(p.ca, extensions=())),
        I.STATUS_UNTRUSTED_RESPONDER,
    ),
    "delegate for another purpose": (
        lambda p: delegated(p, make_delegate(p.ca, extensions=(CLIENT_AUTH,))),
        I.STATUS_UNTRUSTED_RESPONDER,
    ),
    "delegate for any purpose": (
        lambda p: delegated(
            p,
            make_delegate(
                p.ca, extensions=((x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]), False),)
            ),
        ),
        I.STATUS_UNTRUSTED_RESPONDER,
    ),
    "delegate has expired": (
        lambda p: delegated(p, make_delegate(p.ca, not_before=NOW - 9 * DAY, not_after=NOW - DAY)),
        I.STATUS_UNTRUSTED_RESPONDER,
    ),
    "delegate is not valid yet": (
        lambda p: delegated(p, make_delegate(p.ca, not_before=NOW + DAY, not_after=NOW + 9 * DAY)),
        I.STATUS_UNTRUSTED_RESPONDER,
    ),
    "delegate of a delegate": (lambda p: by_delegate_of_delegate(p), I.STATUS_UNTRUSTED_RESPONDER),
    "delegate with a short key": (
        lambda p: delegated(p, make_delegate(p.ca, key=rsa.generate_private_key(65537, 1024))),
        I.STATUS_FORGED,
    ),
    "a critical extension that is not known": (
        lambda p: make_status(p.ca, p.server, extensions=[(x509.OCSPNonce(bytes(16)), True)]),
        I.STATUS_UNREADABLE,
    ),
    "two answers": (
        lambda p: with_two_answers(make_status(p.ca, p.server), make_status(p.ca, p.expired)),
        I.STATUS_UNREADABLE,
    ),
    "garbage": (lambda p: b"\x30\x03abc", I.STATUS_UNREADABLE),
    "cut off": (lambda p: make_status(p.ca, p.server)[:-9], I.STATUS_UNREADABLE),
    "a certificate instead": (lambda p: der(p.server), I.STATUS_UNREADABLE),
    "malformed request": (lambda p: make_refusal(OCSPResponseStatus.MALFORMED_REQUEST), I.STATUS_MALFORMED_REQUEST),
    "internal error": (lambda p: make_refusal(OCSPResponseStatus.INTERNAL_ERROR), I.STATUS_INTERNAL_ERROR),
    "try later": (lambda p: make_refusal(OCSPResponseStatus.TRY_LATER), I.STATUS_TRY_LATER),
    "signature required": (lambda p: make_refusal(OCSPResponseStatus.SIG_REQUIRED), I.STATUS_SIGNATURE_REQUIRED),
    "unauthorized": (lambda p: make_refusal(OCSPResponseStatus.UNAUTHORIZED), I.STATUS_UNAUTHORIZED),
}


def changed(response: bytes) -> bytes:
    """The same with a bit of the signature flipped."""
    return response[:-1] + bytes((response[-1] ^ 1,))


def by_delegate_of_delegate(pki: PublicKeyInfrastructure) -> bytes:
    """Who may answer for an authority may not let others answer."""
    delegate = make_delegate(pki.ca, ca=True)
    second = make_delegate(delegate)
    return make_status(pki.ca, pki.server, signer=second, certificates=[second.certificate, delegate.certificate])


@pytest.mark.parametrize("name", CASES)
def test_sec_d15_verdicts(pki: PublicKeyInfrastructure, name: str) -> None:
    """Each status by itself."""
    make, wanted = CASES[name]
    found = judge_status_untrusted(make(pki), der(pki.server), [der(pki.otherCa), der(pki.ca)], NOW)
    assert found is wanted


def test_other_keys(pki: PublicKeyInfrastructure) -> None:
    """The issuer may have any kind of key; a trusted self-signed certificate is its own issuer."""
    for kind in ("rsa", "ed25519", "ec"):
        authority = CertificateAuthority("other", key=kind)  # type: ignore[arg-type]  # one of the three
        leaf = authority.issue()
        response = authority.ocspResponse(leaf)
        assert judge_status_untrusted(response, der(leaf), [der(authority)], NOW) is None
        assert judge_status_untrusted(response, der(leaf), [der(pki.ca)], NOW) is I.STATUS_UNTRUSTED_RESPONDER
    own = pki.selfSigned
    assert judge_status_untrusted(make_status(own, own), der(own), [], NOW) is None
    assert judge_status_untrusted(make_status(own, own), der(own), [b"garbage", b""], NOW) is None


def test_of_an_intermediate(pki: PublicKeyInfrastructure) -> None:
    """The issuer is the one whose key has signed, wherever it is in the chain; the root may not answer for it."""
    leaf, middle = pki.viaIntermediate, pki.intermediate
    others = [der(pki.ca), der(middle)]
    assert judge_status_untrusted(make_status(middle, leaf), der(leaf), others, NOW) is None
    by_root = make_status(middle, leaf, signer=pki.ca)
    assert judge_status_untrusted(by_root, der(leaf), others, NOW) is I.STATUS_UNTRUSTED_RESPONDER


def test_what_cannot_be_read_is_an_answer(pki: PublicKeyInfrastructure) -> None:
    """Nothing gets out but a code, whatever byte of a response or of the certificate is changed."""
    good = make_status(pki.ca, pki.server)
    leaf, others = der(pki.server), [der(pki.ca)]
    for position in range(len(good)):
        broken = good[:position] + bytes((good[position] ^ 0x41,)) + good[position + 1 :]
        assert isinstance(judge_status_untrusted(broken, leaf, others, NOW), IssueCode)
    assert judge_status_untrusted(good, b"garbage", others, NOW) is I.STATUS_UNREADABLE
    assert judge_status_untrusted(b"", b"garbage", others, NOW) is I.STATUS_NOT_SENT


def test_sec_d17_must_staple(pki: PublicKeyInfrastructure) -> None:
    """A certificate that demands its status is not accepted without; the words say so."""
    leaf = make_certificate(pki.ca, extensions=(MUST_STAPLE,))
    assert demands_status_untrusted(der(leaf))
    assert not demands_status_untrusted(der(pki.server))
    assert not demands_status_untrusted(b"garbage")
    assert judge_status_untrusted(b"", der(leaf), [der(pki.ca)], NOW) is I.STATUS_DEMANDED
    assert judge_status_untrusted(make_status(pki.ca, leaf), der(leaf), [der(pki.ca)], NOW) is None


ODD_FEATURES = (x509.UnrecognizedExtension(ExtensionOID.TLS_FEATURE, bytes.fromhex("3006020105020163")), False)
"""status_request, and a feature that nobody knows yet."""
ODD_EXTENSION = (x509.UnrecognizedExtension(ExtensionOID.POLICY_CONSTRAINTS, b"garbage"), False)


def duplicated(leaf: IssuedCertificate) -> bytes:
    """The certificate with a second extension of the kind; nobody would sign that, but anybody can send it."""
    features = bytes.fromhex("06082b06010505070118")
    return der(leaf).replace(features[:-1] + b"\x19", features)


def unreadable(pki: PublicKeyInfrastructure) -> dict[str, bytes]:
    """Certificates that OpenSSL hands over and cryptography cannot read."""
    other = (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.5.5.7.1.25"), b"\x05\x00"), False)
    version = bytes.fromhex("a003020102")
    return {
        "a feature that is not known": der(make_certificate(pki.ca, extensions=(ODD_FEATURES,))),
        "another extension is damaged": der(make_certificate(pki.ca, extensions=(MUST_STAPLE, ODD_EXTENSION))),
        "twice the same extension": duplicated(make_certificate(pki.ca, extensions=(MUST_STAPLE, other))),
        "an unknown version": der(make_certificate(pki.ca, extensions=(MUST_STAPLE,))).replace(
            version, version[:-1] + b"\x07"
        ),
    }


def test_sec_d17_must_staple_fails_closed(pki: PublicKeyInfrastructure) -> None:
    """What cannot be read does not lose its demand for a status, nor does an exception get out."""
    good = make_status(pki.ca, pki.server)
    for why, certificate in unreadable(pki).items():
        assert demands_status_untrusted(certificate), why
        assert judge_status_untrusted(b"", certificate, [der(pki.ca)], NOW) is I.STATUS_DEMANDED, why
        assert isinstance(judge_status_untrusted(good, certificate, [certificate, der(pki.ca)], NOW), IssueCode), why
    assert not demands_status_untrusted(der(make_certificate(pki.ca, extensions=(ODD_EXTENSION,))))


def test_a_critical_extension_of_the_answer(pki: PublicKeyInfrastructure) -> None:
    """The same as one of the whole response: the client has to know it, and knows none."""
    for critical in (False, True):
        response = with_an_extension_of_the_answer(pki.ca, pki.server, critical=critical)
        found = judge_status_untrusted(response, der(pki.server), [der(pki.ca)], NOW)
        assert found is (I.STATUS_UNREADABLE if critical else None)


def test_the_clock_is_that_of_openssl() -> None:
    """The same time, in UTC and whole seconds, of which the next may begin a little later there."""
    before = dt.datetime.now(dt.timezone.utc)
    assert before - dt.timedelta(seconds=2) < current_time() <= dt.datetime.now(dt.timezone.utc)


# ------------------------------------------------------------------------------ the server's part


def test_loading(pki: PublicKeyInfrastructure, tmp_path) -> None:
    """From bytes and from files."""
    good = make_status(pki.ca, pki.server)
    file = tmp_path / "status.der"
    file.write_bytes(good)
    assert load_status(good) == load_status(bytearray(good)) == load_status(file) == load_status(str(file)) == good


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (b"garbage", "The OCSP response data is no OCSP response in DER"),
        (b"  ", "The OCSP response data is empty"),
        ("missing.der", "The OCSP response file 'missing.der' cannot be read"),
        (make_refusal(OCSPResponseStatus.TRY_LATER), "is a refusal of the responder (try later); ask it again"),
    ],
)
def test_what_nobody_should_staple(source: bytes | str, words: str) -> None:
    """Each has its own sentence, when it is set."""
    with pytest.raises(SecureError) as caught:
        load_status(source)
    assert caught.value.code is SecureError.Code.BadCertificate
    assert words in caught.value.message


def test_the_status_of_another_certificate(pki: PublicKeyInfrastructure) -> None:
    """Every client would refuse it."""
    require_status_of(pki.server.certificate, make_status(pki.ca, pki.server))
    with pytest.raises(SecureError, match="about another certificate"):
        require_status_of(pki.server.certificate, make_status(pki.ca, pki.expired))


# ------------------------------------------------------------------------------------- on the wire

# OpenSSL as a server leaves out what cannot be read or is about another certificate.
ON_THE_WIRE = [
    name
    for name in CASES
    if name not in ("of another certificate", "garbage", "cut off", "a certificate instead", "two answers")
    and "same number" not in name
    and "our clock" not in name  # there the clock goes on while other tests run
]


def stapling(
    pki: PublicKeyInfrastructure,
    version: Version,
    response: bytes,
    server: IssuedCertificate | None = None,
    **pair: object,
) -> Pair:
    """A client that asks and a server that staples this."""
    return Pair(
        client_configuration([pki.ca.certificate], version, ocsp_stapling=True),
        server_configuration(server or pki.server, version, ocsp_response=response),
        **pair,  # type: ignore[arg-type]  # what Pair takes
    )


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ON_THE_WIRE)
def test_sec_d15_on_the_wire(pki: PublicKeyInfrastructure, engine_path: str, version: Version, name: str) -> None:
    """The verdict, and the alert that RFC 6066 demands for all but a good status; the server hears it."""
    make, wanted = CASES[name]
    response = make(pki)
    pair = stapling(pki, version, response).handshake()
    assert pair.client.issue_codes == ([] if wanted is None else [wanted])
    assert pair.client.completed is pair.server.completed is (wanted is None)
    assert pair.client.stream.ocsp_response == response
    assert pair.client.alerts_sent == pair.server.alerts_received == ([] if wanted is None else [113])
    if wanted is None:
        assert pair.say(b"hello") == b"hello"
    else:
        assert pair.client.failure is not None
        assert pair.client.failure.kind is FailureKind.CERTIFICATE_REJECTED
        assert pair.client.stream.issues[0].text in pair.client.failure.message
        assert pair.client.stream.issues[0].certificate == der(pki.server)


@pytest.mark.parametrize("damage", ["garbage", "cut off", "of another certificate"])
def test_sec_d15_a_message_that_was_changed(pki: PublicKeyInfrastructure, damage: str) -> None:
    """In TLS 1.2 the message can be seen and changed; the client judges it before the server's Finished."""
    good = make_status(pki.ca, pki.server)
    other = {"garbage": bytes(len(good)), "cut off": good[:-40] + bytes(40)}.get(damage, b"")
    while len(other) != len(good):  # signatures differ in length by a byte or two
        other = make_status(pki.ca, pki.expired)
    pair = stapling(pki, "1.2", good)
    pair.client.stream.start()
    pair.server.stream.start()
    pair.server.stream.receive(pair.client.take())
    flight = pair.server.take()
    assert good in flight
    pair.client.stream.receive(flight.replace(good, other))
    pair.client.settle()
    assert pair.client.alerts_sent == [113]
    assert not pair.client.completed
    assert pair.client.failure is not None
    words = {"garbage": "cannot be read", "of another certificate": "about another certificate"}
    assert words.get(damage, "changed or forged") in pair.client.failure.message


@pytest.mark.parametrize("version", VERSIONS)
def test_sec_d17_must_staple_that_cannot_be_read(pki: PublicKeyInfrastructure, version: Version) -> None:
    """On the wire, too: the error is the one that no user can override, and nothing is raised."""
    leaf = make_certificate(pki.ca, extensions=(ODD_FEATURES,))
    pair = stapling(pki, version, b"", leaf).handshake()
    assert pair.client.issue_codes == [I.STATUS_DEMANDED]
    assert pair.client.alerts_sent == pair.server.alerts_received == [113]


@pytest.mark.parametrize("version", VERSIONS)
def test_nobody_asks(pki: PublicKeyInfrastructure, version: Version) -> None:
    """Without the setting, and without verification, the server is not asked, and whatever it has does not matter."""
    revoked = make_status(pki.ca, pki.server, status=OCSPCertStatus.REVOKED)
    server = server_configuration(pki.server, version, ocsp_response=revoked)
    for client in (
        client_configuration([pki.ca.certificate], version),
        client_configuration([], version, ocsp_stapling=True, verify_mode=VerifyMode.NONE),
    ):
        pair = Pair(client, server).handshake()
        assert pair.client.completed
        assert pair.client.stream.ocsp_response == b""


@pytest.mark.parametrize("version", VERSIONS)
def test_a_query_only_reports(pki: PublicKeyInfrastructure, version: Version) -> None:
    """With QUERY the error is told and the connection stands."""
    client = client_configuration([pki.ca.certificate], version, ocsp_stapling=True, verify_mode=VerifyMode.QUERY)
    pair = Pair(client, server_configuration(pki.server, version)).handshake()
    assert pair.client.issue_codes == [I.STATUS_NOT_SENT]
    assert pair.client.completed


@pytest.mark.parametrize("chunk", [0, 1])
@pytest.mark.parametrize("version", VERSIONS)
def test_errors_of_both_kinds(pki: PublicKeyInfrastructure, version: Version, chunk: int) -> None:
    """What the verification finds comes first, and its alert; accepted, the connection stands."""
    status = make_status(pki.ca, pki.expired, status=OCSPCertStatus.UNKNOWN)
    wanted = [I.CERT_HAS_EXPIRED, I.STATUS_UNKNOWN]
    pair = stapling(pki, version, status, pki.expired).handshake()
    assert pair.client.issue_codes == wanted
    assert pair.client.alerts_sent == [45]
    pair = stapling(pki, version, status, pki.expired, client_answer="accept").handshake(chunk)
    assert pair.client.issue_codes == wanted
    assert pair.client.completed
    # Byte by byte the one is known before the other, and an answer to the first is none to the second.
    assert pair.client.decisions_asked == (2 if chunk else 1)


@pytest.mark.parametrize("continues", [False, True])
@pytest.mark.parametrize("version", VERSIONS)
def test_interrupted(pki: PublicKeyInfrastructure, version: Version, continues: bool) -> None:
    """With an early interruption the question comes inside the handshake, and OpenSSL sends the alert."""
    client = client_configuration([pki.ca.certificate], version, ocsp_stapling=True, interrupt_on_error=True)
    recorder = Recorder(continues=continues)
    pair = Pair(
        client, server_configuration(pki.server, version), client_decisions=recorder, client_answer="accept"
    ).handshake()
    assert [issue.code for issue in recorder.of("continue_after")] == [I.STATUS_NOT_SENT]
    assert pair.client.completed is continues
    assert pair.client.alerts_sent == pair.server.alerts_received == ([] if continues else [113])
    if not continues:
        assert pair.client.failure is not None
        assert pair.client.failure.kind is FailureKind.CERTIFICATE_REJECTED


@pytest.mark.parametrize("version", VERSIONS)
def test_an_exception_in_the_question(pki: PublicKeyInfrastructure, version: Version) -> None:
    """It comes out of the stream, once, and not of another connection of the same context."""

    class Broken(Recorder):
        def continue_after(self, issue: object) -> bool:
            raise LookupError("in the slot")

    client = client_configuration([pki.ca.certificate], version, ocsp_stapling=True, interrupt_on_error=True)
    pair = Pair(client, server_configuration(pki.server, version), client_decisions=Broken())
    with pytest.raises(LookupError):
        pair.handshake()
    good = Pair(client, server_configuration(pki.server, version, ocsp_response=make_status(pki.ca, pki.server)))
    assert good.handshake().client.completed


@pytest.mark.parametrize("version", VERSIONS)
def test_a_trusted_leaf(pki: PublicKeyInfrastructure, version: Version) -> None:
    """Its issuer is not in the verified chain; the one that is sent has provably signed it."""
    leaf = make_certificate(pki.ca, send=[pki.ca.certificate])
    client = client_configuration([leaf.certificate], version, ocsp_stapling=True)
    server = server_configuration(leaf, version, ocsp_response=make_status(pki.ca, leaf))
    assert Pair(client, server).handshake().client.completed
    alone = IssuedCertificate(leaf.certificate, leaf.privateKey, (leaf.certificate,))
    pair = Pair(client, dataclasses.replace(server, credentials=credentials(alone))).handshake()
    assert pair.client.issue_codes == [I.STATUS_UNTRUSTED_RESPONDER]


@pytest.mark.parametrize("version", VERSIONS)
def test_sec_d16_resumption(pki: PublicKeyInfrastructure, version: Version) -> None:
    """A resumed session brings no status along, and misses none; one that must be stapled is not resumed."""
    pair = stapling(pki, version, make_status(pki.ca, pki.server), place="here").handshake()
    assert pair.say(b"x", from_server=True) == b"x"
    session = pair.client.stream.session()
    assert session is not None
    again = Pair(pair.client.stream.configuration, pair.server.stream.configuration, place="here", session=session)
    again.handshake()
    assert again.client.stream.session_reused()
    assert again.client.completed
    assert again.client.issue_codes == []
    leaf = make_certificate(pki.ca, extensions=(MUST_STAPLE,))
    strict = stapling(pki, version, make_status(pki.ca, leaf), leaf, place="here").handshake()
    assert strict.say(b"x", from_server=True) == b"x"
    assert strict.client.completed
    assert strict.client.stream.session() is None


@pytest.mark.parametrize("version", VERSIONS)
def test_sec_d16_no_session_after_a_bad_status(pki: PublicKeyInfrastructure, version: Version) -> None:
    """What was ignored once is not resumed."""
    pair = stapling(pki, version, b"", client_answer="accept", place="here").handshake()
    assert pair.say(b"x", from_server=True) == b"x"
    assert pair.client.completed
    assert pair.client.stream.session() is None
