"""Cipher suite defaults and names, against the OpenSSL that is really used."""

from __future__ import annotations

import pytest
from OpenSSL import SSL

from qtsecure.engine.ciphers import (
    DEFAULT_TLS12_CIPHERS,
    DEFAULT_TLS13_SUITES,
    PSK_TLS12_CIPHERS,
    iana_name,
    is_psk_cipher,
)


def available(cipher_list: str) -> list[str]:
    """The cipher suites that the bundled OpenSSL makes of a list."""
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_cipher_list(cipher_list.encode())
    return SSL.Connection(context, None).get_cipher_list()


@pytest.mark.parametrize("name", DEFAULT_TLS12_CIPHERS + PSK_TLS12_CIPHERS)
def test_every_default_is_available(name: str) -> None:
    """No default is unknown to OpenSSL at its own security level."""
    assert name in available(name)


def test_tls13_suites_are_openssls_own_in_its_order() -> None:
    """The defaults differ in nothing from what OpenSSL would do by itself."""
    suites = [name for name in available("ALL") if name.startswith("TLS_")]
    assert tuple(suites) == DEFAULT_TLS13_SUITES


def test_defaults_with_certificates_are_forward_secret_and_aead() -> None:
    """ECDHE with GCM or ChaCha20 and nothing else."""
    for name in DEFAULT_TLS12_CIPHERS:
        assert name.startswith("ECDHE-")
        assert "GCM" in name or "CHACHA20" in name
        assert not is_psk_cipher(name)


def test_psk_defaults_prefer_forward_secrecy() -> None:
    """Every suite with a Diffie-Hellman exchange comes before every one without."""
    assert all(is_psk_cipher(name) for name in PSK_TLS12_CIPHERS)
    forward_secret = ["DHE-" in name for name in PSK_TLS12_CIPHERS]
    assert forward_secret == sorted(forward_secret, reverse=True)
    assert len(set(PSK_TLS12_CIPHERS)) == len(PSK_TLS12_CIPHERS)


def test_every_suite_of_openssl_has_an_iana_name() -> None:
    """All of them, also those that nobody should use, and no two the same."""
    names = available("ALL:PSK:COMPLEMENTOFALL@SECLEVEL=0")
    registered = [iana_name(name) for name in names]
    assert len(names) > 100
    assert [name for name in registered if not name.startswith("TLS_")] == []
    assert len(set(registered)) == len(names)


@pytest.mark.parametrize(
    ("openssl", "iana"),
    [
        ("ECDHE-RSA-AES128-GCM-SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
        ("ECDHE-PSK-CHACHA20-POLY1305", "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256"),
        ("PSK-AES256-GCM-SHA384", "TLS_PSK_WITH_AES_256_GCM_SHA384"),
        ("AES128-SHA", "TLS_RSA_WITH_AES_128_CBC_SHA"),
        ("TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"),
        ("SOMETHING-NEW", "SOMETHING-NEW"),
    ],
)
def test_iana_names(openssl: str, iana: str) -> None:
    """Known pairs; TLS 1.3 and unknown names pass unchanged."""
    assert iana_name(openssl) == iana


@pytest.mark.parametrize("name", ["PSK-AES128-CBC-SHA", "RSA-PSK-AES256-CCM", "TLS_DHE_PSK_WITH_AES_128_CCM"])
def test_psk_is_recognised_by_either_name(name: str) -> None:
    """OpenSSL's and IANA's spelling."""
    assert is_psk_cipher(name)
    assert is_psk_cipher(iana_name(name))


def test_tls13_suites_are_not_psk_ciphers() -> None:
    """In TLS 1.3 the suite does not tell."""
    assert not any(is_psk_cipher(name) for name in DEFAULT_TLS13_SUITES)
