"""One remembered "yes" to a certificate that has errors, and its form in a settings file."""

from __future__ import annotations

import json
from dataclasses import dataclass

from qtsecure.net.questions.certificate_request import CertificateRequest
from qtsecure.net.values import SslError

__all__ = ["ErrorIdentity", "Place", "TrustDecision", "errorIdentity", "parseDecision_untrusted", "placeOf"]

_FORMAT = 1
_LONGEST = 65536
_END_OF_TIME = 1e11
"""No user takes a decision so many seconds after 1970, and calendars can still show that."""

Place = tuple[str, int, str]
"""What a decision is for: host name, port, and the fingerprint of the peer's certificate."""

ErrorIdentity = tuple[str, int, str]
"""Qt's name of an error, the engine's number, and the fingerprint of the certificate that it is about."""


@dataclass(frozen=True, slots=True)
class TrustDecision:
    """What a user has accepted: these errors, of this certificate, of this host.

    Attributes:
        host: The name that the peer was to prove; empty for a client's certificate.
        port: The port that was connected to; 0 for none.
        fingerprint: SHA-256 of the peer's certificate, as ``SslCertificate.fingerprint()`` writes it.
        subject: Whose certificate it says it is, for display only.
        errors: Which errors were accepted, each with the certificate that it was about.
        expiry: Until when, in seconds since 1970; None for no end.
        isPermanent: Whether it is in the settings, and not only in memory.
        decidedAt: When it was taken, in seconds since 1970; None if that was not written down.
    """

    host: str
    port: int
    fingerprint: str
    subject: str
    errors: frozenset[ErrorIdentity]
    expiry: float | None
    isPermanent: bool
    decidedAt: float | None = None

    @property
    def place(self) -> Place:
        """What it is for."""
        return self.host, self.port, self.fingerprint

    def covers(self, errors: frozenset[ErrorIdentity], now: float) -> bool:
        """Whether it still holds, and nothing is wrong that was not wrong when it was taken."""
        return errors <= self.errors and (self.expiry is None or now < self.expiry)

    def toText(self) -> str:
        """Return it for a settings file."""
        return json.dumps(
            {
                "format": _FORMAT,
                "host": self.host,
                "port": self.port,
                "fingerprint": self.fingerprint,
                "subject": self.subject,
                "errors": sorted(self.errors),
                "expiry": self.expiry,
                "decidedAt": self.decidedAt,
            }
        )


def placeOf(request: CertificateRequest) -> Place | None:
    """Return what a decision about a request is for; None if the peer has no certificate."""
    chain = request.certificateChain()
    if not chain or chain[0].isNull():
        return None
    return request.hostName().lower().rstrip("."), request.port(), chain[0].fingerprint()


def errorIdentity(error: SslError) -> ErrorIdentity:
    """Return what tells an error from another."""
    return error.error().name, error.engineCode(), error.certificate().fingerprint()


def parseDecision_untrusted(text: object) -> TrustDecision:
    """Return what :meth:`TrustDecision.toText` has written.

    Raises:
        ValueError: It is damaged; the message tells nothing of its content.
    """
    if not isinstance(text, str) or len(text) > _LONGEST:
        raise ValueError("The entry is no text, or much too long.")
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("The entry is not in JSON.") from None
    if not isinstance(fields, dict) or fields.get("format") != _FORMAT:
        raise ValueError("The entry has another format.")
    host, port, fingerprint = (fields.get(name) for name in ("host", "port", "fingerprint"))
    subject, errors, expiry = (fields.get(name) for name in ("subject", "errors", "expiry"))
    if not (isinstance(host, str) and isinstance(fingerprint, str) and fingerprint and isinstance(subject, str)):
        raise ValueError("The entry lacks a text.")
    if not all(map(_isUnicode, (host, fingerprint, subject))):
        raise ValueError("The entry has a text that is none.")
    if not isinstance(port, int) or not (expiry is None or isinstance(expiry, (int, float))):
        raise ValueError("The entry lacks a number.")
    decidedAt = fields.get("decidedAt")
    if decidedAt is not None and not _isMoment(decidedAt):
        raise ValueError("The entry has a moment that is none.")
    if not isinstance(errors, list) or not errors or not all(map(_isErrorIdentity, errors)):
        raise ValueError("The entry has no list of errors.")
    return TrustDecision(host, port, fingerprint, subject, frozenset(map(tuple, errors)), expiry, True, decidedAt)


def _isUnicode(text: str) -> bool:
    """Without lone surrogates, which JSON can contain, and which can be neither hashed nor shown."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _isMoment(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < _END_OF_TIME


def _isErrorIdentity(value: object) -> bool:
    if not isinstance(value, list) or len(value) != 3:
        return False
    name, code, fingerprint = value
    return isinstance(name, str) and isinstance(code, int) and isinstance(fingerprint, str)
