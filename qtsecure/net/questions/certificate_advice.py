"""What to do about each certificate error, in words for people who do not know X.509."""

from __future__ import annotations

from PySide6.QtNetwork import QSslError

from qtsecure.engine.verification import IssueCode
from qtsecure.net.values import SslError

__all__ = ["adviceFor", "adviceTexts"]

_Code = QSslError.SslError

_UNKNOWN_ISSUER = (
    "If the server belongs to you or your organization, trust its authority. If an intermediate certificate is "
    "missing, the server has to send it, behind its own certificate."
)
_SELF_SIGNED = (
    "Anybody can make such a certificate. If it is yours, compare the fingerprint with that on the server, and "
    "then trust this certificate itself. Otherwise do not go on."
)
_RENEW = "The server needs a new certificate. If the date of this computer is wrong, set its clock."
_MISUSED = "Whoever runs the server has to get a certificate that was made for servers by a proper authority."
_WEAK = "The server needs a new certificate with a longer key and a current signature; RSA 2048 or EC, and SHA-256."
_STATUS = (
    "Whoever runs the server has to renew the revocation status that it staples. If that persists, somebody may be "
    "keeping the true status from you."
)
_CRL = "The program needs a current revocation list of the authority that issued the certificate."
_FORGED = "Do not go on: the certificate was changed on its way, or forged."

_BY_CODE: dict[QSslError.SslError, str] = {
    _Code.CertificateExpired: _RENEW,
    _Code.CertificateNotYetValid: "If the date of this computer is wrong, set its clock; otherwise wait, or ask for "
    "a certificate that is valid now.",
    _Code.HostNameMismatch: "Connect with a name that is in the certificate, or get a certificate with the name that "
    "you use. If neither is possible, somebody may have led you to another server.",
    _Code.SelfSignedCertificate: _SELF_SIGNED,
    _Code.SelfSignedCertificateInChain: _UNKNOWN_ISSUER,
    _Code.UnableToGetLocalIssuerCertificate: _UNKNOWN_ISSUER,
    _Code.UnableToGetIssuerCertificate: _UNKNOWN_ISSUER,
    _Code.UnableToVerifyFirstCertificate: _UNKNOWN_ISSUER,
    _Code.CertificateRevoked: "Do not go on: the key of this certificate may be in the wrong hands. The server needs "
    "a new certificate.",
    _Code.CertificateSignatureFailed: _FORGED,
    _Code.UnableToDecryptCertificateSignature: _FORGED,
    _Code.InvalidPurpose: _MISUSED,
    _Code.InvalidCaCertificate: _MISUSED,
    _Code.PathLengthExceeded: _MISUSED,
    _Code.NoPeerCertificate: "The other side has to show a certificate; on a client, set one.",
    **dict.fromkeys((code for code in _Code if code.name.startswith("Ocsp")), _STATUS),
}
_BY_ISSUE: dict[int, str] = {
    IssueCode.EE_KEY_TOO_SMALL: _WEAK,
    IssueCode.CA_KEY_TOO_SMALL: _WEAK,
    IssueCode.CA_MD_TOO_WEAK: _WEAK,
    IssueCode.UNABLE_TO_GET_CRL: _CRL,
    IssueCode.CRL_HAS_EXPIRED: _CRL,
    IssueCode.CRL_NOT_YET_VALID: _CRL,
    IssueCode.CRL_SIGNATURE_FAILURE: _CRL,
    IssueCode.CERT_CHAIN_TOO_LONG: "Ask whoever runs the server for a chain with fewer intermediate certificates.",
}
_OTHERWISE = "Show this to whoever runs the server; the certificate has to be issued anew."


def adviceTexts() -> frozenset[str]:
    """Return everything that :func:`adviceFor` may say, for translations."""
    return frozenset({*_BY_CODE.values(), *_BY_ISSUE.values(), _OTHERWISE})


def adviceFor(error: SslError) -> str:
    """Return one or two sentences, in English; in windows they are translated under the context "Advice"."""
    return _BY_CODE.get(error.error()) or _BY_ISSUE.get(error.engineCode()) or _OTHERWISE
