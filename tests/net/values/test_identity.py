"""Own certificates and keys: every mistake is told when it is set, each in its own words (sec-D21)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from PySide6.QtCore import QByteArray

from qtsecure import Interaction, SecureError, SslCertificate, SslConfiguration, SslSocket
from qtsecure.testing.pki import IssuedCertificate, PublicKeyInfrastructure

Code = SecureError.Code
PASSPHRASE = b"open sesame"


class Answers(Interaction):
    """Answers as it is told, and remembers what it was asked for."""

    def __init__(self, *answers: str | bytes | None) -> None:
        super().__init__()
        self.answers = list(answers)
        self.asked: list[str] = []

    def askPassword(self, description: str) -> str | bytes | None:
        self.asked.append(description)
        return self.answers.pop(0)


def packed(identity: IssuedCertificate, passphrase: bytes = PASSPHRASE) -> bytes:
    return pkcs12.serialize_key_and_certificates(
        None,
        identity.privateKey,
        identity.certificate,
        list(identity.chain[1:]) or None,
        BestAvailableEncryption(passphrase),
    )


MISTAKES: dict[str, tuple[Callable[[SslConfiguration, PublicKeyInfrastructure], None], SecureError.Code, str]] = {
    "another key": (
        lambda c, p: c.setPrivateKey(p.expired.privateKey),
        Code.BadCertificate,
        "The private key does not belong to the certificate",
    ),
    "another certificate": (
        lambda c, p: c.setLocalCertificateChain(list(p.expired.chain)),
        Code.BadCertificate,
        "The private key does not belong to the certificate",
    ),
    "issuer first": (
        lambda c, p: c.setLocalCertificateChain([p.ca.certificate, p.server.certificate]),
        Code.BadCertificate,
        "the own certificate first",
    ),
    "empty certificate": (
        lambda c, p: c.setLocalCertificateChain(b""),
        Code.BadCertificate,
        "The certificate data is empty",
    ),
    "garbage for a certificate": (
        lambda c, p: c.setLocalCertificateChain(b"garbage"),
        Code.BadCertificate,
        "The certificate data contains no certificate that can be read",
    ),
    "a key for a certificate": (
        lambda c, p: c.setLocalCertificateChain(p.server.keyPem()),
        Code.BadCertificate,
        "The certificate data contains no certificate",
    ),
    "no such file": (
        lambda c, p: c.setLocalCertificateChain("missing.pem"),
        Code.BadCertificate,
        "The certificate file 'missing.pem' cannot be read",
    ),
    "empty key": (lambda c, p: c.setPrivateKey(b""), Code.BadCertificate, "The private key data is empty"),
    "garbage for a key": (
        lambda c, p: c.setPrivateKey(b"garbage"),
        Code.BadCertificate,
        "The private key data contains no private key that can be read",
    ),
    "a certificate for a key": (
        lambda c, p: c.setPrivateKey(p.server.certificatePem()),
        Code.BadCertificate,
        "The private key data contains no private key that can be read",
    ),
    "no passphrase": (
        lambda c, p: c.setPrivateKey(p.server.keyPem(PASSPHRASE)),
        Code.BadCertificatePassword,
        "contains an encrypted private key; give its passphrase",
    ),
    "empty passphrase": (
        lambda c, p: c.setPrivateKey(p.server.keyPem(PASSPHRASE), ""),
        Code.BadCertificatePassword,
        "contains an encrypted private key; give its passphrase",
    ),
    "wrong passphrase": (
        lambda c, p: c.setPrivateKey(p.server.keyPem(PASSPHRASE), "wrong"),
        Code.BadCertificatePassword,
        "The passphrase does not open the private key",
    ),
    "PKCS #12, wrong passphrase": (
        lambda c, p: SslConfiguration.fromPkcs12(packed(p.server), "wrong") and None,
        Code.BadCertificatePassword,
        "The passphrase does not open the PKCS #12 data",
    ),
    "PKCS #12, garbage": (
        lambda c, p: SslConfiguration.fromPkcs12(b"garbage", "x") and None,
        Code.BadCertificate,
        "The PKCS #12 data is no PKCS #12 file",
    ),
    "PKCS #12, no such file": (
        lambda c, p: SslConfiguration.fromPkcs12("missing.p12") and None,
        Code.BadCertificate,
        "The PKCS #12 file 'missing.p12' cannot be read",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_sec_d21_mistakes(pki: PublicKeyInfrastructure, mistake: str) -> None:
    """At once, as a SecureError, and nothing has changed."""
    make, code, words = MISTAKES[mistake]
    configuration = SslConfiguration.forServer(list(pki.server.chain), pki.server.privateKey)
    before = SslConfiguration(configuration)
    with pytest.raises(SecureError) as caught:
        make(configuration, pki)
    assert caught.value.code is code
    assert words in caught.value.message
    assert caught.value.message.endswith(".")
    assert configuration == before


def test_sec_d21_missing_key(pki: PublicKeyInfrastructure) -> None:
    """Half an identity is refused before connecting."""
    half = SslConfiguration()
    half.setLocalCertificateChain(list(pki.server.chain))
    with pytest.raises(SecureError, match="no private key; call setPrivateKey"):
        half.toEngine("client", pskEnabled=False)
    with pytest.raises(SecureError, match="The server has no certificate"):
        SslConfiguration().toEngine("server", pskEnabled=False)


@pytest.mark.parametrize("kind", ["server", "rsaServer", "ed25519Server", "viaIntermediate"])
def test_pkcs12(pki: PublicKeyInfrastructure, tmp_path: Path, kind: str) -> None:
    """The same configuration as from single files."""
    identity: IssuedCertificate = getattr(pki, kind)
    file = tmp_path / "identity.p12"
    file.write_bytes(packed(identity))
    wanted = SslConfiguration.forServer(list(identity.chain), identity.privateKey)
    for source in (file, str(file), packed(identity), QByteArray(packed(identity))):
        for passphrase in (PASSPHRASE, bytearray(PASSPHRASE), PASSPHRASE.decode(), QByteArray(PASSPHRASE)):
            assert SslConfiguration.fromPkcs12(source, passphrase) == wanted
    with pytest.raises(TypeError, match="source must be bytes or a path, not int"):
        SslConfiguration.fromPkcs12(7)  # type: ignore[arg-type]  # the mistake under test


def test_an_interaction_is_asked(pki: PublicKeyInfrastructure, tmp_path: Path, qapp: object) -> None:
    """With a phrase for the prompt, only if the key is encrypted, and again after a typing error."""
    files = pki.server.writeTo(tmp_path, "server", PASSPHRASE)
    answers = Answers("wrong", PASSPHRASE)
    configuration = SslConfiguration.forServer(files.certificate, files.key, answers)
    assert configuration == SslConfiguration.forServer(list(pki.server.chain), pki.server.privateKey)
    prompt = f"the private key file '{files.key}'"
    assert answers.asked == [prompt, f"{prompt} (the last passphrase was wrong)"]
    never = Answers()
    SslConfiguration.forServer(list(pki.server.chain), pki.server.keyPem(), never)
    assert never.asked == []
    assert SslConfiguration.fromPkcs12(packed(pki.server), Answers(PASSPHRASE.decode())) == configuration
    socket = SslSocket()
    socket.setLocalCertificate(SslCertificate(pki.server.certificate))
    socket.setPrivateKey(files.key, Answers(PASSPHRASE))
    assert socket.privateKey() is not None


@pytest.mark.parametrize("answers", [(None,), ("",), ("wrong", None), ("wrong", "worse", "worst")])
def test_an_interaction_that_cannot_help(
    pki: PublicKeyInfrastructure, qapp: object, answers: tuple[str | None, ...]
) -> None:
    """Giving up is an error as well, and three attempts are enough."""
    asker = Answers(*answers)
    with pytest.raises(SecureError) as caught:
        SslConfiguration().setPrivateKey(pki.server.keyPem(PASSPHRASE), asker)
    assert caught.value.code is Code.BadCertificatePassword
    assert len(asker.asked) == len(answers)
    with pytest.raises(SecureError, match="give its passphrase"):
        SslConfiguration().setPrivateKey(pki.server.keyPem(PASSPHRASE), Interaction())


def test_an_interaction_of_another_thread(pki: PublicKeyInfrastructure, qapp: object) -> None:
    """Its dialogs belong to its own thread."""
    asker, caught = Answers(PASSPHRASE), []

    def elsewhere() -> None:
        try:
            SslConfiguration().setPrivateKey(pki.server.keyPem(PASSPHRASE), asker)
        except RuntimeError as error:
            caught.append(str(error))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert asker.asked == []
    assert "Answers.askPassword() was called in" in caught[0]


def test_no_passphrase_at_all(pki: PublicKeyInfrastructure) -> None:
    """A number is none."""
    with pytest.raises(TypeError, match="passphrase must be bytes, text or an Interaction, not int"):
        SslConfiguration().setPrivateKey(pki.server.keyPem(PASSPHRASE), 7)  # type: ignore[arg-type]  # the mistake
