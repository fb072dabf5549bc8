"""SslCipher: names, bits, protocols and equality."""

from __future__ import annotations

import copy

import pytest
from PySide6.QtNetwork import QSslCipher

from qtsecure.net.values import Protocol, SslCipher


def test_tls13_suite() -> None:
    """A TLS 1.3 suite has the same name in both worlds."""
    cipher = SslCipher("TLS_AES_256_GCM_SHA384")
    assert not cipher.isNull()
    assert cipher
    assert cipher.name() == cipher.ianaName() == "TLS_AES_256_GCM_SHA384"
    assert (cipher.usedBits(), cipher.supportedBits()) == (256, 256)
    assert (cipher.protocol(), cipher.protocolString()) == (Protocol.TlsV1_3, "TLSv1.3")


def test_tls12_suite() -> None:
    """A TLS 1.2 suite has two names."""
    cipher = SslCipher("ECDHE-RSA-AES128-GCM-SHA256")
    assert cipher.ianaName() == "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
    assert cipher.usedBits() == 128
    assert (cipher.protocol(), cipher.protocolString()) == (Protocol.TlsV1_2, "TLSv1.2")


def test_cipher_of_a_session() -> None:
    """The session's protocol and group come along."""
    cipher = SslCipher("ECDHE-PSK-CHACHA20-POLY1305", Protocol.DtlsV1_2, keyExchangeGroup="X25519")
    assert cipher.protocolString() == "DTLSv1.2"
    assert cipher.keyExchangeGroup() == "X25519"
    assert cipher.usedBits() == 256


@pytest.mark.parametrize("cipher", [SslCipher(), SslCipher("NOPE"), SslCipher("NOPE", Protocol.TlsV1_2)])
def test_null_ciphers(cipher: SslCipher) -> None:
    """Unknown names give a null cipher, as in Qt."""
    assert cipher.isNull()
    assert not cipher
    assert cipher == SslCipher()
    assert (cipher.name(), cipher.ianaName(), cipher.usedBits()) == ("", "", 0)
    assert (cipher.protocol(), cipher.protocolString()) == (Protocol.Unknown, "")


@pytest.mark.parametrize("name", ["NULL-SHA256", "AECDH-AES128-SHA"])
def test_suites_that_protect_nothing_do_not_exist(name: str) -> None:
    """No encryption or no authentication: not offered at all."""
    assert SslCipher(name).isNull()


def test_equality_is_qts() -> None:
    """Name and protocol count; the group of a session does not."""
    plain = SslCipher("TLS_AES_128_GCM_SHA256")
    assert plain == SslCipher("TLS_AES_128_GCM_SHA256", keyExchangeGroup="X25519")
    assert len({plain, copy.copy(plain), copy.deepcopy(plain)}) == 1
    assert plain != SslCipher("TLS_AES_256_GCM_SHA384")
    assert SslCipher("ECDHE-RSA-AES128-GCM-SHA256") != SslCipher("ECDHE-RSA-AES128-GCM-SHA256", Protocol.DtlsV1_2)


def test_wrong_type() -> None:
    """A number is no cipher."""
    with pytest.raises(TypeError, match="cipher"):
        SslCipher(7)  # type: ignore[arg-type] # the mistake under test


def test_qts_type_gives_the_name() -> None:
    """Whatever Qt's backend knows comes across; the null one stays null."""
    assert SslCipher(QSslCipher()).isNull()
    ours = SslCipher("ECDHE-RSA-AES128-GCM-SHA256")
    theirs = ours.toQt()
    # Without a system libssl Qt knows no cipher at all.
    assert SslCipher(theirs) == (SslCipher() if theirs.isNull() else ours)
