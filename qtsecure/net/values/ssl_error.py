"""One thing that is wrong with the peer's certificate, in Qt's vocabulary."""

from __future__ import annotations

from PySide6.QtNetwork import QSslCertificate, QSslError

from qtsecure.engine.verification import IssueCode, VerificationIssue, is_overridable
from qtsecure.net.values.ssl_certificate import SslCertificate

__all__ = ["SslError"]

_Code = QSslError.SslError

# The map of Qt's OpenSSL backend, also for stapled status; whatever is not here is UnspecifiedError.
_FROM_ENGINE: dict[int, QSslError.SslError] = {
    IssueCode.UNABLE_TO_GET_ISSUER_CERT: _Code.UnableToGetIssuerCertificate,
    IssueCode.UNABLE_TO_DECRYPT_CERT_SIGNATURE: _Code.UnableToDecryptCertificateSignature,
    IssueCode.UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY: _Code.UnableToDecodeIssuerPublicKey,
    IssueCode.CERT_SIGNATURE_FAILURE: _Code.CertificateSignatureFailed,
    IssueCode.CERT_NOT_YET_VALID: _Code.CertificateNotYetValid,
    IssueCode.CERT_HAS_EXPIRED: _Code.CertificateExpired,
    IssueCode.ERROR_IN_CERT_NOT_BEFORE_FIELD: _Code.InvalidNotBeforeField,
    IssueCode.ERROR_IN_CERT_NOT_AFTER_FIELD: _Code.InvalidNotAfterField,
    IssueCode.DEPTH_ZERO_SELF_SIGNED_CERT: _Code.SelfSignedCertificate,
    IssueCode.SELF_SIGNED_CERT_IN_CHAIN: _Code.SelfSignedCertificateInChain,
    IssueCode.UNABLE_TO_GET_ISSUER_CERT_LOCALLY: _Code.UnableToGetLocalIssuerCertificate,
    IssueCode.UNABLE_TO_VERIFY_LEAF_SIGNATURE: _Code.UnableToVerifyFirstCertificate,
    IssueCode.CERT_REVOKED: _Code.CertificateRevoked,
    IssueCode.INVALID_CA: _Code.InvalidCaCertificate,
    IssueCode.PATH_LENGTH_EXCEEDED: _Code.PathLengthExceeded,
    IssueCode.INVALID_PURPOSE: _Code.InvalidPurpose,
    IssueCode.CERT_UNTRUSTED: _Code.CertificateUntrusted,
    IssueCode.CERT_REJECTED: _Code.CertificateRejected,
    IssueCode.HOSTNAME_MISMATCH: _Code.HostNameMismatch,
    IssueCode.IP_ADDRESS_MISMATCH: _Code.HostNameMismatch,
    IssueCode.INVALID_HOST_NAME: _Code.HostNameMismatch,
    IssueCode.NO_PEER_CERTIFICATE: _Code.NoPeerCertificate,
    IssueCode.STATUS_NOT_SENT: _Code.OcspNoResponseFound,
    IssueCode.STATUS_DEMANDED: _Code.OcspNoResponseFound,
    IssueCode.STATUS_UNREADABLE: _Code.OcspMalformedResponse,
    IssueCode.STATUS_MALFORMED_REQUEST: _Code.OcspMalformedRequest,
    IssueCode.STATUS_INTERNAL_ERROR: _Code.OcspInternalError,
    IssueCode.STATUS_TRY_LATER: _Code.OcspTryLater,
    IssueCode.STATUS_SIGNATURE_REQUIRED: _Code.OcspSigRequred,
    IssueCode.STATUS_UNAUTHORIZED: _Code.OcspUnauthorized,
    IssueCode.STATUS_UNTRUSTED_RESPONDER: _Code.OcspResponseCannotBeTrusted,
    IssueCode.STATUS_FORGED: _Code.OcspResponseCannotBeTrusted,
    IssueCode.STATUS_OF_ANOTHER: _Code.OcspResponseCertIdUnknown,
    IssueCode.STATUS_FROM_FUTURE: _Code.OcspResponseExpired,
    IssueCode.STATUS_OUT_OF_DATE: _Code.OcspResponseExpired,
    IssueCode.STATUS_UNKNOWN: _Code.OcspStatusUnknown,
    IssueCode.STATUS_REVOKED: _Code.CertificateRevoked,
}

# For errors that the program made: which of the engine's codes says the same, the first of them
# where there are several.
_TO_ENGINE: dict[QSslError.SslError, int] = {
    **{error: code for code, error in reversed(_FROM_ENGINE.items())},
    _Code.SubjectIssuerMismatch: IssueCode.SUBJECT_ISSUER_MISMATCH,
    _Code.AuthorityIssuerSerialNumberMismatch: IssueCode.AKID_ISSUER_SERIAL_MISMATCH,
}

_OTHER_TEXTS = {
    _Code.NoError: "No error",
    _Code.NoSslSupport: "TLS is not available",
    _Code.CertificateBlacklisted: "The certificate is on a list of certificates that must not be used",
    _Code.CertificateStatusUnknown: "The revocation status of the certificate is unknown",
    _Code.OcspNoResponseFound: "The revocation status of the certificate was not sent",
    _Code.OcspMalformedRequest: "The responder could not read the request for the revocation status",
    _Code.OcspMalformedResponse: "The revocation status of the certificate cannot be read",
    _Code.OcspInternalError: "The responder for the revocation status had an internal error",
    _Code.OcspTryLater: "The responder for the revocation status cannot answer now",
    _Code.OcspSigRequred: "The responder for the revocation status demands a signed request",
    _Code.OcspUnauthorized: "The responder for the revocation status refuses to answer",
    _Code.OcspResponseCannotBeTrusted: "The responder for the revocation status is not trusted",
    _Code.OcspResponseCertIdUnknown: "The revocation status is about another certificate",
    _Code.OcspResponseExpired: "The revocation status of the certificate is out of date",
    _Code.OcspStatusUnknown: "The responder for the revocation status does not know the certificate",
}


class SslError:
    """An immutable verification error; methods follow ``QSslError``.

    Errors of a handshake come from the engine and know more than Qt's code; a program makes its own
    for lists of errors to ignore, as with Qt. Usable from any thread.

    Args:
        error: Qt's code, or a ``QSslError``.
        certificate: The certificate it is about; must be None for a ``QSslError``, which has one.

    Raises:
        TypeError: An argument is of another type.
    """

    __slots__ = ("_certificate", "_error", "_issue")

    def __init__(
        self,
        error: QSslError.SslError | QSslError = QSslError.SslError.NoError,
        certificate: SslCertificate | QSslCertificate | None = None,
    ) -> None:
        self._issue: VerificationIssue | None = None
        if isinstance(error, QSslError):
            if certificate is not None:
                raise TypeError("certificate must not be given together with a QSslError, which has its own")
            certificate = error.certificate()
            error = error.error()
        if not isinstance(error, QSslError.SslError):
            raise TypeError(f"error must be a QSslError.SslError or a QSslError, not {type(error).__name__}")
        if certificate is not None and not isinstance(certificate, (SslCertificate, QSslCertificate)):
            raise TypeError(
                f"certificate must be an SslCertificate or a QSslCertificate, not {type(certificate).__name__}"
            )
        self._error = error
        self._certificate = SslCertificate(certificate)

    @staticmethod
    def fromQt(error: QSslError) -> SslError:
        """Return the error of Qt's type."""
        if not isinstance(error, QSslError):
            raise TypeError(f"error must be a QSslError, not {type(error).__name__}")
        return SslError(error)

    @staticmethod
    def fromIssue(issue: VerificationIssue) -> SslError:
        """Return the error for what the engine found."""
        error = SslError(_FROM_ENGINE.get(issue.code, _Code.UnspecifiedError), SslCertificate(issue.certificate))
        error._issue = issue
        return error

    def error(self) -> QSslError.SslError:
        """Return Qt's code; ``UnspecifiedError`` where Qt has none, see :meth:`engineCode`."""
        return self._error

    def errorString(self) -> str:
        """Return what is wrong in plain words, without full stop, as Qt does."""
        if self._issue is not None:
            text = self._issue.text
        elif self._error in _OTHER_TEXTS:
            return _OTHER_TEXTS[self._error]
        else:
            text = VerificationIssue(_TO_ENGINE.get(self._error, IssueCode.UNSPECIFIED), 0, None).text
        return text[:1].upper() + text[1:]

    def certificate(self) -> SslCertificate:
        """Return the certificate that the error is about; null if there is none."""
        return self._certificate

    def depth(self) -> int:
        """Return the position of the certificate in the chain; 0 is the peer's own."""
        return 0 if self._issue is None else self._issue.depth

    def engineCode(self) -> int:
        """Return OpenSSL's number (``X509_V_ERR_*``) or a negative one for what qtsecure found.

        It is 0 for errors that do not come from a handshake.
        """
        return 0 if self._issue is None else self._issue.code

    def isOverridable(self) -> bool:
        """Whether a dialog should offer to go on in spite of the error; advice only."""
        code = self.engineCode() or _TO_ENGINE.get(self._error)
        return code is not None and is_overridable(code)

    def matches(self, other: SslError | QSslError) -> bool:
        """Whether both have the same code and certificate.

        Qt has one code for many causes: if both errors come from handshakes, the causes must be
        equal, too. An error that was made from Qt's code matches each of its causes.

        Raises:
            TypeError: ``other`` is of another type.
        """
        if isinstance(other, QSslError):
            other = SslError(other)
        elif not isinstance(other, SslError):
            raise TypeError(f"other must be an SslError or a QSslError, not {type(other).__name__}")
        if self._issue is not None and other._issue is not None and self._issue.code != other._issue.code:
            return False
        return self._error == other._error and self._certificate == other._certificate

    def toQt(self) -> QSslError:
        """Return Qt's type, the first use of which loads Qt's TLS backend."""
        if self._certificate.isNull():
            return QSslError(self._error)
        return QSslError(self._error, self._certificate.toQt())

    def _key(self) -> tuple[QSslError.SslError, int, SslCertificate]:
        return self._error, self.engineCode(), self._certificate

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, SslError) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def __copy__(self) -> SslError:
        return self

    def __deepcopy__(self, memo: object) -> SslError:
        return self

    def __repr__(self) -> str:
        return f"<SslError {self._error.name} ({self.errorString()}) {self._certificate!r}>"
