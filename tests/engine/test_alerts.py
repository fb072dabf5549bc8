"""Alert numbers, texts and the hand-made alert record."""

from __future__ import annotations

import pytest
from OpenSSL import SSL

from qtsecure.engine.alerts import AlertDescription, AlertLevel, alert_text, fatal_alert_record


def test_numbers_are_those_of_the_registry() -> None:
    """Spot checks against the IANA registry, and no number beyond the byte."""
    assert AlertDescription.CLOSE_NOTIFY.value == 0
    assert AlertDescription.BAD_CERTIFICATE.value == 42
    assert AlertDescription.UNKNOWN_CA.value == 48
    assert AlertDescription.MISSING_EXTENSION.value == 109
    assert AlertDescription.CERTIFICATE_REQUIRED.value == 116
    assert AlertDescription.NO_APPLICATION_PROTOCOL.value == 120
    assert AlertDescription.ECH_REQUIRED.value == 121
    assert len(AlertDescription) == 37
    assert (AlertLevel.WARNING, AlertLevel.FATAL) == (1, 2)


def test_every_alert_has_a_text_of_its_own() -> None:
    """No text is missing, repeated, or a whole sentence."""
    texts = [alert_text(alert) for alert in AlertDescription]
    assert len(set(texts)) == len(AlertDescription)
    assert all(text and not text.endswith(".") and text[0].islower() for text in texts)


@pytest.mark.parametrize("code", [118, 255, 1, -1, 100000])
def test_unassigned_codes_are_named_by_number(code: int) -> None:
    """Whatever a peer sends can be shown."""
    assert alert_text(code) == f"alert {code} (unassigned)"


def test_fatal_alert_record_is_plaintext_tls() -> None:
    """Content type, legacy version, length, level, description."""
    assert fatal_alert_record(AlertDescription.BAD_CERTIFICATE) == b"\x15\x03\x03\x00\x02\x02\x2a"
    assert fatal_alert_record(80, 0x0301) == b"\x15\x03\x01\x00\x02\x02\x50"


def test_openssl_reads_the_record() -> None:
    """A client that gets the record instead of a ServerHello reports exactly this alert."""
    client = SSL.Connection(SSL.Context(SSL.TLS_METHOD), None)
    client.set_connect_state()
    with pytest.raises(SSL.WantReadError):
        client.do_handshake()
    client.bio_write(fatal_alert_record(AlertDescription.ACCESS_DENIED))
    with pytest.raises(SSL.Error, match="access denied"):
        client.do_handshake()


@pytest.mark.parametrize(("description", "version"), [(-1, 0x0303), (256, 0x0303), (40, -1), (40, 0x10000)])
def test_numbers_that_do_not_fit_are_refused(description: int, version: int) -> None:
    """A wrong number is a programming error."""
    with pytest.raises(ValueError, match="must be between"):
        fatal_alert_record(description, version)
