"""The sentence at the end of a connection."""

from __future__ import annotations

import pytest

from qtsecure.engine.alerts import AlertDescription
from qtsecure.engine.events import FailureKind
from qtsecure.engine.failures import explain_handshake_failure, explain_traffic_failure


@pytest.mark.parametrize(
    ("reason", "kind", "words"),
    [
        ("http request", FailureKind.NOT_TLS, "plain HTTP"),
        ("https proxy request", FailureKind.NOT_TLS, "HTTP proxy"),
        ("wrong version number", FailureKind.NOT_TLS, "does not speak TLS"),
        ("record layer failure", FailureKind.NOT_TLS, "not TLS"),
        ("no shared cipher", FailureKind.HANDSHAKE, "no cipher suite or key type in common"),
        ("unsupported protocol", FailureKind.HANDSHAKE, "no TLS version in common"),
        ("no suitable key share", FailureKind.HANDSHAKE, "no key-exchange group in common"),
        ("peer did not return a certificate", FailureKind.CERTIFICATE_REQUIRED, "showed no certificate"),
        ("binder does not verify", FailureKind.HANDSHAKE, "keys of both sides differ"),
        ("no suitable signature algorithm", FailureKind.HANDSHAKE, "no usable pre-shared key"),
        ("no application protocol", FailureKind.HANDSHAKE, "no application protocol in common"),
    ],
)
def test_reasons_of_openssl(reason: str, kind: FailureKind, words: str) -> None:
    """The known ones are told in other words, with the kind that a program can act on."""
    failure = explain_handshake_failure(("something else", reason), 40, None)
    assert failure.kind is kind
    assert failure.message.startswith("Error during SSL handshake: ")
    assert failure.message.endswith(".")
    assert words in failure.message
    assert (failure.alert, failure.engine_reasons) == (40, ("something else", reason))


@pytest.mark.parametrize(
    ("server", "words"),
    [(True, "the client's pre-shared key identity is not known here"), (False, "the program gave none that can be")],
)
def test_a_missing_key_is_told_by_role(server: bool, words: str) -> None:
    """OpenSSL has one reason for a server that does not know the client, and for a client whose program is at fault."""
    message = explain_handshake_failure(("psk identity not found",), 40, None, server=server).message
    assert words in message
    assert server or "give an identity and a key" in message
    assert server or "the client's" not in message


def test_unknown_reasons_are_passed_on() -> None:
    """Nothing is hidden, and nothing is empty."""
    assert explain_handshake_failure(("odd thing", "other thing"), None, None).message == (
        "Error during SSL handshake: odd thing, other thing."
    )
    assert "internal error" in explain_handshake_failure((), AlertDescription.INTERNAL_ERROR, None).message
    assert "gave no reason" in explain_handshake_failure((), None, None).message


@pytest.mark.parametrize("code", [*AlertDescription, 200])
def test_alerts_of_the_peer(code: int) -> None:
    """The peer's own words count more than OpenSSL's reasons."""
    for failure in (
        explain_handshake_failure(("tlsv1 alert", "no shared cipher"), 80, int(code)),
        explain_traffic_failure(True, ("tlsv1 alert",), 80, int(code)),
    ):
        assert failure.alert == code
        assert f"({int(code)})" in failure.message
        assert "cipher suite or key type" not in failure.message
    kind = explain_handshake_failure((), None, int(code)).kind
    required = code == AlertDescription.CERTIFICATE_REQUIRED
    assert kind is (FailureKind.CERTIFICATE_REQUIRED if required else FailureKind.HANDSHAKE)


@pytest.mark.parametrize(
    ("reading", "kind", "begin"),
    [(True, FailureKind.READ, "Error while reading: "), (False, FailureKind.WRITE, "Unable to write data: ")],
)
def test_failures_of_traffic(reading: bool, kind: FailureKind, begin: str) -> None:
    """Reading and writing are told apart."""
    damaged = explain_traffic_failure(reading, ("decryption failed or bad record mac",), 20, None)
    assert (damaged.kind, damaged.alert) == (kind, 20)
    assert damaged.message.startswith(begin)
    assert "changed on its way" in damaged.message
    assert explain_traffic_failure(reading, ("odd thing",), None, None).message == f"{begin}odd thing."
    assert "no longer usable" in explain_traffic_failure(reading, (), None, None).message


def test_unknown_identity_of_a_pre_shared_key() -> None:
    """TLS 1.3 servers have one alert for this and for everything else that is not in common."""
    message = explain_handshake_failure((), None, AlertDescription.HANDSHAKE_FAILURE).message
    assert "no acceptable set of parameters" in message
    assert "does not know the identity of our pre-shared key" in message


def test_no_key_is_spoken_of_where_there_is_none() -> None:
    """Whoever offered none is told that one may be wanted."""
    message = explain_handshake_failure((), None, AlertDescription.HANDSHAKE_FAILURE, psk_enabled=False).message
    assert "no acceptable set of parameters, or wants a pre-shared key" in message
    assert "identity" not in message


@pytest.mark.parametrize(
    "alert",
    [AlertDescription.HANDSHAKE_FAILURE, AlertDescription.BAD_CERTIFICATE, AlertDescription.DECODE_ERROR],
)
def test_a_missing_certificate_before_tls_1_3(alert: AlertDescription) -> None:
    """No alert says that a certificate is missing; whoever owes one can tell."""
    owing = explain_handshake_failure((), None, alert, owes_certificate=True)
    assert (owing.kind, owing.alert) == (FailureKind.CERTIFICATE_REQUIRED, alert)
    assert "it asked for a client certificate, and none was sent" in owing.message
    assert explain_handshake_failure((), None, alert).kind is FailureKind.HANDSHAKE


def test_a_missing_certificate_is_not_blamed_for_everything() -> None:
    """What an alert says for certain counts."""
    failure = explain_handshake_failure((), None, AlertDescription.PROTOCOL_VERSION, owes_certificate=True)
    assert failure.kind is FailureKind.HANDSHAKE
    assert "it supports none of our TLS versions" in failure.message
