"""Reading certificates and keys, and the pair of both."""

from __future__ import annotations

import base64
import copy
import datetime as dt
import pathlib
import pickle
import threading
import warnings
from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from qtsecure.engine.certificates import (
    Credentials,
    PrivateKey,
    load_certificates,
    load_private_key,
    tolerating_old_certificates,
)
from qtsecure.errors import SecureError

Code = SecureError.Code
PASSPHRASE = b"open sesame"


def make_certificate(key: PrivateKey, common_name: str = "leaf") -> x509.Certificate:
    """A self-signed certificate."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    start = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)
    builder = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=1))
    )
    if isinstance(key, (ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey)):
        return builder.sign(key, None)
    return builder.sign(key, SHA256())


def key_bytes(
    key: PrivateKey | dsa.DSAPrivateKey | x25519.X25519PrivateKey,
    encoding: Encoding = Encoding.PEM,
    form: PrivateFormat = PrivateFormat.PKCS8,
    encryption: KeySerializationEncryption | None = None,
) -> bytes:
    """A serialized key."""
    return key.private_bytes(encoding, form, encryption or NoEncryption())


KEYS: dict[str, PrivateKey] = {
    "RSA": rsa.generate_private_key(65537, 2048),
    "EC": ec.generate_private_key(ec.SECP256R1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate(),
    "Ed448": ed448.Ed448PrivateKey.generate(),
}
KEY = KEYS["EC"]
LEAF = make_certificate(KEY)
ISSUER = make_certificate(KEYS["Ed25519"], "issuer")
PEM = LEAF.public_bytes(Encoding.PEM)
DER = LEAF.public_bytes(Encoding.DER)
ENCRYPTED = key_bytes(KEY, encryption=BestAvailableEncryption(PASSPHRASE))


# ---- certificates


@pytest.mark.parametrize(
    "source",
    [
        PEM,
        DER,
        bytearray(PEM),
        bytearray(DER),
        PEM.decode(),
        LEAF,
        [LEAF],
        (PEM,),
        PEM.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbfsubject: \xe4\n" + PEM + b"rest",
        key_bytes(KEY) + PEM,
        PEM.decode() + "caf\u00e9",
    ],
    ids=[
        "PEM",
        "DER",
        "PEM bytearray",
        "DER bytearray",
        "text",
        "object",
        "list of objects",
        "tuple of PEM",
        "CRLF",
        "with comments",
        "after a key",
        "text with comment",
    ],
)
def test_a_certificate_is_read_from_many_forms(source: bytes | str | list[x509.Certificate]) -> None:
    """Bytes, text, objects and lists; comments and other PEM blocks are skipped."""
    assert load_certificates(source) == (LEAF,)


def test_files_are_read(tmp_path: pathlib.Path) -> None:
    """As path object and as text."""
    path = tmp_path / "chain.pem"
    path.write_bytes(PEM + ISSUER.public_bytes(Encoding.PEM))
    assert load_certificates(path) == (LEAF, ISSUER)
    assert load_certificates(str(path)) == (LEAF, ISSUER)
    assert load_certificates([path, LEAF]) == (LEAF, ISSUER, LEAF)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"garbage", "no certificate that can be read"),
        (DER[:-1], "no certificate that can be read"),
        (DER + b"x", "no certificate that can be read"),
        (key_bytes(KEY), "contains no certificate"),
        (PEM[:-20], "no certificate that can be read"),
        (PEM + PEM[:-20], "announces 2 certificates, but only 1 are complete"),
        (PEM + PEM.replace(b"MII", b"AAA", 1), "or a damaged one"),
        (PEM.replace(b"MIIB", b"AAAA"), "no certificate that can be read"),
        ([], "the list of certificates is empty"),
        ([PEM, b""], "is empty"),
        (b"x" * (16 * 1024 * 1024 + 1), "larger than 16 MiB"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_unusable_certificates_are_refused(source: bytes | list[bytes], reason: str) -> None:
    """Whatever is wrong: one type of error and one sentence."""
    with pytest.raises(SecureError, match=reason) as caught:
        load_certificates(source)
    assert caught.value.code is Code.BadCertificate
    assert caught.value.message.endswith(".")
    assert "ParseError" not in caught.value.message


def test_messages_name_the_file(tmp_path: pathlib.Path) -> None:
    """Missing file, directory, empty file and garbage."""
    missing = tmp_path / "missing.pem"
    with pytest.raises(SecureError, match=r"missing\.pem' cannot be read: No such file") as caught:
        load_certificates(missing)
    assert caught.value.code is Code.BadCertificate
    with pytest.raises(SecureError, match="cannot be read"):
        load_certificates(tmp_path)
    garbage = tmp_path / "garbage.pem"
    garbage.write_bytes(b"garbage")
    with pytest.raises(SecureError, match=r"garbage\.pem' contains no certificate"):
        load_certificates(str(garbage))
    with pytest.raises(SecureError, match="cannot be read"):
        load_certificates("with\0null")
    large = tmp_path / "large.pem"
    with large.open("wb") as file:
        file.truncate(16 * 1024 * 1024 + 1)
        file.seek(0)
        file.write(b"x")
    with pytest.raises(SecureError, match=r"large\.pem' is larger than 16 MiB"):
        load_certificates(large)


@pytest.mark.parametrize(
    "wrong", [None, 5, [5], [[LEAF]], {1: 2}, object()], ids=["None", "int", "ints", "nested", "dict", "object"]
)
def test_other_types_are_type_errors(wrong: object) -> None:
    """A mistake of the program."""
    with pytest.raises(TypeError, match="source must"):
        load_certificates(wrong)  # type: ignore[arg-type]  # on purpose


# ---- keys


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_every_kind_of_key_is_read(kind: str, encoding: Encoding, tmp_path: pathlib.Path) -> None:
    """From bytes, file and object, with or without a needless passphrase."""
    key = KEYS[kind]
    data = key_bytes(key, encoding)
    path = tmp_path / "key"
    path.write_bytes(data)
    for loaded in (
        load_private_key(data),
        load_private_key(bytearray(data)),
        load_private_key(path),
        load_private_key(data, b"needless"),
        load_private_key(key, "needless"),
    ):
        assert loaded.public_key() == key.public_key()


@pytest.mark.parametrize(
    "encrypted",
    [
        ENCRYPTED,
        key_bytes(KEY, Encoding.DER, encryption=BestAvailableEncryption(PASSPHRASE)),
        key_bytes(KEY, form=PrivateFormat.TraditionalOpenSSL, encryption=BestAvailableEncryption(PASSPHRASE)),
        PEM + ENCRYPTED,
        ENCRYPTED.decode(),
    ],
    ids=["PKCS8 PEM", "PKCS8 DER", "SEC1 PEM", "with certificate", "text"],
)
def test_encrypted_keys(encrypted: bytes | str) -> None:
    """Right, wrong, empty and missing passphrase."""
    for right in (PASSPHRASE, bytearray(PASSPHRASE), PASSPHRASE.decode()):
        assert load_private_key(encrypted, right).public_key() == KEY.public_key()
    for wrong in (None, b"", "", b"wrong", PASSPHRASE + b"\n"):
        with pytest.raises(SecureError, match="passphrase") as caught:
            load_private_key(encrypted, wrong)
        assert caught.value.code is Code.BadCertificatePassword
        assert "sesame" not in str(caught.value)


def test_text_passphrase_is_utf8() -> None:
    """Like OpenSSL's tools on current systems."""
    data = key_bytes(KEY, encryption=BestAvailableEncryption("pässword".encode()))
    assert load_private_key(data, "pässword").public_key() == KEY.public_key()


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (b"", "is empty"),
        (b"garbage", "no private key that can be read"),
        (PEM, "no private key that can be read"),
        (key_bytes(KEY)[:-40], "no private key that can be read"),
        (key_bytes(dsa.generate_private_key(2048)), "of the type DSA"),
        (key_bytes(x25519.X25519PrivateKey.generate()), "of the type X25519"),
    ],
    ids=["empty", "garbage", "certificate", "truncated", "DSA", "X25519"],
)
def test_unusable_keys_are_refused(source: bytes, reason: str) -> None:
    """Damaged data and kinds of key that TLS certificates cannot have here."""
    with pytest.raises(SecureError, match=reason) as caught:
        load_private_key(source)
    assert caught.value.code is Code.BadCertificate


def der(tag: int, *parts: bytes) -> bytes:
    """One short value in DER."""
    content = b"".join(parts)
    return bytes([tag, len(content)] if len(content) < 128 else [tag, 0x81, len(content)]) + content


def edwards_key(kind: int, length: int) -> bytes:
    """PKCS #8 (RFC 8410) of a kind of key, 1.3.101.kind, that need not have its length."""
    algorithm = der(0x30, der(0x06, b"\x2b\x65", bytes([kind])))
    return der(0x30, der(0x02, b"\0"), algorithm, der(0x04, der(0x04, b"k" * length)))


def encrypted(key: bytes) -> bytes:
    """The same with PBES2 (RFC 8018): PBKDF2, AES-256-CBC."""
    salt, iv, padding = b"s" * 16, b"i" * 16, 16 - len(key) % 16
    secret = PBKDF2HMAC(SHA256(), 32, salt, 2048).derive(PASSPHRASE)
    cipher = Cipher(algorithms.AES(secret), modes.CBC(iv)).encryptor()
    pkcs5 = b"\x2a\x86\x48\x86\xf7\x0d\x01\x05"
    sha256 = der(0x30, der(0x06, b"\x2a\x86\x48\x86\xf7\x0d\x02\x09"), der(0x05))
    pbkdf2 = der(0x30, der(0x04, salt), der(0x02, b"\x08\0"), sha256)
    aes = der(0x30, der(0x06, b"\x60\x86\x48\x01\x65\x03\x04\x01\x2a"), der(0x04, iv))
    scheme = der(0x30, der(0x30, der(0x06, pkcs5, b"\x0c"), pbkdf2), aes)
    data = cipher.update(key + bytes([padding]) * padding) + cipher.finalize()
    return der(0x30, der(0x30, der(0x06, pkcs5, b"\x0d"), scheme), der(0x04, data))


@pytest.mark.parametrize("wrap", [bytes, encrypted])
@pytest.mark.parametrize(
    ("kind", "length"), [(110, 32), (111, 56), (112, 32), (113, 57)], ids=["X25519", "X448", "Ed25519", "Ed448"]
)
def test_keys_of_a_wrong_length(wrap: Callable[[bytes], bytes], kind: int, length: int) -> None:
    """OpenSSL refuses them without saying why, which cryptography takes for a fault of its own."""
    for wrong in (0, 1, length - 1, length + 1):
        with pytest.raises(SecureError, match="no private key that can be read") as caught:
            load_private_key(wrap(edwards_key(kind, wrong)), PASSPHRASE)
        assert caught.value.code is Code.BadCertificate
        assert caught.value.engineReasons == ("key setup failed",)
    if kind < 112:
        with pytest.raises(SecureError, match="of the type X"):
            load_private_key(wrap(edwards_key(kind, length)), PASSPHRASE)
    else:
        assert load_private_key(wrap(edwards_key(kind, length)), PASSPHRASE)


def test_missing_key_file_is_named(tmp_path: pathlib.Path) -> None:
    """The message says which file."""
    with pytest.raises(SecureError, match=r"private key file .*nokey\.pem' cannot be read"):
        load_private_key(tmp_path / "nokey.pem")


def test_wrong_types_for_keys() -> None:
    """Sources and passphrases of other types are mistakes of the program."""
    with pytest.raises(TypeError, match="source must"):
        load_private_key(LEAF)  # type: ignore[arg-type]  # on purpose
    with pytest.raises(TypeError, match="source must"):
        load_private_key(x25519.X25519PrivateKey.generate())  # type: ignore[arg-type]  # on purpose
    with pytest.raises(TypeError, match="passphrase must"):
        load_private_key(ENCRYPTED, 5)  # type: ignore[arg-type]  # on purpose


# ---- credentials


@pytest.mark.parametrize("kind", KEYS)
def test_credentials_of_every_kind(kind: str) -> None:
    """Constructed, equal to a second reading, and shown without the key."""
    key = KEYS[kind]
    leaf = make_certificate(key, "who")
    credentials = Credentials((leaf, ISSUER), key)
    again = Credentials(load_certificates([leaf.public_bytes(Encoding.PEM), ISSUER]), load_private_key(key_bytes(key)))
    assert credentials == again
    assert hash(credentials) == hash(again)
    assert credentials.certificate == leaf
    assert credentials.chain == (leaf, ISSUER)
    assert repr(credentials) == f"<Credentials 'CN=who', {kind} key>"
    assert credentials != Credentials((leaf,), key)
    assert credentials != "credentials"


def test_a_chain_may_come_as_a_list() -> None:
    """And is kept as a tuple, so that nobody can change it."""
    chain = [LEAF]
    credentials = Credentials(chain, KEY)  # type: ignore[arg-type]  # on purpose
    chain.append(ISSUER)
    assert credentials.chain == (LEAF,)


@pytest.mark.parametrize(
    "other", [ec.generate_private_key(ec.SECP256R1()), KEYS["RSA"], KEYS["Ed25519"]], ids=["EC", "RSA", "Ed25519"]
)
def test_a_key_of_somebody_else_is_refused(other: PrivateKey) -> None:
    """Before any connection, and with the certificate's name."""
    with pytest.raises(SecureError, match="The private key does not belong to the certificate 'CN=leaf'") as caught:
        Credentials((LEAF,), other)
    assert caught.value.code is Code.BadCertificate


def for_rsa_pss(certificate: x509.Certificate) -> x509.Certificate:
    """The same with the algorithm of its RSA key changed; nobody looks at the signature, which is wrong then."""
    ordinary, pss = bytes.fromhex("300d06092a864886f70d0101010500"), bytes.fromhex("300b06092a864886f70d01010a")
    der = bytearray(certificate.public_bytes(Encoding.DER))
    start = der.index(ordinary)
    der[start : start + len(ordinary)] = pss
    # The certificate, its signed part and the public key are shorter now; each says its length in two bytes.
    for sequence in (0, 4, start - 4):
        assert der[sequence : sequence + 2] == b"\x30\x82"
        length = int.from_bytes(der[sequence + 2 : sequence + 4], "big") - len(ordinary) + len(pss)
        der[sequence + 2 : sequence + 4] = length.to_bytes(2, "big")
    return x509.load_der_x509_certificate(bytes(der))


def test_a_certificate_for_rsa_pss_alone_is_refused() -> None:
    """OpenSSL would take both, have no certificate for the key, and refuse every client."""
    key = KEYS["RSA"]
    with pytest.raises(SecureError, match="'CN=who' is for RSA-PSS alone") as caught:
        Credentials((for_rsa_pss(make_certificate(key, "who")), ISSUER), key)
    assert caught.value.code is Code.NotSupported


def test_issuer_first_is_refused() -> None:
    """A chain in the wrong order is the usual reason for a key that does not fit."""
    with pytest.raises(SecureError, match="the own certificate first"):
        Credentials((ISSUER, LEAF), KEY)


def test_empty_chain_and_wrong_types_are_refused() -> None:
    """Nothing half-built comes out."""
    with pytest.raises(SecureError, match="chain is empty"):
        Credentials((), KEY)
    with pytest.raises(TypeError, match="chain must contain"):
        Credentials((PEM,), KEY)  # type: ignore[arg-type]  # on purpose
    with pytest.raises(TypeError, match="private_key must"):
        Credentials((LEAF,), KEY.public_key())  # type: ignore[arg-type]  # on purpose


def test_credentials_are_immutable_and_stay_in_the_process() -> None:
    """No attribute can be set, no pickle can be made; copies are the object itself."""
    credentials = Credentials((LEAF,), KEY)
    with pytest.raises(AttributeError):
        credentials.chain = ()  # type: ignore[misc]  # on purpose
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(credentials, protocol)
    assert copy.copy(credentials) is credentials
    assert copy.deepcopy([credentials])[0] is credentials


def test_a_version_that_does_not_exist() -> None:
    """cryptography has an exception of its own for that, which is no ValueError; one sentence all the same."""
    good = make_certificate(ec.generate_private_key(ec.SECP256R1())).public_bytes(Encoding.DER)
    damaged = good.replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020107"))
    text = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(damaged) + b"-----END CERTIFICATE-----\n"
    for source in (damaged, text):
        with pytest.raises(SecureError, match="no certificate that can be read, or a damaged one") as caught:
            load_certificates(source)
        assert caught.value.code is Code.BadCertificate


def test_warning_filters_survive_threads() -> None:
    """They are global: a thread that restores them must not undo, nor make permanent, what another has set."""
    before = list(warnings.filters)
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with tolerating_old_certificates():
            entered.set()
            leave.wait(10)

    def follow() -> None:
        with tolerating_old_certificates():
            pass

    first, second = threading.Thread(target=hold), threading.Thread(target=follow)
    first.start()
    assert entered.wait(10)
    second.start()
    second.join(0.05)
    assert second.is_alive()  # it waits for the first
    leave.set()
    first.join()
    second.join()
    assert warnings.filters == before
