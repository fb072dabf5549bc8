"""Trust anchors: as values, from the environment, and from the stores of each platform."""

from __future__ import annotations

import datetime as dt
import os
import pathlib
import ssl
import subprocess
import sys
import types
from collections.abc import Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from qtsecure.engine import trust
from qtsecure.engine.configuration import TlsConfiguration
from qtsecure.engine.contexts import context_for
from qtsecure.engine.trust import TrustAnchors
from qtsecure.errors import SecureError

SERVER_AUTH = "1.3.6.1.5.5.7.3.1"
EMAIL = "1.3.6.1.5.5.7.3.4"


def make_root(common_name: str) -> x509.Certificate:
    """A self-signed certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    start = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)
    return (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=1))
        .sign(key, SHA256())
    )


def pem(certificate: x509.Certificate) -> bytes:
    """PEM bytes."""
    return certificate.public_bytes(Encoding.PEM)


def der(certificate: x509.Certificate) -> bytes:
    """DER bytes."""
    return certificate.public_bytes(Encoding.DER)


ONE, TWO, THREE = make_root("one"), make_root("two"), make_root("three")
DAMAGED = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


@pytest.fixture(autouse=True)
def nothing_found(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A computer without any store, and no memory of earlier searches."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    monkeypatch.setattr(trust, "_BUNDLE_FILES", ())
    monkeypatch.setattr(trust, "_BUNDLE_DIRECTORIES", ())
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setitem(sys.modules, "certifi", None)
    trust._system_anchors.cache_clear()
    yield
    trust._system_anchors.cache_clear()


# ---- values


def test_given_anchors() -> None:
    """Certificates in any form, without duplicates."""
    anchors = TrustAnchors.of([ONE, pem(TWO), ONE])
    assert anchors.certificates == (ONE, TWO)
    assert (anchors.origin, anchors.skipped, len(anchors)) == ("given", 0, 2)
    assert anchors


def test_equality_is_by_content() -> None:
    """Neither order nor origin matters."""
    first, second = TrustAnchors.of([ONE, TWO]), TrustAnchors.of([TWO, ONE, ONE])
    assert first == second == TrustAnchors((ONE, TWO), "elsewhere", 3)
    assert hash(first) == hash(second)
    assert first != TrustAnchors.of(ONE)
    assert first != "anchors"


def test_no_anchors_only_on_demand() -> None:
    """An empty list is a mistake; empty() says it aloud."""
    assert not TrustAnchors.empty()
    assert TrustAnchors.empty() == TrustAnchors.empty()
    assert repr(TrustAnchors.empty()) == "<TrustAnchors 0 certificates, none>"
    with pytest.raises(SecureError):
        TrustAnchors.of([])


def test_given_damaged_certificates_are_refused() -> None:
    """Only certificates of others are skipped."""
    with pytest.raises(SecureError) as caught:
        TrustAnchors.of(pem(ONE) + DAMAGED)
    assert caught.value.code is SecureError.Code.BadCertificate


def test_anchors_are_frozen() -> None:
    """Contexts are cached by them."""
    with pytest.raises(AttributeError):
        TrustAnchors.empty().certificates = (ONE,)  # type: ignore[misc]  # on purpose


# ---- environment


def test_environment_file(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    """SSL_CERT_FILE wins over the files of the system."""
    system, own = tmp_path / "system.pem", tmp_path / "own.pem"
    system.write_bytes(pem(ONE))
    own.write_bytes(pem(TWO))
    monkeypatch.setattr(trust, "_BUNDLE_FILES", (str(system),))
    monkeypatch.setenv("SSL_CERT_FILE", str(own))
    anchors = TrustAnchors.system()
    assert anchors.certificates == (TWO,)
    assert "SSL_CERT_FILE" in anchors.origin
    assert str(own) in anchors.origin


def test_environment_directories(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    """Several directories, PEM and DER, other files ignored, duplicates removed."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    (first / "0a1b2c3d.0").write_bytes(pem(ONE))
    (first / "one.pem").write_bytes(pem(ONE))
    (first / "README").write_bytes(b"not a certificate")
    (second / "two.cer").write_bytes(der(TWO))
    (second / "three.pem").write_bytes(pem(THREE) + DAMAGED)
    (second / "sub").mkdir()
    monkeypatch.setenv("SSL_CERT_DIR", f"{first}{os.pathsep}{tmp_path / 'missing'}{os.pathsep}{second}")
    anchors = TrustAnchors.system()
    assert anchors == TrustAnchors.of([ONE, TWO, THREE])
    assert anchors.skipped == 1


def test_environment_file_and_directory_add_up(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    """As with OpenSSL."""
    (tmp_path / "certs").mkdir()
    (tmp_path / "certs" / "one.pem").write_bytes(pem(ONE))
    (tmp_path / "two.pem").write_bytes(pem(TWO))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "certs"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "two.pem"))
    assert TrustAnchors.system() == TrustAnchors.of([ONE, TWO])


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
@pytest.mark.parametrize("content", [None, b"", b"garbage", DAMAGED])
def test_environment_that_leads_nowhere_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path, variable: str, content: bytes | None
) -> None:
    """Never a silent fall-back to other anchors, let alone to none."""
    system = tmp_path / "system.pem"
    system.write_bytes(pem(ONE))
    monkeypatch.setattr(trust, "_BUNDLE_FILES", (str(system),))
    directory = tmp_path / "certs"
    directory.mkdir()
    if content is not None:
        (directory / "file.pem").write_bytes(content)
    monkeypatch.setenv(variable, str(directory if variable == "SSL_CERT_DIR" else directory / "file.pem"))
    with pytest.raises(SecureError, match=f"The environment sets {variable}=") as caught:
        TrustAnchors.system()
    assert caught.value.code is SecureError.Code.BadCertificate


def test_empty_variables_count_as_unset(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    """The system's own file is taken."""
    system = tmp_path / "system.pem"
    system.write_bytes(pem(ONE))
    monkeypatch.setattr(trust, "_BUNDLE_FILES", (str(system),))
    monkeypatch.setenv("SSL_CERT_FILE", "")
    monkeypatch.setenv("SSL_CERT_DIR", "")
    assert TrustAnchors.system().origin == f"file {system}"


# ---- platforms


def test_first_bundle_with_certificates_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    """Missing and empty files are passed over; later ones are not read."""
    empty, good, late = tmp_path / "empty", tmp_path / "good", tmp_path / "late"
    empty.write_bytes(b"")
    good.write_bytes(pem(ONE) + pem(TWO))
    late.write_bytes(pem(THREE))
    paths = (str(tmp_path / "missing"), str(empty), str(good), str(late))
    monkeypatch.setattr(trust, "_BUNDLE_FILES", paths)
    anchors = TrustAnchors.system()
    assert anchors.certificates == (ONE, TWO)
    assert anchors.origin == f"file {good}"
    assert repr(anchors) == f"<TrustAnchors 2 certificates, file {good}>"


def test_damaged_certificates_in_a_bundle_are_counted(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    """One bad root does not cost the other hundred."""
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(b"# comment\n" + pem(ONE) + DAMAGED + pem(TWO) + b"-----BEGIN CERTIFICATE-----\nMII")
    monkeypatch.setattr(trust, "_BUNDLE_FILES", (str(bundle),))
    anchors = TrustAnchors.system()
    assert anchors.certificates == (ONE, TWO)
    assert anchors.skipped == 1


def test_directory_of_the_system(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    """Where there is no bundle file."""
    (tmp_path / "one.0").write_bytes(pem(ONE))
    monkeypatch.setattr(trust, "_BUNDLE_DIRECTORIES", (str(tmp_path / "missing"), str(tmp_path)))
    assert TrustAnchors.system().origin == f"directory {tmp_path}"


def test_found_once_per_process(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    """Later changes of the file do not matter."""
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(pem(ONE))
    monkeypatch.setattr(trust, "_BUNDLE_FILES", (str(bundle),))
    first = TrustAnchors.system()
    bundle.unlink()
    assert TrustAnchors.system() is first


def test_certifi_is_the_last_resort(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    """If the package is installed."""
    bundle = tmp_path / "cacert.pem"
    bundle.write_bytes(pem(ONE))
    certifi = types.ModuleType("certifi")
    certifi.where = lambda: str(bundle)  # type: ignore[attr-defined]  # a stand-in
    monkeypatch.setitem(sys.modules, "certifi", certifi)
    anchors = TrustAnchors.system()
    assert anchors.certificates == (ONE,)
    assert anchors.origin == f"package certifi, file {bundle}"


def test_a_computer_without_anchors_is_an_error() -> None:
    """With a sentence that says what to do; and it is tried again the next time."""
    for _ in range(2):
        with pytest.raises(SecureError, match="install the package ca-certificates") as caught:
            TrustAnchors.system()
        assert caught.value.code is SecureError.Code.TlsUnavailable


def test_windows_root_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only certificates trusted for TLS servers that are not in the store of distrusted ones."""
    four = make_root("four")
    stores: dict[str, list[tuple[bytes, str, set[str] | bool]]] = {
        "ROOT": [
            (der(ONE), "x509_asn", True),
            (der(TWO), "x509_asn", {SERVER_AUTH, EMAIL}),
            (der(THREE), "x509_asn", {EMAIL}),
            (der(THREE), "x509_asn", False),
            (der(four), "x509_asn", True),
            (b"pkcs7", "pkcs_7_asn", True),
            (b"damaged", "x509_asn", True),
        ],
        "Disallowed": [(der(four), "x509_asn", True)],
    }
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(ssl, "enum_certificates", stores.__getitem__, raising=False)
    anchors = TrustAnchors.system()
    assert anchors.certificates == (ONE, TWO)
    assert anchors.skipped == 1
    assert "Windows" in anchors.origin


def test_mac_keychain(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the tool ``security`` prints."""

    def run(command: tuple[str, ...], **_options: object) -> subprocess.CompletedProcess[bytes]:
        assert command[0] == "/usr/bin/security"
        return subprocess.CompletedProcess(command, 0, pem(ONE) + pem(TWO), b"")

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(subprocess, "run", run)
    anchors = TrustAnchors.system()
    assert anchors.certificates == (ONE, TWO)
    assert "keychain" in anchors.origin


@pytest.mark.parametrize(
    "failure", [FileNotFoundError("security"), subprocess.TimeoutExpired("security", 30)], ids=repr
)
def test_mac_without_the_tool(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path, failure: Exception) -> None:
    """Falls back to the bundle file."""

    def run(*_arguments: object, **_options: object) -> None:
        raise failure

    bundle = tmp_path / "cert.pem"
    bundle.write_bytes(pem(THREE))
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(trust, "_BUNDLE_FILES", (str(bundle),))
    assert TrustAnchors.system().origin == f"file {bundle}"


def test_the_real_bundle_of_this_computer_gives_no_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Old roots that cryptography warns about are taken quietly (warnings are errors here)."""
    bundle = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
    if not bundle.exists():
        pytest.skip("no bundle file at the place of Debian")
    monkeypatch.setattr(trust, "_BUNDLE_FILES", (str(bundle),))
    anchors = TrustAnchors.system()
    assert len(anchors) > 50
    assert anchors.skipped == 0
    assert TrustAnchors.of(bundle) == anchors


def test_a_root_of_an_unknown_version_is_skipped(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One exotic certificate, for which cryptography has an exception of its own, does not cost all the others."""
    odd = der(TWO).replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020107"))
    bundle = tmp_path / "bundle.pem"
    bundle.write_text(pem(ONE).decode() + ssl.DER_cert_to_PEM_cert(odd) + pem(THREE).decode())
    (tmp_path / "directory").mkdir()
    (tmp_path / "directory" / "odd.der").write_bytes(odd)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "directory"))
    anchors = TrustAnchors.system()
    assert anchors.certificates == (ONE, THREE)
    assert anchors.skipped == 2


def badly_named() -> x509.Certificate:
    """A root whose name is no UTF-8: cryptography does not look before somebody asks, OpenSSL does."""
    return x509.load_der_x509_certificate(der(TWO).replace(b"\x0c\x03two", b"\x0c\x03t\xffo"))


def test_a_root_that_openssl_cannot_read_is_skipped(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise one such root of the system would cost every connection."""
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(pem(ONE) + pem(badly_named()) + pem(THREE))
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    anchors = TrustAnchors.system()
    assert anchors.certificates == (ONE, THREE)
    assert anchors.skipped == 1


def test_a_given_authority_that_openssl_cannot_read() -> None:
    """It was given on purpose: a clear error, and not an exception of pyOpenSSL's."""
    configuration = TlsConfiguration(trust=TrustAnchors.of([badly_named()]))
    with pytest.raises(SecureError, match=r"OpenSSL refuses the trusted certificate .*invalid utf8string") as caught:
        context_for(configuration, server=False)
    assert caught.value.code is SecureError.Code.BadCertificate
