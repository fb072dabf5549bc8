"""What can be wrong with a peer's certificate: numbers, names, plain words and the alert to send."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from qtsecure.engine.alerts import AlertDescription
from qtsecure.engine.certificate_names import describe_names_untrusted

__all__ = ["IssueCode", "VerificationIssue", "is_overridable"]


class IssueCode(enum.IntEnum):
    """Kinds of verification issue.

    Positive numbers are OpenSSL 4's ``X509_V_ERR_*``; negative ones are found by this package.
    """

    NO_PEER_CERTIFICATE = -1
    INVALID_HOST_NAME = -2
    UNKNOWN_RESULT = -3
    STATUS_NOT_SENT = -4
    STATUS_DEMANDED = -5
    STATUS_UNREADABLE = -6
    STATUS_MALFORMED_REQUEST = -7
    STATUS_INTERNAL_ERROR = -8
    STATUS_TRY_LATER = -9
    STATUS_SIGNATURE_REQUIRED = -10
    STATUS_UNAUTHORIZED = -11
    STATUS_UNTRUSTED_RESPONDER = -12
    STATUS_FORGED = -13
    STATUS_OF_ANOTHER = -14
    STATUS_FROM_FUTURE = -15
    STATUS_OUT_OF_DATE = -16
    STATUS_UNKNOWN = -17
    STATUS_REVOKED = -18
    UNSPECIFIED = 1
    UNABLE_TO_GET_ISSUER_CERT = 2
    UNABLE_TO_GET_CRL = 3
    UNABLE_TO_DECRYPT_CERT_SIGNATURE = 4
    UNABLE_TO_DECRYPT_CRL_SIGNATURE = 5
    UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY = 6
    CERT_SIGNATURE_FAILURE = 7
    CRL_SIGNATURE_FAILURE = 8
    CERT_NOT_YET_VALID = 9
    CERT_HAS_EXPIRED = 10
    CRL_NOT_YET_VALID = 11
    CRL_HAS_EXPIRED = 12
    ERROR_IN_CERT_NOT_BEFORE_FIELD = 13
    ERROR_IN_CERT_NOT_AFTER_FIELD = 14
    ERROR_IN_CRL_LAST_UPDATE_FIELD = 15
    ERROR_IN_CRL_NEXT_UPDATE_FIELD = 16
    OUT_OF_MEM = 17
    DEPTH_ZERO_SELF_SIGNED_CERT = 18
    SELF_SIGNED_CERT_IN_CHAIN = 19
    UNABLE_TO_GET_ISSUER_CERT_LOCALLY = 20
    UNABLE_TO_VERIFY_LEAF_SIGNATURE = 21
    CERT_CHAIN_TOO_LONG = 22
    CERT_REVOKED = 23
    NO_ISSUER_PUBLIC_KEY = 24
    PATH_LENGTH_EXCEEDED = 25
    INVALID_PURPOSE = 26
    CERT_UNTRUSTED = 27
    CERT_REJECTED = 28
    SUBJECT_ISSUER_MISMATCH = 29
    AKID_SKID_MISMATCH = 30
    AKID_ISSUER_SERIAL_MISMATCH = 31
    KEYUSAGE_NO_CERTSIGN = 32
    UNABLE_TO_GET_CRL_ISSUER = 33
    UNHANDLED_CRITICAL_EXTENSION = 34
    KEYUSAGE_NO_CRL_SIGN = 35
    UNHANDLED_CRITICAL_CRL_EXTENSION = 36
    INVALID_NON_CA = 37
    PROXY_PATH_LENGTH_EXCEEDED = 38
    KEYUSAGE_NO_DIGITAL_SIGNATURE = 39
    PROXY_CERTIFICATES_NOT_ALLOWED = 40
    INVALID_EXTENSION = 41
    INVALID_POLICY_EXTENSION = 42
    NO_EXPLICIT_POLICY = 43
    DIFFERENT_CRL_SCOPE = 44
    UNSUPPORTED_EXTENSION_FEATURE = 45
    UNNESTED_RESOURCE = 46
    PERMITTED_VIOLATION = 47
    EXCLUDED_VIOLATION = 48
    SUBTREE_MINMAX = 49
    APPLICATION_VERIFICATION = 50
    UNSUPPORTED_CONSTRAINT_TYPE = 51
    UNSUPPORTED_CONSTRAINT_SYNTAX = 52
    UNSUPPORTED_NAME_SYNTAX = 53
    CRL_PATH_VALIDATION_ERROR = 54
    PATH_LOOP = 55
    SUITE_B_INVALID_VERSION = 56
    SUITE_B_INVALID_ALGORITHM = 57
    SUITE_B_INVALID_CURVE = 58
    SUITE_B_INVALID_SIGNATURE_ALGORITHM = 59
    SUITE_B_LOS_NOT_ALLOWED = 60
    SUITE_B_CANNOT_SIGN_P_384_WITH_P_256 = 61
    HOSTNAME_MISMATCH = 62
    EMAIL_MISMATCH = 63
    IP_ADDRESS_MISMATCH = 64
    DANE_NO_MATCH = 65
    EE_KEY_TOO_SMALL = 66
    CA_KEY_TOO_SMALL = 67
    CA_MD_TOO_WEAK = 68
    INVALID_CALL = 69
    STORE_LOOKUP = 70
    NO_VALID_SCTS = 71
    PROXY_SUBJECT_NAME_VIOLATION = 72
    OCSP_VERIFY_NEEDED = 73
    OCSP_VERIFY_FAILED = 74
    OCSP_CERT_UNKNOWN = 75
    UNSUPPORTED_SIGNATURE_ALGORITHM = 76
    SIGNATURE_ALGORITHM_MISMATCH = 77
    SIGNATURE_ALGORITHM_INCONSISTENCY = 78
    INVALID_CA = 79
    PATHLEN_INVALID_FOR_NON_CA = 80
    PATHLEN_WITHOUT_KU_KEY_CERT_SIGN = 81
    KU_KEY_CERT_SIGN_INVALID_FOR_NON_CA = 82
    ISSUER_NAME_EMPTY = 83
    SUBJECT_NAME_EMPTY = 84
    MISSING_AUTHORITY_KEY_IDENTIFIER = 85
    MISSING_SUBJECT_KEY_IDENTIFIER = 86
    EMPTY_SUBJECT_ALT_NAME = 87
    EMPTY_SUBJECT_SAN_NOT_CRITICAL = 88
    CA_BCONS_NOT_CRITICAL = 89
    AUTHORITY_KEY_IDENTIFIER_CRITICAL = 90
    SUBJECT_KEY_IDENTIFIER_CRITICAL = 91
    CA_CERT_MISSING_KEY_USAGE = 92
    EXTENSIONS_REQUIRE_VERSION_3 = 93
    EC_KEY_EXPLICIT_PARAMS = 94
    RPK_UNTRUSTED = 95
    OCSP_RESP_INVALID = 96
    OCSP_SIGNATURE_FAILURE = 97
    OCSP_NOT_YET_VALID = 98
    OCSP_HAS_EXPIRED = 99
    OCSP_NO_RESPONSE = 100
    CRL_VERIFY_FAILED = 101
    EMPTY_AUTHORITY_KEY_IDENTIFIER = 102
    AKID_ISSUER_SERIAL_NOT_PAIRED = 103
    IDP_ONLY_USER_CA_ATTR_EXCLUSIVE = 104

    @property
    def is_status(self) -> bool:
        """Whether it is about the revocation status that a server has stapled."""
        return IssueCode.STATUS_REVOKED <= self <= IssueCode.STATUS_NOT_SENT


_I = IssueCode
_D = AlertDescription

_TEXTS: Final = MappingProxyType(
    {
        _I.NO_PEER_CERTIFICATE: "the peer has not sent a certificate",
        _I.INVALID_HOST_NAME: "the name of the server cannot be the name of any certificate",
        _I.UNKNOWN_RESULT: "the verification of the certificate ended without a result",
        _I.STATUS_NOT_SENT: "the server did not send the revocation status of its certificate, which was asked for",
        _I.STATUS_DEMANDED: (
            "the certificate may only be used together with its revocation status, which the server did not send"
        ),
        _I.STATUS_UNREADABLE: "the revocation status that the server sent cannot be read",
        _I.STATUS_MALFORMED_REQUEST: (
            "the server sent an error of its responder instead of a revocation status: the request was malformed"
        ),
        _I.STATUS_INTERNAL_ERROR: (
            "the server sent an error of its responder instead of a revocation status: an internal error"
        ),
        _I.STATUS_TRY_LATER: "the server sent an error of its responder instead of a revocation status: try later",
        _I.STATUS_SIGNATURE_REQUIRED: (
            "the server sent an error of its responder instead of a revocation status: the request must be signed"
        ),
        _I.STATUS_UNAUTHORIZED: (
            "the server sent an error of its responder instead of a revocation status: it refuses to answer"
        ),
        _I.STATUS_UNTRUSTED_RESPONDER: (
            "the revocation status was signed by somebody whom the certificate's issuer has not authorized"
        ),
        _I.STATUS_FORGED: "the signature of the revocation status is wrong: it was changed or forged",
        _I.STATUS_OF_ANOTHER: "the revocation status that the server sent is about another certificate",
        _I.STATUS_FROM_FUTURE: "the revocation status is not valid yet, or the clock of this computer is wrong",
        _I.STATUS_OUT_OF_DATE: "the revocation status is out of date, or the clock of this computer is wrong",
        _I.STATUS_UNKNOWN: "the responder of the certificate's issuer does not know the certificate",
        _I.STATUS_REVOKED: "the certificate has been revoked: its own server has sent a revocation status that says so",
        _I.UNSPECIFIED: "the certificate could not be verified for an unknown reason",
        _I.UNABLE_TO_GET_ISSUER_CERT: "the certificate of an authority in the chain is missing",
        _I.UNABLE_TO_GET_CRL: "there is no revocation list that tells whether the certificate is still good",
        _I.UNABLE_TO_DECRYPT_CERT_SIGNATURE: "the signature of the certificate cannot be read",
        _I.UNABLE_TO_DECRYPT_CRL_SIGNATURE: "the signature of the revocation list cannot be read",
        _I.UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY: "the public key of the certificate's issuer cannot be read",
        _I.CERT_SIGNATURE_FAILURE: "the signature of the certificate is wrong: it was changed or forged",
        _I.CRL_SIGNATURE_FAILURE: "the signature of the revocation list is wrong: it was changed or forged",
        _I.CERT_NOT_YET_VALID: "the certificate is not valid yet, or the clock of this computer is wrong",
        _I.CERT_HAS_EXPIRED: "the certificate has expired, or the clock of this computer is wrong",
        _I.CRL_NOT_YET_VALID: "the revocation list is not valid yet, or the clock of this computer is wrong",
        _I.CRL_HAS_EXPIRED: "the revocation list is out of date",
        _I.ERROR_IN_CERT_NOT_BEFORE_FIELD: "the certificate has an unreadable date of first validity",
        _I.ERROR_IN_CERT_NOT_AFTER_FIELD: "the certificate has an unreadable date of expiry",
        _I.ERROR_IN_CRL_LAST_UPDATE_FIELD: "the revocation list has an unreadable date of issue",
        _I.ERROR_IN_CRL_NEXT_UPDATE_FIELD: "the revocation list has an unreadable date of expiry",
        _I.OUT_OF_MEM: "there was not enough memory to verify the certificate",
        _I.DEPTH_ZERO_SELF_SIGNED_CERT: "the certificate is signed by itself and not by a trusted authority",
        _I.SELF_SIGNED_CERT_IN_CHAIN: "the certificate was issued by an authority that is not trusted here",
        _I.UNABLE_TO_GET_ISSUER_CERT_LOCALLY: (
            "the certificate was issued by an unknown authority, or an intermediate certificate is missing"
        ),
        _I.UNABLE_TO_VERIFY_LEAF_SIGNATURE: (
            "the certificate cannot be verified because none of its issuers was sent or is known here"
        ),
        _I.CERT_CHAIN_TOO_LONG: "there are more certificates between this one and a trusted authority than are allowed",
        _I.CERT_REVOKED: "the certificate has been revoked by its issuer",
        _I.NO_ISSUER_PUBLIC_KEY: "the certificate's issuer has no public key",
        _I.PATH_LENGTH_EXCEEDED: "there are more authorities below an authority than it allows",
        _I.INVALID_PURPOSE: "the certificate was issued for another purpose than this kind of connection",
        _I.CERT_UNTRUSTED: "the authority is not trusted for this purpose",
        _I.CERT_REJECTED: "the authority is marked as rejected for this purpose",
        _I.SUBJECT_ISSUER_MISMATCH: "the certificate names another issuer than the one that was found",
        _I.AKID_SKID_MISMATCH: "the certificate names another key of its issuer than the one that was found",
        _I.AKID_ISSUER_SERIAL_MISMATCH: (
            "the certificate names another certificate of its issuer than the one that was found"
        ),
        _I.KEYUSAGE_NO_CERTSIGN: "the issuer is not allowed to sign certificates",
        _I.UNABLE_TO_GET_CRL_ISSUER: "the issuer of the revocation list is not known here",
        _I.UNHANDLED_CRITICAL_EXTENSION: "the certificate has a critical extension that is not understood",
        _I.KEYUSAGE_NO_CRL_SIGN: "the issuer is not allowed to sign revocation lists",
        _I.UNHANDLED_CRITICAL_CRL_EXTENSION: "the revocation list has a critical extension that is not understood",
        _I.INVALID_NON_CA: "the certificate belongs to an authority, where one of a server or client is expected",
        _I.PROXY_PATH_LENGTH_EXCEEDED: "there are more proxy certificates than are allowed",
        _I.KEYUSAGE_NO_DIGITAL_SIGNATURE: "the certificate is not allowed to make signatures",
        _I.PROXY_CERTIFICATES_NOT_ALLOWED: "the certificate is a proxy certificate, which is not allowed here",
        _I.INVALID_EXTENSION: "the certificate has an invalid or contradictory extension",
        _I.INVALID_POLICY_EXTENSION: "the certificate has an invalid or contradictory policy extension",
        _I.NO_EXPLICIT_POLICY: "the certificate was not issued under a required policy",
        _I.DIFFERENT_CRL_SCOPE: "the revocation list is not responsible for the certificate",
        _I.UNSUPPORTED_EXTENSION_FEATURE: "the certificate needs a feature of an extension that is not supported",
        _I.UNNESTED_RESOURCE: "the certificate claims network addresses that its issuer does not have",
        _I.PERMITTED_VIOLATION: "the certificate has a name that its issuer is not permitted to certify",
        _I.EXCLUDED_VIOLATION: "the certificate has a name that its issuer is forbidden to certify",
        _I.SUBTREE_MINMAX: "the issuer limits names in a way that is not supported",
        _I.APPLICATION_VERIFICATION: "the application refused the certificate",
        _I.UNSUPPORTED_CONSTRAINT_TYPE: "the issuer limits a kind of name that is not supported",
        _I.UNSUPPORTED_CONSTRAINT_SYNTAX: "the issuer limits names in a form that cannot be read",
        _I.UNSUPPORTED_NAME_SYNTAX: "the certificate has a name in a form that cannot be read",
        _I.CRL_PATH_VALIDATION_ERROR: "the issuer of the revocation list could not be verified",
        _I.PATH_LOOP: "the issuers of the certificate form a circle",
        _I.SUITE_B_INVALID_VERSION: "the certificate has a version that Suite B does not allow",
        _I.SUITE_B_INVALID_ALGORITHM: "the certificate has a kind of key that Suite B does not allow",
        _I.SUITE_B_INVALID_CURVE: "the certificate has a key on a curve that Suite B does not allow",
        _I.SUITE_B_INVALID_SIGNATURE_ALGORITHM: "the certificate has a kind of signature that Suite B does not allow",
        _I.SUITE_B_LOS_NOT_ALLOWED: "the certificate does not reach the required level of Suite B",
        _I.SUITE_B_CANNOT_SIGN_P_384_WITH_P_256: "the issuer has a weaker key than Suite B allows for this certificate",
        _I.HOSTNAME_MISMATCH: "the certificate is not valid for the host name that was asked for",
        _I.EMAIL_MISMATCH: "the certificate belongs to another e-mail address",
        _I.IP_ADDRESS_MISMATCH: "the certificate is not valid for the IP address that was asked for",
        _I.DANE_NO_MATCH: "the certificate does not match the DANE records of the server",
        _I.EE_KEY_TOO_SMALL: "the key of the certificate is too short to be secure",
        _I.CA_KEY_TOO_SMALL: "the key of an authority in the chain is too short to be secure",
        _I.CA_MD_TOO_WEAK: "the certificate is signed with an outdated method that can be forged",
        _I.INVALID_CALL: "the verification was started in a wrong way",
        _I.STORE_LOOKUP: "the store of trusted certificates could not be searched",
        _I.NO_VALID_SCTS: "the certificate is not in the public logs of Certificate Transparency",
        _I.PROXY_SUBJECT_NAME_VIOLATION: "the proxy certificate has a name that its issuer must not give",
        _I.OCSP_VERIFY_NEEDED: "the revocation status of the certificate still has to be checked",
        _I.OCSP_VERIFY_FAILED: "the revocation status of the certificate could not be checked",
        _I.OCSP_CERT_UNKNOWN: "the responder for the revocation status does not know the certificate",
        _I.UNSUPPORTED_SIGNATURE_ALGORITHM: "the certificate is signed with a method that is not supported",
        _I.SIGNATURE_ALGORITHM_MISMATCH: "the method of the certificate's signature does not fit the key of its issuer",
        _I.SIGNATURE_ALGORITHM_INCONSISTENCY: "the certificate contradicts itself about the method of its signature",
        _I.INVALID_CA: "the issuer of the certificate is not allowed to issue certificates",
        _I.PATHLEN_INVALID_FOR_NON_CA: "the certificate has a limit that only authorities may have",
        _I.PATHLEN_WITHOUT_KU_KEY_CERT_SIGN: "an authority has a path limit, but may not sign certificates",
        _I.KU_KEY_CERT_SIGN_INVALID_FOR_NON_CA: "the certificate may sign others, but is not an authority",
        _I.ISSUER_NAME_EMPTY: "the certificate does not name its issuer",
        _I.SUBJECT_NAME_EMPTY: "the certificate has an empty subject",
        _I.MISSING_AUTHORITY_KEY_IDENTIFIER: "the certificate does not identify the key of its issuer",
        _I.MISSING_SUBJECT_KEY_IDENTIFIER: "the certificate does not identify its own key",
        _I.EMPTY_SUBJECT_ALT_NAME: "the certificate has an empty list of names",
        _I.EMPTY_SUBJECT_SAN_NOT_CRITICAL: (
            "the certificate has no subject, but its list of names is not marked as critical"
        ),
        _I.CA_BCONS_NOT_CRITICAL: "an authority's basic constraints are not marked as critical",
        _I.AUTHORITY_KEY_IDENTIFIER_CRITICAL: "the identifier of the issuer's key is wrongly marked as critical",
        _I.SUBJECT_KEY_IDENTIFIER_CRITICAL: "the identifier of the certificate's key is wrongly marked as critical",
        _I.CA_CERT_MISSING_KEY_USAGE: "an authority does not say what its key may be used for",
        _I.EXTENSIONS_REQUIRE_VERSION_3: "the certificate has extensions, but an old version that cannot have any",
        _I.EC_KEY_EXPLICIT_PARAMS: "the certificate's key is on a curve without a name, which is not allowed",
        _I.RPK_UNTRUSTED: "the peer's raw public key is not trusted here",
        _I.OCSP_RESP_INVALID: "the revocation status that was sent with the certificate cannot be read",
        _I.OCSP_SIGNATURE_FAILURE: "the signature of the certificate's revocation status is wrong",
        _I.OCSP_NOT_YET_VALID: (
            "the certificate's revocation status is from the future, or the clock of this computer is wrong"
        ),
        _I.OCSP_HAS_EXPIRED: "the certificate's revocation status is out of date",
        _I.OCSP_NO_RESPONSE: "the revocation status of the certificate was not sent",
        _I.CRL_VERIFY_FAILED: "the revocation list could not be verified",
        _I.EMPTY_AUTHORITY_KEY_IDENTIFIER: "the certificate identifies the key of its issuer with nothing",
        _I.AKID_ISSUER_SERIAL_NOT_PAIRED: "the certificate identifies its issuer incompletely",
        _I.IDP_ONLY_USER_CA_ATTR_EXCLUSIVE: "the revocation list contradicts itself about the certificates it covers",
    }
)

# As OpenSSL's own ssl_x509err2alert, and for the stapled status as RFC 6066, section 8 has it; every
# code that is not here is certificate_unknown.
_ALERTS: Final = MappingProxyType(
    {
        _I.NO_PEER_CERTIFICATE: _D.CERTIFICATE_REQUIRED,
        _I.INVALID_HOST_NAME: _D.BAD_CERTIFICATE,
        _I.UNKNOWN_RESULT: _D.INTERNAL_ERROR,
        **dict.fromkeys((code for code in _I if code.is_status), _D.BAD_CERTIFICATE_STATUS_RESPONSE),
        _I.UNSPECIFIED: _D.INTERNAL_ERROR,
        _I.UNABLE_TO_GET_ISSUER_CERT: _D.UNKNOWN_CA,
        _I.UNABLE_TO_GET_CRL: _D.UNKNOWN_CA,
        _I.UNABLE_TO_DECRYPT_CERT_SIGNATURE: _D.BAD_CERTIFICATE,
        _I.UNABLE_TO_DECRYPT_CRL_SIGNATURE: _D.BAD_CERTIFICATE,
        _I.UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY: _D.BAD_CERTIFICATE,
        _I.CERT_SIGNATURE_FAILURE: _D.DECRYPT_ERROR,
        _I.CRL_SIGNATURE_FAILURE: _D.DECRYPT_ERROR,
        _I.CERT_NOT_YET_VALID: _D.BAD_CERTIFICATE,
        _I.CERT_HAS_EXPIRED: _D.CERTIFICATE_EXPIRED,
        _I.CRL_NOT_YET_VALID: _D.BAD_CERTIFICATE,
        _I.CRL_HAS_EXPIRED: _D.CERTIFICATE_EXPIRED,
        _I.ERROR_IN_CERT_NOT_BEFORE_FIELD: _D.BAD_CERTIFICATE,
        _I.ERROR_IN_CERT_NOT_AFTER_FIELD: _D.BAD_CERTIFICATE,
        _I.ERROR_IN_CRL_LAST_UPDATE_FIELD: _D.BAD_CERTIFICATE,
        _I.ERROR_IN_CRL_NEXT_UPDATE_FIELD: _D.BAD_CERTIFICATE,
        _I.OUT_OF_MEM: _D.INTERNAL_ERROR,
        _I.DEPTH_ZERO_SELF_SIGNED_CERT: _D.UNKNOWN_CA,
        _I.SELF_SIGNED_CERT_IN_CHAIN: _D.UNKNOWN_CA,
        _I.UNABLE_TO_GET_ISSUER_CERT_LOCALLY: _D.UNKNOWN_CA,
        _I.UNABLE_TO_VERIFY_LEAF_SIGNATURE: _D.UNKNOWN_CA,
        _I.CERT_CHAIN_TOO_LONG: _D.UNKNOWN_CA,
        _I.CERT_REVOKED: _D.CERTIFICATE_REVOKED,
        _I.PATH_LENGTH_EXCEEDED: _D.UNKNOWN_CA,
        _I.INVALID_PURPOSE: _D.UNSUPPORTED_CERTIFICATE,
        _I.CERT_UNTRUSTED: _D.BAD_CERTIFICATE,
        _I.CERT_REJECTED: _D.BAD_CERTIFICATE,
        _I.UNABLE_TO_GET_CRL_ISSUER: _D.UNKNOWN_CA,
        _I.APPLICATION_VERIFICATION: _D.HANDSHAKE_FAILURE,
        _I.HOSTNAME_MISMATCH: _D.BAD_CERTIFICATE,
        _I.EMAIL_MISMATCH: _D.BAD_CERTIFICATE,
        _I.IP_ADDRESS_MISMATCH: _D.BAD_CERTIFICATE,
        _I.DANE_NO_MATCH: _D.BAD_CERTIFICATE,
        _I.EE_KEY_TOO_SMALL: _D.BAD_CERTIFICATE,
        _I.CA_KEY_TOO_SMALL: _D.BAD_CERTIFICATE,
        _I.CA_MD_TOO_WEAK: _D.BAD_CERTIFICATE,
        _I.INVALID_CALL: _D.INTERNAL_ERROR,
        _I.STORE_LOOKUP: _D.INTERNAL_ERROR,
        _I.INVALID_CA: _D.UNKNOWN_CA,
        _I.EC_KEY_EXPLICIT_PARAMS: _D.BAD_CERTIFICATE,
    }
)

_ABOUT_NAMES: Final = frozenset({_I.HOSTNAME_MISMATCH, _I.IP_ADDRESS_MISMATCH})

# Where no user can judge: a proof of forgery, a key that anybody could have by now, a certificate
# that its issuer declares bad, and a verification that did not come to an end.
_NEVER_OVERRIDABLE: Final = frozenset(
    {
        _I.CERT_SIGNATURE_FAILURE,
        _I.UNABLE_TO_DECRYPT_CERT_SIGNATURE,
        _I.CERT_REVOKED,
        _I.EE_KEY_TOO_SMALL,
        _I.CA_KEY_TOO_SMALL,
        _I.CA_MD_TOO_WEAK,
        _I.EC_KEY_EXPLICIT_PARAMS,
        _I.UNKNOWN_RESULT,
        _I.UNSPECIFIED,
        _I.OUT_OF_MEM,
        _I.INVALID_CALL,
        _I.STORE_LOOKUP,
        _I.UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY,
        _I.NO_ISSUER_PUBLIC_KEY,
        _I.STATUS_DEMANDED,
        _I.STATUS_FORGED,
        _I.STATUS_REVOKED,
    }
)


@dataclass(frozen=True, slots=True)
class VerificationIssue:
    """One thing that is wrong with a peer's certificate chain.

    Two issues are equal if code, depth and certificate are.

    Attributes:
        code: An :class:`IssueCode`, or a number of a later OpenSSL.
        depth: The position in the chain; 0 is the peer's own certificate.
        certificate: The certificate in question as DER, or None if there is none.
    """

    code: int
    depth: int
    certificate: bytes | None

    @property
    def name(self) -> str:
        """The name for bug reports, such as ``X509_V_ERR_CERT_HAS_EXPIRED``."""
        code = _known(self.code)
        if code is None:
            return f"X509_V_ERR_{self.code}"
        return f"X509_V_ERR_{code.name}" if code > 0 else code.name

    @property
    def text(self) -> str:
        """What is wrong, in plain words: a fragment without capital letter and full stop.

        Where the name is wrong it tells the first names of the certificate.
        """
        code = _known(self.code)
        if code is None:
            return f"the certificate could not be verified (error {self.code})"
        names = describe_names_untrusted(self.certificate) if code in _ABOUT_NAMES and self.certificate else ""
        return f"{_TEXTS[code]}; {names}" if names else _TEXTS[code]

    @property
    def alert(self) -> AlertDescription:
        """The alert that tells the peer; the same that OpenSSL would send."""
        code = _known(self.code)
        return AlertDescription.CERTIFICATE_UNKNOWN if code is None else _ALERTS.get(code, _D.CERTIFICATE_UNKNOWN)


def is_overridable(code: int) -> bool:
    """Whether it makes sense to ask a user to go on in spite of an issue.

    Only advice for dialogs: the application itself may ignore any issue.

    Args:
        code: An :class:`IssueCode`; unknown numbers are not overridable.
    """
    known = _known(code)
    return known is not None and known not in _NEVER_OVERRIDABLE


def _known(code: int) -> IssueCode | None:
    try:
        return IssueCode(code)
    except ValueError:
        return None
