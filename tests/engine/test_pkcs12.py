"""PKCS #12 files: what is in them, what opens them, and what is no such file."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from qtsecure.engine.pkcs12 import load_pkcs12
from qtsecure.errors import SecureError
from qtsecure.testing.pki import IssuedCertificate, PublicKeyInfrastructure
from tests.engine.support import make_certificate

PASSPHRASE = b"open sesame"
Code = SecureError.Code


def pack(identity: IssuedCertificate, *others: Any, passphrase: bytes | None = PASSPHRASE, key: Any = ...) -> bytes:
    """A file with this certificate and more."""
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    own = identity.privateKey if key is ... else key
    return pkcs12.serialize_key_and_certificates(b"name", own, identity.certificate, others or None, encryption)


@pytest.mark.parametrize("kind", ["server", "rsaServer", "ed25519Server"])
@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
def test_basic(pki: PublicKeyInfrastructure, tmp_path: pathlib.Path, kind: str, passphrase: bytes | None) -> None:
    """glib certificate/pkcs12/basic, password: every kind of key, with and without passphrase, bytes and files."""
    identity = getattr(pki, kind)
    data = pack(identity, passphrase=passphrase)
    file = tmp_path / "identity.p12"
    file.write_bytes(data)
    for source in (data, bytearray(data), file, str(file)):
        credentials = load_pkcs12(source, passphrase)
        assert credentials.chain == (identity.certificate,)
        assert credentials.private_key.public_key() == identity.privateKey.public_key()


def test_the_chain_is_put_in_order(pki: PublicKeyInfrastructure) -> None:
    """Issuers in any order, with the root and strangers among them."""
    upper = make_certificate(pki.ca, (), ca=True, common_name="upper")
    lower = make_certificate(upper, (), ca=True, common_name="lower")
    leaf = make_certificate(lower)
    others = [pki.ca.certificate, pki.otherCa.certificate, upper.certificate, pki.client.certificate, lower.certificate]
    assert load_pkcs12(pack(leaf, *others), PASSPHRASE).chain == (
        leaf.certificate,
        lower.certificate,
        upper.certificate,
    )
    assert load_pkcs12(pack(leaf, upper.certificate), PASSPHRASE).chain == (leaf.certificate,)


def test_self_signed(pki: PublicKeyInfrastructure) -> None:
    """It has no issuer to look for."""
    assert load_pkcs12(pack(pki.selfSigned), PASSPHRASE).chain == (pki.selfSigned.certificate,)


@pytest.mark.parametrize(
    ("passphrase", "words"),
    [
        (None, "is encrypted; give its passphrase"),
        (b"", "is encrypted; give its passphrase"),
        ("", "is encrypted; give its passphrase"),
        (b"wrong", "does not open the PKCS #12 data"),
        ("wrong", "does not open the PKCS #12 data"),
    ],
)
def test_glib_pkcs12_encrypted(pki: PublicKeyInfrastructure, passphrase: bytes | str | None, words: str) -> None:
    """A missing passphrase and a wrong one are told apart."""
    with pytest.raises(SecureError) as caught:
        load_pkcs12(pack(pki.server), passphrase)
    assert caught.value.code is Code.BadCertificatePassword
    assert words.lower() in caught.value.message.lower()


def test_who_is_asked(pki: PublicKeyInfrastructure) -> None:
    """Only if need be, again after a typing error, three times at most, and never after giving up."""
    asked: list[str] = []
    answers: list[bytes | str | None] = []

    def ask(description: str) -> bytes | str | None:
        asked.append(description)
        return answers.pop(0)

    assert load_pkcs12(pack(pki.server, passphrase=None), ask)
    assert asked == []
    answers[:] = ["wrong", PASSPHRASE.decode()]
    assert load_pkcs12(pack(pki.server), ask)
    assert asked == ["the PKCS #12 data", "the PKCS #12 data (the last passphrase was wrong)"]
    for replies, questions in (([None], 1), (["wrong", None], 2), (["a", "b", "c", "d"], 3)):
        asked.clear()
        answers[:] = replies
        with pytest.raises(SecureError) as caught:
            load_pkcs12(pack(pki.server), ask)
        assert caught.value.code is Code.BadCertificatePassword
        assert len(asked) == questions
    answers[:] = [7]  # type: ignore[list-item]  # the mistake under test
    with pytest.raises(TypeError, match="askPassword must be str, bytes or None, not int"):
        load_pkcs12(pack(pki.server), ask)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"garbage", "is no PKCS #12 file"),
        (b"\x30\x82\x01\x00", "is no PKCS #12 file"),
        (b"-----BEGIN CERTIFICATE-----\n", "is no PKCS #12 file"),
    ],
)
def test_no_such_file(data: bytes, words: str) -> None:
    """Whatever the passphrase."""
    for passphrase in (None, PASSPHRASE):
        with pytest.raises(SecureError) as caught:
            load_pkcs12(data, passphrase)
        assert caught.value.code is Code.BadCertificate
        assert words in caught.value.message


def test_what_is_missing_in_it(pki: PublicKeyInfrastructure, tmp_path: pathlib.Path) -> None:
    """A certificate without key, certificates only, a key that TLS has no use for, and a file that is not there."""
    certificates = pkcs12.serialize_key_and_certificates(
        None, None, None, [pki.ca.certificate], BestAvailableEncryption(PASSPHRASE)
    )
    with pytest.raises(SecureError, match="contains no private key"):
        load_pkcs12(certificates, PASSPHRASE)
    with pytest.raises(SecureError, match="contains no private key"):
        load_pkcs12(pack(pki.server, key=None), PASSPHRASE)
    stranger = dsa.generate_private_key(2048)
    with pytest.raises(SecureError, match="of the type DSA"):
        load_pkcs12(
            pkcs12.serialize_key_and_certificates(
                None, stranger, _certificate_of(stranger, pki), None, BestAvailableEncryption(PASSPHRASE)
            ),
            PASSPHRASE,
        )
    with pytest.raises(SecureError, match=r"PKCS #12 file .*missing\.p12' cannot be read"):
        load_pkcs12(tmp_path / "missing.p12", PASSPHRASE)


def _certificate_of(key: Any, pki: PublicKeyInfrastructure) -> Any:
    return make_certificate(pki.ca, key=key).certificate


def test_damaged(pki: PublicKeyInfrastructure) -> None:
    """Every byte that is changed gives one of the two codes, or does no harm."""
    data = pack(pki.server)
    for position in range(0, len(data), 7):
        broken = data[:position] + bytes((data[position] ^ 0x55,)) + data[position + 1 :]
        try:
            load_pkcs12(broken, PASSPHRASE)
        except SecureError as error:
            assert error.code in (Code.BadCertificate, Code.BadCertificatePassword)  # noqa: PT017 - both may be
    with pytest.raises(SecureError):
        load_pkcs12(data[:-30], PASSPHRASE)


def test_secrets_stay_secret(pki: PublicKeyInfrastructure) -> None:
    """The passphrase is in no message."""
    with pytest.raises(SecureError) as caught:
        load_pkcs12(pack(pki.server), "hidden treasure")
    error = caught.value
    assert "hidden" not in f"{error!r} {error.message} {error.engineReasons} {error.__cause__!r}"
    assert pki.server.privateKey.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()).hex() not in repr(
        load_pkcs12(pack(pki.server), PASSPHRASE)
    )
