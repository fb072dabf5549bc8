"""Names, words and alerts of verification issues, against the OpenSSL that is really used."""

from __future__ import annotations

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.bindings.openssl.binding import Binding
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from OpenSSL import SSL

from qtsecure.engine.alerts import AlertDescription
from qtsecure.engine.verification import IssueCode, VerificationIssue, is_overridable
from qtsecure.testing.certificates import selfSignedCertificate

OPENSSL_CODES = sorted(code for code in IssueCode if code > 0)


def test_numbers_are_those_of_the_bundled_openssl() -> None:
    """Every constant that the binding exports is here under the same name."""
    lib = Binding().lib
    exported = {name: getattr(lib, name) for name in dir(lib) if name.startswith("X509_V_ERR_")}
    assert len(exported) > 50
    for name, number in exported.items():
        issue = VerificationIssue(number, 0, None)
        assert issue.name == name
        assert issue.text


def test_no_number_of_openssl_is_missing() -> None:
    """Whatever OpenSSL has a text for has one here too."""
    binding = Binding()

    def openssl_text(code: int) -> bytes:
        return bytes(binding.ffi.string(binding.lib.X509_verify_cert_error_string(code)))

    unknown = openssl_text(100_000)
    known = [code for code in range(1, 300) if openssl_text(code) != unknown]
    assert len(known) > 90
    assert set(known) <= set(OPENSSL_CODES)
    assert IssueCode.INVALID_CA.value == 79


def test_texts_are_fragments_of_their_own() -> None:
    """No text is missing, repeated or a whole sentence."""
    texts = [VerificationIssue(code, 0, None).text for code in IssueCode]
    assert len(set(texts)) == len(IssueCode)
    assert all(text.startswith(("the ", "there ", "an ")) and not text.endswith(".") for text in texts)


def test_own_codes() -> None:
    """What this package finds itself has negative numbers and plain names."""
    missing = VerificationIssue(IssueCode.NO_PEER_CERTIFICATE, 0, None)
    assert (missing.code, missing.name) == (-1, "NO_PEER_CERTIFICATE")
    assert missing.alert is AlertDescription.CERTIFICATE_REQUIRED
    bad_name = VerificationIssue(IssueCode.INVALID_HOST_NAME, 0, None)
    assert (bad_name.code, bad_name.alert) == (-2, AlertDescription.BAD_CERTIFICATE)
    statuses = [code for code in IssueCode if code.name.startswith("STATUS_")]
    assert {VerificationIssue(code, 0, None).alert for code in statuses} == {113}
    assert statuses == [code for code in IssueCode if code.is_status]
    unknown = VerificationIssue(IssueCode.UNKNOWN_RESULT, 0, None)
    assert (unknown.code, unknown.alert) == (-3, AlertDescription.INTERNAL_ERROR)


@pytest.mark.parametrize("code", [0, 5000, -99])
def test_numbers_of_a_later_openssl_are_survived(code: int) -> None:
    """Shown by number, reported as certificate_unknown and never overridable."""
    issue = VerificationIssue(code, 1, b"der")
    assert issue.name == f"X509_V_ERR_{code}"
    assert str(code) in issue.text
    assert issue.alert is AlertDescription.CERTIFICATE_UNKNOWN
    assert not is_overridable(code)


@pytest.mark.parametrize(
    ("code", "overridable"),
    [
        (IssueCode.CERT_HAS_EXPIRED, True),
        (IssueCode.HOSTNAME_MISMATCH, True),
        (IssueCode.DEPTH_ZERO_SELF_SIGNED_CERT, True),
        (IssueCode.NO_PEER_CERTIFICATE, True),
        (IssueCode.CERT_REVOKED, False),
        (IssueCode.CERT_SIGNATURE_FAILURE, False),
        (IssueCode.EE_KEY_TOO_SMALL, False),
        (IssueCode.CA_KEY_TOO_SMALL, False),
        (IssueCode.CA_MD_TOO_WEAK, False),
        (IssueCode.UNKNOWN_RESULT, False),
        (IssueCode.UNABLE_TO_DECRYPT_CERT_SIGNATURE, False),
        (IssueCode.UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY, False),
        (IssueCode.EC_KEY_EXPLICIT_PARAMS, False),
        (IssueCode.UNSPECIFIED, False),
        (IssueCode.OUT_OF_MEM, False),
        (IssueCode.STATUS_NOT_SENT, True),
        (IssueCode.STATUS_OUT_OF_DATE, True),
        (IssueCode.STATUS_DEMANDED, False),
        (IssueCode.STATUS_FORGED, False),
        (IssueCode.STATUS_REVOKED, False),
    ],
)
def test_what_a_user_may_decide(code: IssueCode, overridable: bool) -> None:
    """Forged, revoked, weak and undecided certificates are no matter of opinion."""
    assert is_overridable(code) is overridable
    assert is_overridable(int(code)) is overridable


def test_issues_are_values() -> None:
    """Code, depth and certificate make the identity."""
    issue = VerificationIssue(10, 0, b"a")
    assert issue == VerificationIssue(IssueCode.CERT_HAS_EXPIRED, 0, b"a")
    assert len({issue, VerificationIssue(IssueCode.CERT_HAS_EXPIRED, 0, b"a")}) == 1
    assert issue != VerificationIssue(10, 0, b"b")
    assert issue != VerificationIssue(10, 1, b"a")


@pytest.mark.parametrize("code", [IssueCode.HOSTNAME_MISMATCH, IssueCode.IP_ADDRESS_MISMATCH])
def test_a_wrong_name_tells_the_right_ones(code: IssueCode) -> None:
    """Only there, and only if the certificate can be read."""
    der = selfSignedCertificate(["right.example"]).certificate.public_bytes(Encoding.DER)
    plain = VerificationIssue(code, 0, None).text
    assert "that was asked for" in plain
    assert VerificationIssue(code, 0, der).text == f"{plain}; it is for right.example"
    assert VerificationIssue(code, 0, b"garbage").text == plain
    assert "right.example" not in VerificationIssue(IssueCode.CERT_HAS_EXPIRED, 0, der).text


def server_context() -> SSL.Context:
    """A TLS server with a fresh self-signed certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])
    now = dt.datetime.now(dt.timezone.utc)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, SHA256())
    )
    context = SSL.Context(SSL.TLS_METHOD)
    context.use_certificate(certificate)
    context.use_privatekey(key)
    return context


def alert_for(code: int, server_side: SSL.Context) -> int:
    """The alert that OpenSSL sends if verification ends with an error."""
    binding = Binding()
    alerts: list[int] = []

    def note(_connection: SSL.Connection, where: int, value: int) -> None:
        if where & SSL.SSL_CB_ALERT and where & SSL.SSL_CB_WRITE:
            alerts.append(value & 0xFF)

    @binding.ffi.callback("int(int, X509_STORE_CTX *)")  # type: ignore[untyped-decorator]  # cffi has no types
    def refuse(_ok: int, store_context: object) -> int:
        binding.lib.X509_STORE_CTX_set_error(store_context, code)
        return 0

    context = SSL.Context(SSL.TLS_METHOD)
    context.set_info_callback(note)
    client = SSL.Connection(context, None)
    client.set_connect_state()
    server = SSL.Connection(server_side, None)
    server.set_accept_state()
    binding.lib.SSL_set_verify(client._ssl, SSL.VERIFY_PEER, refuse)
    with pytest.raises(SSL.WantReadError):
        client.do_handshake()
    server.bio_write(client.bio_read(65536))
    with pytest.raises(SSL.WantReadError):
        server.do_handshake()
    client.bio_write(server.bio_read(65536))
    with pytest.raises(SSL.Error):
        client.do_handshake()
    return alerts[0]


def test_alerts_are_those_that_openssl_sends() -> None:
    """For every number: a rejection made by hand cannot be told from OpenSSL's own."""
    server_side = server_context()
    expected = {code: int(VerificationIssue(code, 0, None).alert) for code in OPENSSL_CODES}
    assert {code: alert_for(code, server_side) for code in OPENSSL_CODES} == expected
