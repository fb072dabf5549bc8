"""What a server has stapled about its certificate (RFC 6960), for display."""

from __future__ import annotations

from cryptography.x509 import ocsp
from PySide6.QtCore import QByteArray, QDateTime, QTimeZone
from PySide6.QtNetwork import QOcspCertificateStatus, QOcspRevocationReason

from qtsecure.net.values.certificate_encoding import serialNumberDigits

__all__ = ["OcspResponse"]

_REASONS = {
    "unspecified": QOcspRevocationReason.Unspecified,
    "key_compromise": QOcspRevocationReason.KeyCompromise,
    "ca_compromise": QOcspRevocationReason.CACompromise,
    "affiliation_changed": QOcspRevocationReason.AffiliationChanged,
    "superseded": QOcspRevocationReason.Superseded,
    "cessation_of_operation": QOcspRevocationReason.CessationOfOperation,
    "certificate_hold": QOcspRevocationReason.CertificateHold,
    "remove_from_crl": QOcspRevocationReason.RemoveFromCRL,
}
_STATUSES = {
    ocsp.OCSPCertStatus.GOOD: QOcspCertificateStatus.Good,
    ocsp.OCSPCertStatus.REVOKED: QOcspCertificateStatus.Revoked,
    ocsp.OCSPCertStatus.UNKNOWN: QOcspCertificateStatus.Unknown,
}


class OcspResponse:
    """An immutable revocation status; methods follow ``QOcspResponse``.

    It tells what was sent, not whether that can be believed: if it cannot, ``sslHandshakeErrors()``
    of the socket says so. Equal and hashable by its bytes. Usable from any thread.

    Args:
        data: The response as DER. What cannot be read is ``Unknown``.
    """

    __slots__ = ("_answer", "_der")

    def __init__(self, data: bytes) -> None:
        self._der = data
        self._answer = _single_untrusted(data)

    def toDer(self) -> QByteArray:
        """Return the response as it was sent."""
        return QByteArray(self._der)

    def certificateStatus(self) -> QOcspCertificateStatus:
        """Return what the responder says about the certificate."""
        answer = self._answer
        return QOcspCertificateStatus.Unknown if answer is None else _STATUSES[answer.certificate_status]

    def revocationReason(self) -> QOcspRevocationReason:
        """Return why the certificate was revoked; ``None_`` if it was not, or nobody says."""
        try:
            reason = None if self._answer is None else self._answer.revocation_reason
        except ValueError:  # a number that stands for nothing
            reason = None
        return QOcspRevocationReason.None_ if reason is None else _REASONS.get(reason.name, QOcspRevocationReason.None_)

    def serialNumber(self) -> str:
        """Return the serial number of the certificate that it is about, as SslCertificate.serialNumber() writes it."""
        return "" if self._answer is None else serialNumberDigits(self._answer.serial_number)

    def thisUpdate(self) -> QDateTime:
        """Return since when the status is known to be so, in UTC; invalid if it cannot be read."""
        return QDateTime() if self._answer is None else _dateTime(self._answer.this_update_utc.timestamp())

    def nextUpdate(self) -> QDateTime:
        """Return until when the status counts, in UTC; invalid if it does not say."""
        end = None if self._answer is None else self._answer.next_update_utc
        return QDateTime() if end is None else _dateTime(end.timestamp())

    def __eq__(self, other: object) -> bool:
        return self._der == other._der if isinstance(other, OcspResponse) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._der)

    def __repr__(self) -> str:
        return f"<OcspResponse {self.certificateStatus().name}, certificate {self.serialNumber() or 'unknown'}>"


def _single_untrusted(data: bytes) -> ocsp.OCSPSingleResponse | None:
    try:
        return next(iter(ocsp.load_der_ocsp_response(data).responses), None)
    except ValueError:
        return None


def _dateTime(seconds: float) -> QDateTime:
    return QDateTime.fromSecsSinceEpoch(int(seconds), QTimeZone(QTimeZone.Initialization.UTC))
