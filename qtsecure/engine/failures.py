"""Turns OpenSSL's reasons and the alerts of both sides into one sentence for the user."""

from __future__ import annotations

from qtsecure.engine.alerts import AlertDescription, alert_text
from qtsecure.engine.events import FailureKind, StreamFailed

__all__ = ["explain_early_end", "explain_handshake_failure", "explain_traffic_failure"]

_NOT_WAITED = (
    " It did not wait for the answer to the question that was open here: connect again and answer sooner, or let the "
    "server wait longer."
)

_BY_REASON: dict[str, tuple[FailureKind, str]] = {
    "http request": (FailureKind.NOT_TLS, "the peer spoke plain HTTP; use https on its side"),
    "https proxy request": (FailureKind.NOT_TLS, "the peer took this port for an HTTP proxy"),
    "wrong version number": (FailureKind.NOT_TLS, "the peer does not speak TLS on this port, or only a broken version"),
    "record layer failure": (FailureKind.NOT_TLS, "the peer sent something that is not TLS"),
    "no shared cipher": (FailureKind.HANDSHAKE, "both sides have no cipher suite or key type in common"),
    "unsupported protocol": (FailureKind.HANDSHAKE, "both sides have no TLS version in common; TLS 1.2 is the least"),
    "no protocols available": (FailureKind.HANDSHAKE, "the configured range of TLS versions is empty"),
    "no suitable key share": (FailureKind.HANDSHAKE, "both sides have no key-exchange group in common"),
    "no suitable groups": (FailureKind.HANDSHAKE, "both sides have no key-exchange group in common"),
    "peer did not return a certificate": (
        FailureKind.CERTIFICATE_REQUIRED,
        "the client showed no certificate although one is required",
    ),
    "decryption failed or bad record mac": (
        FailureKind.HANDSHAKE,
        "the peer's messages cannot be decrypted; with a pre-shared key, the keys of both sides differ",
    ),
    "binder does not verify": (FailureKind.HANDSHAKE, "the pre-shared keys of both sides differ"),
    "psk identity not found": (FailureKind.HANDSHAKE, "the client's pre-shared key identity is not known here"),
    # A TLS 1.3 server says this when it is left without any way to prove who it is.
    "no suitable signature algorithm": (
        FailureKind.HANDSHAKE,
        "the client offered no usable pre-shared key, and there is no certificate to fall back on that it can verify",
    ),
    "no application protocol": (FailureKind.HANDSHAKE, "both sides have no application protocol in common"),
    # OpenSSL's own words for what it sends, where it cannot read a stapled response.
    "tlsv1 bad certificate status response": (
        FailureKind.HANDSHAKE,
        "the revocation status that the server sent cannot be read",
    ),
    "excessive message size": (FailureKind.HANDSHAKE, "the peer sent a larger message than the protocol allows"),
}

_BY_REASON_ON_CLIENT: dict[str, tuple[FailureKind, str]] = {
    **_BY_REASON,
    "psk identity not found": (
        FailureKind.HANDSHAKE,
        "the server wants a pre-shared key, and the program gave none that can be used; give an identity and a key "
        "when preSharedKeyAuthenticationRequired asks",
    ),
}
"""OpenSSL has one reason for both roles where there is no key."""

_BY_ALERT: dict[int, str] = {
    AlertDescription.CERTIFICATE_REQUIRED: "it demands a client certificate",
    AlertDescription.UNKNOWN_CA: "it does not trust the authority that issued our certificate",
    AlertDescription.BAD_CERTIFICATE: "it rejects our certificate",
    AlertDescription.CERTIFICATE_EXPIRED: "our certificate has expired",
    AlertDescription.BAD_CERTIFICATE_STATUS_RESPONSE: (
        "it does not accept the revocation status that was sent with our certificate, or misses one"
    ),
    AlertDescription.UNKNOWN_PSK_IDENTITY: "it does not know our pre-shared key identity",
    AlertDescription.DECRYPT_ERROR: "our proof of possession failed; with a pre-shared key, the keys differ",
    AlertDescription.BAD_RECORD_MAC: "it cannot decrypt our messages; with a pre-shared key, the keys differ",
    AlertDescription.PROTOCOL_VERSION: "it supports none of our TLS versions",
    AlertDescription.NO_APPLICATION_PROTOCOL: "it supports none of our application protocols",
    AlertDescription.UNRECOGNIZED_NAME: "it does not serve the requested host name",
    AlertDescription.HANDSHAKE_FAILURE: (
        "it found no acceptable set of parameters, or does not know the identity of our pre-shared key"
    ),
}

_ALERTS_TO_NO_CERTIFICATE = frozenset(
    {
        AlertDescription.HANDSHAKE_FAILURE,  # OpenSSL and Mbed TLS
        AlertDescription.BAD_CERTIFICATE,  # Go and NSS
        AlertDescription.DECODE_ERROR,  # GnuTLS
    }
)
"""What servers say of a missing certificate before TLS 1.3."""

_NO_CERTIFICATE = "it asked for a client certificate, and none was sent"

_IN_TRAFFIC: dict[str, str] = {
    "decryption failed or bad record mac": "the data was changed on its way or belongs to another connection",
    "record too small": "the peer sent too many empty records in a row",
    "too many warn alerts": "the peer sent too many warnings in a row",
    "unexpected message": "the peer sent a message that may not come now",
}


def _of_alert(received: int, hint: str | None = None) -> str:
    hint = hint or _BY_ALERT.get(received)
    told = f"the peer sent the alert '{alert_text(received)}' ({received})"
    return f"{told}: {hint}" if hint else told


def explain_handshake_failure(
    reasons: tuple[str, ...],
    sent: int | None,
    received: int | None,
    *,
    owes_certificate: bool = False,
    psk_enabled: bool = True,
    server: bool = True,
) -> StreamFailed:
    """The last event of a handshake that OpenSSL ended.

    Args:
        reasons: OpenSSL's own.
        sent: The alert that was sent.
        received: The alert that was received.
        owes_certificate: On a client: the server has asked for a certificate and got none.
        psk_enabled: Whether the peer may have missed our pre-shared key.
        server: Whose handshake it is.
    """
    if received is not None:
        kind, hint = FailureKind.HANDSHAKE, None
        if received == AlertDescription.CERTIFICATE_REQUIRED:
            kind = FailureKind.CERTIFICATE_REQUIRED
        elif owes_certificate and received in _ALERTS_TO_NO_CERTIFICATE:
            kind, hint = FailureKind.CERTIFICATE_REQUIRED, _NO_CERTIFICATE
        elif not psk_enabled and received == AlertDescription.HANDSHAKE_FAILURE:
            hint = "it found no acceptable set of parameters, or wants a pre-shared key"
        return StreamFailed(kind, f"Error during SSL handshake: {_of_alert(received, hint)}.", received, reasons)
    known = _BY_REASON if server else _BY_REASON_ON_CLIENT
    for reason in reasons:
        if reason in known:
            kind, text = known[reason]
            return StreamFailed(kind, f"Error during SSL handshake: {text}.", sent, reasons)
    detail = ", ".join(reasons) or (alert_text(sent) if sent is not None else "the engine gave no reason")
    return StreamFailed(FailureKind.HANDSHAKE, f"Error during SSL handshake: {detail}.", sent, reasons)


def explain_early_end(what: str, *, asked: bool) -> StreamFailed:
    """The last event of a handshake that the peer ended without an alert that tells a reason.

    Args:
        what: A sentence about what it has done.
        asked: The program was being asked something meanwhile: the peer may have run out of patience.
    """
    return StreamFailed(FailureKind.ENDED_IN_HANDSHAKE, what + _NOT_WAITED if asked else what)


def explain_traffic_failure(
    reading: bool,
    reasons: tuple[str, ...],
    sent: int | None,
    received: int | None,
    *,
    owes_certificate: bool = False,
) -> StreamFailed:
    """The last event of an established connection that OpenSSL ended; see explain_handshake_failure()."""
    kind = FailureKind.READ if reading else FailureKind.WRITE
    begin = "Error while reading" if reading else "Unable to write data"
    if received is not None:
        # Some servers of TLS 1.3 have no other alert for a missing certificate, either.
        missing = owes_certificate and received == AlertDescription.BAD_CERTIFICATE
        hint = _NO_CERTIFICATE if missing else None
        return StreamFailed(kind, f"{begin}: {_of_alert(received, hint)}.", received, reasons)
    text = next((_IN_TRAFFIC[reason] for reason in reasons if reason in _IN_TRAFFIC), "")
    text = text or ", ".join(reasons) or "the connection is no longer usable"
    return StreamFailed(kind, f"{begin}: {text}.", sent, reasons)
