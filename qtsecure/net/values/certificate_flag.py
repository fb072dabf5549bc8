"""What is wrong with a certificate, in the few words of Gio."""

from __future__ import annotations

import enum
from collections.abc import Iterable

from qtsecure.engine.verification import IssueCode
from qtsecure.net.shown_names import ShowsItsName
from qtsecure.net.values.ssl_error import SslError

__all__ = ["CertificateFlag", "certificateFlags"]


class CertificateFlag(ShowsItsName, enum.IntFlag):
    """Kinds of certificate errors; the numbers are those of Gio.TlsCertificateFlags.

    They are for telling somebody. Never accept a certificate because of the flags that are missing:
    verification may end before everything wrong was found.
    """

    NoFlags = 0
    UnknownCa = 1
    """No trusted authority has issued it."""
    BadIdentity = 2
    """It is for another name, or there was no name to compare it with."""
    NotActivated = 4
    """It is not yet valid."""
    Expired = 8
    Revoked = 16
    Insecure = 32
    """A key or signature of the chain is too weak."""
    GenericError = 64
    """Anything else."""
    ValidateAll = 127


_KINDS: dict[CertificateFlag, tuple[int, ...]] = {
    CertificateFlag.UnknownCa: (
        IssueCode.UNABLE_TO_GET_ISSUER_CERT,
        IssueCode.DEPTH_ZERO_SELF_SIGNED_CERT,
        IssueCode.SELF_SIGNED_CERT_IN_CHAIN,
        IssueCode.UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
        IssueCode.UNABLE_TO_VERIFY_LEAF_SIGNATURE,
        IssueCode.CERT_UNTRUSTED,
    ),
    CertificateFlag.BadIdentity: (
        IssueCode.HOSTNAME_MISMATCH,
        IssueCode.EMAIL_MISMATCH,
        IssueCode.IP_ADDRESS_MISMATCH,
        IssueCode.INVALID_HOST_NAME,
    ),
    CertificateFlag.NotActivated: (IssueCode.CERT_NOT_YET_VALID,),
    CertificateFlag.Expired: (IssueCode.CERT_HAS_EXPIRED,),
    CertificateFlag.Revoked: (IssueCode.CERT_REVOKED,),
    CertificateFlag.Insecure: (
        IssueCode.EE_KEY_TOO_SMALL,
        IssueCode.CA_KEY_TOO_SMALL,
        IssueCode.CA_MD_TOO_WEAK,
    ),
}
_FLAGS = {int(code): flag for flag, codes in _KINDS.items() for code in codes}


def certificateFlags(errors: Iterable[SslError]) -> CertificateFlag:
    """The flags of all errors of a handshake together; at least one if there is any error."""
    flags = CertificateFlag.NoFlags
    for error in errors:
        flags |= _FLAGS.get(error.engineCode(), CertificateFlag.GenericError)
    return flags
