"""The certificates that a peer's chain must lead to, as an immutable value.

The OpenSSL inside the ``cryptography`` wheel was built with directories that exist on no user's
machine, so its default paths silently give an empty store. The anchors are therefore found here,
and finding none is an error, never an empty store.
"""

from __future__ import annotations

import functools
import importlib
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from OpenSSL import crypto

from qtsecure.engine.certificates import UNREADABLE, CertificateSource, load_certificates, tolerating_old_certificates
from qtsecure.errors import SecureError

__all__ = ["TrustAnchors"]

# Where distributions keep all roots in one file, most common first.
_BUNDLE_FILES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch, Gentoo
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # Fedora, RHEL
    "/etc/pki/tls/certs/ca-bundle.crt",  # older RHEL
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/pki/tls/cacert.pem",  # OpenELEC
    "/etc/ssl/cert.pem",  # Alpine, OpenBSD, macOS
    "/usr/local/etc/ssl/cert.pem",  # FreeBSD
    "/usr/local/share/certs/ca-root-nss.crt",  # FreeBSD, DragonFly
    "/etc/openssl/certs/ca-certificates.crt",  # NetBSD
    "/etc/certs/ca-certificates.crt",  # Solaris, illumos
)
_BUNDLE_DIRECTORIES: Final = (
    "/etc/ssl/certs",
    "/etc/pki/tls/certs",
    "/system/etc/security/cacerts",  # Android
)
_MAC_ROOTS: Final = "/System/Library/Keychains/SystemRootCertificates.keychain"
_SERVER_AUTH: Final = "1.3.6.1.5.5.7.3.1"
_LARGEST_BUNDLE: Final = 64 * 1024 * 1024
_PEM_BLOCK: Final = re.compile(rb"-----BEGIN (?:X509 )?CERTIFICATE-----[^-]+-----END (?:X509 )?CERTIFICATE-----")

# ssl.enum_certificates: store name -> DER, encoding, and True or the OIDs of the trusted purposes
_StoreReader: TypeAlias = Callable[[str], Iterable[tuple[bytes, str, Iterable[str] | bool]]]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TrustAnchors:
    """A set of trusted certificates; usable from any thread.

    Two are equal if they contain the same certificates, in whatever order and from wherever.

    Attributes:
        certificates: The anchors, without duplicates.
        origin: Where they come from, for messages: ``"given"``, ``"none"`` or, for example,
            ``"file /etc/ssl/cert.pem"``.
        skipped: How many certificates of a system store could not be parsed.
    """

    certificates: tuple[x509.Certificate, ...]
    origin: str
    skipped: int = 0
    _fingerprints: frozenset[bytes] = field(init=False)
    _hash: int = field(init=False)

    def __post_init__(self) -> None:
        unique = {certificate.fingerprint(SHA256()): certificate for certificate in self.certificates}
        fingerprints = frozenset(unique)
        object.__setattr__(self, "certificates", tuple(unique.values()))
        object.__setattr__(self, "_fingerprints", fingerprints)
        object.__setattr__(self, "_hash", hash(fingerprints))

    @classmethod
    def system(cls) -> TrustAnchors:
        """The anchors of this computer, found once per process.

        ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` win if one of them is set and not empty. Otherwise
        these are the usual files on Linux and BSD, the ``ROOT`` store on Windows, the system roots
        on macOS, and at last the package ``certifi`` if it is installed.

        Raises:
            SecureError: ``BadCertificate`` if the environment variables lead to no certificate,
                ``TlsUnavailable`` if this computer has none.
        """
        return _system_anchors()

    @classmethod
    def of(cls, certificates: CertificateSource) -> TrustAnchors:
        """The given anchors and nothing else.

        Args:
            certificates: Whatever :func:`~qtsecure.engine.certificates.load_certificates` accepts.

        Raises:
            SecureError: ``BadCertificate`` if there is no certificate in it, or a damaged one.
            TypeError: If the argument is of another type.
        """
        return cls(load_certificates(certificates), "given")

    @classmethod
    def empty(cls) -> TrustAnchors:
        """No anchor at all: every chain is refused."""
        return cls((), "none")

    @property
    def fingerprints(self) -> frozenset[bytes]:
        """The SHA-256 hashes of the anchors."""
        return self._fingerprints

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TrustAnchors):
            return NotImplemented
        return self._fingerprints == other._fingerprints

    def __hash__(self) -> int:
        return self._hash

    def __len__(self) -> int:
        return len(self.certificates)

    def __bool__(self) -> bool:
        return bool(self.certificates)

    def __repr__(self) -> str:
        return f"<TrustAnchors {len(self.certificates)} certificates, {self.origin}>"


@functools.cache
def _system_anchors() -> TrustAnchors:
    anchors = _from_environment(os.environ)
    if anchors is None:
        anchors = _from_platform() or _from_certifi()
    if anchors is None:
        raise SecureError(
            SecureError.Code.TlsUnavailable,
            "No trusted certificates were found on this computer; install the package ca-certificates "
            "or certifi, set SSL_CERT_FILE, or give the certificate authorities explicitly.",
        )
    return anchors


def _from_environment(environment: Mapping[str, str]) -> TrustAnchors | None:
    """The anchors that the environment variables of OpenSSL name, or None if neither is set."""
    file = environment.get("SSL_CERT_FILE", "")
    directories = environment.get("SSL_CERT_DIR", "")
    if not file and not directories:
        return None
    found = _Collected()
    if file:
        found.add_pem(_read_bundle(file))
    for directory in directories.split(os.pathsep):
        if directory:
            found.add_directory(directory)
    named = " and ".join(
        f"{name}={value!r}" for name, value in (("SSL_CERT_FILE", file), ("SSL_CERT_DIR", directories)) if value
    )
    anchors = found.anchors(named)
    if anchors is None:
        raise SecureError(
            SecureError.Code.BadCertificate,
            f"The environment sets {named}, but no certificate can be read there; correct the variable or remove it.",
        )
    return anchors


def _from_platform() -> TrustAnchors | None:
    if sys.platform == "win32":
        import ssl  # only for Windows' own store: it loads a second OpenSSL

        return _from_windows(ssl.enum_certificates)
    if sys.platform == "darwin":
        return _from_mac() or _from_files()
    return _from_files()


def _from_files() -> TrustAnchors | None:
    for path in _BUNDLE_FILES:
        found = _Collected()
        found.add_pem(_read_bundle(path))
        if anchors := found.anchors(f"file {path}"):
            return anchors
    for directory in _BUNDLE_DIRECTORIES:
        found = _Collected()
        found.add_directory(directory)
        if anchors := found.anchors(f"directory {directory}"):
            return anchors
    return None


def _from_certifi() -> TrustAnchors | None:
    try:
        where = importlib.import_module("certifi").where
    except ImportError:
        return None
    path = str(where())
    found = _Collected()
    found.add_pem(_read_bundle(path))
    return found.anchors(f"package certifi, file {path}")


def _from_mac() -> TrustAnchors | None:
    # Only Apple's own roots: a certificate in another keychain is not a trusted one because it is there.
    command = ("/usr/bin/security", "find-certificate", "-a", "-p", _MAC_ROOTS)
    import subprocess  # late: only macOS needs it, and importing takes milliseconds

    try:
        run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return None  # no such tool or keychain here; the file /etc/ssl/cert.pem is next
    found = _Collected()
    found.add_pem(run.stdout)
    return found.anchors(f"keychain {_MAC_ROOTS}")


def _from_windows(enumerate_store: _StoreReader) -> TrustAnchors | None:
    # Without the store "CA": its intermediates can be added without asking the user, and with
    # X509_V_FLAG_PARTIAL_CHAIN each of them would be an anchor of its own.
    distrusted = {data for data, _, _ in enumerate_store("Disallowed")}
    found = _Collected()
    for data, encoding, purposes in enumerate_store("ROOT"):
        trusted = purposes is True or (not isinstance(purposes, bool) and _SERVER_AUTH in purposes)
        if encoding == "x509_asn" and trusted and data not in distrusted:
            found.add_der(data)
    return found.anchors("Windows certificate store ROOT")


class _Collected:
    """Certificates of a store that others maintain: what cannot be parsed is counted, not fatal."""

    def __init__(self) -> None:
        self._certificates: list[x509.Certificate] = []
        self._skipped = 0

    def add_directory(self, path: str) -> None:
        try:
            with os.scandir(path) as entries:
                files = sorted(entry.path for entry in entries if entry.is_file())
        except OSError:
            return  # not there, or not for us: the caller complains if nothing is found at all
        contents = [(file, _read_bundle(file)) for file in files]
        for file, data in contents:
            if b"-----BEGIN" not in data and file.endswith((".cer", ".crt", ".der")):
                self.add_der(data)
        # All at once, because parsing a bundle is much cheaper than parsing as many files.
        self.add_pem(b"\n".join(data for _, data in contents if b"-----BEGIN" in data))

    def add_pem(self, data: bytes) -> None:
        if b"-----BEGIN" not in data:
            return
        try:
            with tolerating_old_certificates():
                self._certificates.extend(x509.load_pem_x509_certificates(data))
        except UNREADABLE:
            # One certificate that cannot be parsed fails the whole bundle: then one at a time.
            for block in _PEM_BLOCK.findall(data):
                self._add(block, x509.load_pem_x509_certificate)

    def add_der(self, data: bytes) -> None:
        self._add(data, x509.load_der_x509_certificate)

    def _add(self, data: bytes, load: Callable[[bytes], x509.Certificate]) -> None:
        try:
            with tolerating_old_certificates():
                self._certificates.append(load(data))
        except UNREADABLE:
            self._skipped += 1

    def anchors(self, origin: str) -> TrustAnchors | None:
        usable = tuple(filter(_suits_openssl, self._certificates))
        if not usable:
            return None
        return TrustAnchors(usable, origin, self._skipped + len(self._certificates) - len(usable))


def _suits_openssl(certificate: x509.Certificate) -> bool:
    """Whether OpenSSL can read it, too: it is stricter about names, for example."""
    try:
        crypto.X509.from_cryptography(certificate)
    except crypto.Error:
        return False
    return True


def _read_bundle(path: str) -> bytes:
    """The content of a file, or nothing if there is none that can be read."""
    try:
        with open(path, "rb") as file:
            data = file.read(_LARGEST_BUNDLE + 1)
    except (OSError, ValueError):
        return b""
    return data if len(data) <= _LARGEST_BUNDLE else b""
