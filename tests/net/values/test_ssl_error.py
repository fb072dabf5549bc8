"""SslError: Qt's map, matching, and words for everything."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from PySide6.QtNetwork import QSslError

from qtsecure.engine.verification import IssueCode, VerificationIssue
from qtsecure.net.values import SslCertificate, SslError
from qtsecure.testing.pki import PublicKeyInfrastructure

_Code = QSslError.SslError

# Qt's own map, qtls_openssl's X509 errors, by OpenSSL's numbers.
_QTS_MAP = {
    2: _Code.UnableToGetIssuerCertificate,
    4: _Code.UnableToDecryptCertificateSignature,
    6: _Code.UnableToDecodeIssuerPublicKey,
    7: _Code.CertificateSignatureFailed,
    9: _Code.CertificateNotYetValid,
    10: _Code.CertificateExpired,
    13: _Code.InvalidNotBeforeField,
    14: _Code.InvalidNotAfterField,
    18: _Code.SelfSignedCertificate,
    19: _Code.SelfSignedCertificateInChain,
    20: _Code.UnableToGetLocalIssuerCertificate,
    21: _Code.UnableToVerifyFirstCertificate,
    23: _Code.CertificateRevoked,
    79: _Code.InvalidCaCertificate,
    25: _Code.PathLengthExceeded,
    26: _Code.InvalidPurpose,
    27: _Code.CertificateUntrusted,
    28: _Code.CertificateRejected,
    62: _Code.HostNameMismatch,
    64: _Code.HostNameMismatch,
    int(IssueCode.INVALID_HOST_NAME): _Code.HostNameMismatch,
    int(IssueCode.NO_PEER_CERTIFICATE): _Code.NoPeerCertificate,
    # What Qt finds out about stapled status.
    int(IssueCode.STATUS_NOT_SENT): _Code.OcspNoResponseFound,
    int(IssueCode.STATUS_DEMANDED): _Code.OcspNoResponseFound,
    int(IssueCode.STATUS_UNREADABLE): _Code.OcspMalformedResponse,
    int(IssueCode.STATUS_MALFORMED_REQUEST): _Code.OcspMalformedRequest,
    int(IssueCode.STATUS_INTERNAL_ERROR): _Code.OcspInternalError,
    int(IssueCode.STATUS_TRY_LATER): _Code.OcspTryLater,
    int(IssueCode.STATUS_SIGNATURE_REQUIRED): _Code.OcspSigRequred,
    int(IssueCode.STATUS_UNAUTHORIZED): _Code.OcspUnauthorized,
    int(IssueCode.STATUS_UNTRUSTED_RESPONDER): _Code.OcspResponseCannotBeTrusted,
    int(IssueCode.STATUS_FORGED): _Code.OcspResponseCannotBeTrusted,
    int(IssueCode.STATUS_OF_ANOTHER): _Code.OcspResponseCertIdUnknown,
    int(IssueCode.STATUS_FROM_FUTURE): _Code.OcspResponseExpired,
    int(IssueCode.STATUS_OUT_OF_DATE): _Code.OcspResponseExpired,
    int(IssueCode.STATUS_UNKNOWN): _Code.OcspStatusUnknown,
    int(IssueCode.STATUS_REVOKED): _Code.CertificateRevoked,
}


@pytest.fixture(scope="module")
def leaf(pki: PublicKeyInfrastructure) -> SslCertificate:
    """Any certificate."""
    return SslCertificate(pki.server.certificate)


@pytest.fixture(scope="module")
def der(pki: PublicKeyInfrastructure) -> bytes:
    """The same as DER."""
    return pki.server.certificate.public_bytes(Encoding.DER)


@pytest.mark.parametrize("code", [*IssueCode, 12345])
def test_the_map_is_qts(code: int, der: bytes) -> None:
    """qt-1.9#100: 18 codes, names and missing certificates; everything else is unspecified."""
    error = SslError.fromIssue(VerificationIssue(code, 1, der))
    assert error.error() is _QTS_MAP.get(int(code), _Code.UnspecifiedError)
    assert error.engineCode() == code
    assert error.depth() == 1
    assert error.certificate().toDer().data() == der
    assert len(error.errorString()) > 10
    assert "nknown error" not in error.errorString()


def test_engine_errors_have_words_of_their_own(der: bytes) -> None:
    """Where Qt says "Unknown error" the engine's words are used."""
    weak, long = (
        SslError.fromIssue(VerificationIssue(code, 0, der))
        for code in (IssueCode.CA_MD_TOO_WEAK, IssueCode.CERT_CHAIN_TOO_LONG)
    )
    assert weak.error() is long.error() is _Code.UnspecifiedError
    assert weak.errorString() != long.errorString()
    assert weak.errorString()[0].isupper()
    assert weak.errorString()[-1] != "."


@pytest.mark.parametrize("code", list(_Code))
def test_errors_made_by_programs_have_words(code: QSslError.SslError) -> None:
    """Every value of Qt's enum has a text, also those for which Qt has none."""
    error = SslError(code)
    assert error.error() is code
    assert (error.engineCode(), error.depth()) == (0, 0)
    assert error.certificate().isNull()
    assert len(error.errorString()) >= len("No error")
    assert "nknown error" not in error.errorString()


def test_default_is_no_error() -> None:
    """As in Qt."""
    assert SslError().error() is _Code.NoError


def test_equality(leaf: SslCertificate, der: bytes) -> None:
    """Code, engine code and certificate count, depth does not."""
    expired = SslError.fromIssue(VerificationIssue(IssueCode.CERT_HAS_EXPIRED, 0, der))
    assert expired == SslError.fromIssue(VerificationIssue(IssueCode.CERT_HAS_EXPIRED, 2, der))
    assert hash(expired) == hash(SslError.fromIssue(VerificationIssue(IssueCode.CERT_HAS_EXPIRED, 2, der)))
    assert expired != SslError(_Code.CertificateExpired, leaf)
    assert SslError(_Code.CertificateExpired, leaf) == SslError(_Code.CertificateExpired, leaf)
    assert SslError(_Code.CertificateExpired, leaf) != SslError(_Code.CertificateExpired)


def test_matching_errors_to_ignore(leaf: SslCertificate, der: bytes, pki: PublicKeyInfrastructure) -> None:
    """An error that the program made matches by code and certificate, of either type."""
    expired = SslError.fromIssue(VerificationIssue(IssueCode.CERT_HAS_EXPIRED, 0, der))
    for same in (SslError(_Code.CertificateExpired, leaf), QSslError(_Code.CertificateExpired, leaf.toQt())):
        assert expired.matches(same)
    assert SslError(_Code.CertificateExpired, leaf).matches(expired)
    for different in (
        SslError(_Code.CertificateExpired),
        SslError(_Code.CertificateExpired, SslCertificate(pki.ca.certificate)),
        SslError(_Code.SelfSignedCertificate, leaf),
        QSslError(_Code.CertificateExpired),
    ):
        assert not expired.matches(different)
    with pytest.raises(TypeError, match="other"):
        expired.matches(_Code.CertificateExpired)  # type: ignore[arg-type] # the mistake under test


def test_unspecified_errors_of_the_engine_are_told_apart(leaf: SslCertificate, der: bytes) -> None:
    """Ignoring a too long chain must not ignore a weak signature of the same certificate."""
    weak = SslError.fromIssue(VerificationIssue(IssueCode.CA_MD_TOO_WEAK, 0, der))
    long = SslError.fromIssue(VerificationIssue(IssueCode.CERT_CHAIN_TOO_LONG, 0, der))
    assert not weak.matches(long)
    assert weak != long
    assert weak.matches(SslError.fromIssue(VerificationIssue(IssueCode.CA_MD_TOO_WEAK, 1, der)))
    assert weak.matches(SslError(_Code.UnspecifiedError, leaf))


def test_overridable(der: bytes) -> None:
    """Forgery and revocation never, an expired or self-signed certificate with the user's consent."""
    assert SslError.fromIssue(VerificationIssue(IssueCode.CERT_HAS_EXPIRED, 0, der)).isOverridable()
    assert not SslError.fromIssue(VerificationIssue(IssueCode.CERT_REVOKED, 0, der)).isOverridable()
    assert not SslError.fromIssue(VerificationIssue(54321, 0, der)).isOverridable()
    assert SslError(_Code.SelfSignedCertificate).isOverridable()
    assert not SslError(_Code.CertificateSignatureFailed).isOverridable()
    assert not SslError(_Code.CertificateBlacklisted).isOverridable()


def test_qts_type_both_ways(leaf: SslCertificate, der: bytes) -> None:
    """Code and certificate survive."""
    error = SslError.fromIssue(VerificationIssue(IssueCode.CERT_HAS_EXPIRED, 0, der))
    assert error.toQt() == QSslError(_Code.CertificateExpired, leaf.toQt())
    assert SslError(error.toQt()) == SslError(_Code.CertificateExpired, leaf)
    assert SslError(_Code.NoPeerCertificate).toQt() == QSslError(_Code.NoPeerCertificate)


def test_wrong_types(leaf: SslCertificate) -> None:
    """Numbers are no codes, bytes no certificates, and a QSslError has its certificate."""
    with pytest.raises(TypeError, match="error"):
        SslError(9)  # type: ignore[arg-type] # the mistake under test
    with pytest.raises(TypeError, match="certificate"):
        SslError(_Code.CertificateExpired, leaf.toDer())  # type: ignore[arg-type] # the mistake under test
    with pytest.raises(TypeError, match="certificate"):
        SslError(QSslError(_Code.CertificateExpired), leaf)
