"""Throw-away certificate authorities and the certificates they issue; for tests and demos only.

Needs nothing but ``cryptography``: no Qt and no pytest, so that the command line can use it too.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = ["CertificateAuthority", "CertificateFiles", "IssuedCertificate", "KeyType", "PrivateKey", "Usage"]

PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
KeyType: TypeAlias = Literal["ec", "rsa", "ed25519"]
Usage: TypeAlias = Literal["server", "client", "both", "none"]

DEFAULT_NAMES = ("localhost", "127.0.0.1", "::1")
NOT_AN_AUTHORITY = x509.BasicConstraints(ca=False, path_length=None)

_PURPOSES: dict[Usage, tuple[x509.ObjectIdentifier, ...]] = {
    "server": (ExtendedKeyUsageOID.SERVER_AUTH,),
    "client": (ExtendedKeyUsageOID.CLIENT_AUTH,),
    "both": (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH),
    "none": (),
}


class CertificateFiles(NamedTuple):
    """Where :meth:`IssuedCertificate.writeTo` put the PEM files."""

    certificate: Path
    """The chain, leaf first."""
    key: Path
    """The private key, readable by its owner only."""


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """A certificate with its private key, and the chain to send along with it.

    Attributes:
        certificate: The certificate itself.
        privateKey: Its private key; never part of the repr.
        chain: What a peer sends: the certificate, then the intermediates, without the root.
    """

    certificate: x509.Certificate
    privateKey: PrivateKey = field(repr=False)
    chain: tuple[x509.Certificate, ...]

    def certificatePem(self) -> bytes:
        """Return the certificate alone as PEM."""
        return _pem(self.certificate)

    def chainPem(self) -> bytes:
        """Return the whole chain as PEM, leaf first."""
        return b"".join(map(_pem, self.chain))

    def keyPem(self, passphrase: bytes | None = None) -> bytes:
        """Return the private key as PKCS #8 PEM, encrypted if a passphrase is given."""
        return self.privateKey.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption(),
        )

    def writeTo(
        self, directory: str | os.PathLike[str], name: str = "certificate", passphrase: bytes | None = None
    ) -> CertificateFiles:
        """Write ``<name>.pem`` (the chain) and ``<name>.key.pem`` into a directory.

        Args:
            directory: An existing directory.
            name: The stem of both file names.
            passphrase: Encrypts the key when given.

        Returns:
            The paths of both files.
        """
        files = CertificateFiles(Path(directory, f"{name}.pem"), Path(directory, f"{name}.key.pem"))
        files.certificate.write_bytes(self.chainPem())
        files.key.unlink(missing_ok=True)  # one that is there may be for everybody, or a link
        descriptor = os.open(files.key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(self.keyPem(passphrase))
        return files


class CertificateAuthority:
    """A certificate authority that lives as long as the test does.

    Args:
        name: The common name of the authority.
        key: The kind of its key.
        notBefore: Start of its validity; yesterday if None.
        notAfter: End of its validity; in 30 days if None.

    Attributes:
        certificate: Its own certificate.
        privateKey: Its private key.
        chain: What has to be sent after a leaf: the intermediates up to, not including, the root.
    """

    _isShared = False

    def __init__(
        self,
        name: str = "qtsecure throw-away CA",
        *,
        key: KeyType = "ec",
        notBefore: datetime | None = None,
        notAfter: datetime | None = None,
    ) -> None:
        self.privateKey = _newKey(key)
        builder = _builder(_commonName(name), self.privateKey, notBefore, notAfter)
        builder = _asAuthority(builder, x509.BasicConstraints(ca=True, path_length=None))
        self.certificate = _sign(builder.issuer_name(_commonName(name)), self.privateKey)
        self.chain: tuple[x509.Certificate, ...] = ()
        self._revoked: list[x509.RevokedCertificate] = []

    def certificatePem(self) -> bytes:
        """Return the certificate of the authority as PEM."""
        return _pem(self.certificate)

    def writeTo(self, directory: str | os.PathLike[str], name: str = "ca") -> Path:
        """Write ``<name>.pem`` into an existing directory and return its path."""
        path = Path(directory, f"{name}.pem")
        path.write_bytes(self.certificatePem())
        return path

    def issue(
        self,
        names: Sequence[str] = DEFAULT_NAMES,
        *,
        commonName: str = "qtsecure throw-away certificate",
        notBefore: datetime | None = None,
        notAfter: datetime | None = None,
        usage: Usage = "server",
        key: KeyType = "ec",
        basicConstraints: x509.BasicConstraints | None = NOT_AN_AUTHORITY,
    ) -> IssuedCertificate:
        """Issue a certificate with a new key.

        Args:
            names: Host names (in ASCII form) and IP addresses for subjectAltName; may be empty.
            commonName: Goes into the subject, which is empty without it; nobody matches it.
            notBefore: Start of the validity; yesterday if None.
            notAfter: End of the validity; in 30 days if None.
            usage: What extendedKeyUsage allows; ``"none"`` leaves the extension out.
            key: The kind of the key.
            basicConstraints: The extension of that name; None leaves it out.
        """
        privateKey = _newKey(key)
        builder = _builder(_commonName(commonName), privateKey, notBefore, notAfter)
        builder = _asLeaf(builder, names, usage, basicConstraints).issuer_name(self.certificate.subject)
        certificate = _sign(builder, self.privateKey, self.certificate)
        return IssuedCertificate(certificate, privateKey, (certificate, *self.chain))

    def intermediate(
        self,
        name: str = "qtsecure throw-away intermediate CA",
        *,
        key: KeyType = "ec",
        notBefore: datetime | None = None,
        notAfter: datetime | None = None,
        basicConstraints: x509.BasicConstraints | None = None,
    ) -> CertificateAuthority:
        """Make an authority below this one; what it issues carries its certificate in the chain.

        Args:
            name: The common name of the new authority.
            key: The kind of its key.
            notBefore: Start of its validity; yesterday if None.
            notAfter: End of its validity; in 30 days if None.
            basicConstraints: A CA without further intermediates if None; give
                ``BasicConstraints(ca=False, path_length=None)`` for one that must not be believed.
        """
        authority = CertificateAuthority.__new__(CertificateAuthority)
        authority.privateKey = _newKey(key)
        builder = _builder(_commonName(name), authority.privateKey, notBefore, notAfter)
        builder = _asAuthority(builder, basicConstraints or x509.BasicConstraints(ca=True, path_length=0))
        builder = builder.issuer_name(self.certificate.subject)
        authority.certificate = _sign(builder, self.privateKey, self.certificate)
        authority.chain = (authority.certificate, *self.chain)
        authority._revoked = []
        return authority

    def revoke(self, certificate: IssuedCertificate | x509.Certificate) -> None:
        """Put a certificate on the list that later calls of :meth:`crl` return.

        Raises:
            RuntimeError: The authority belongs to a shared :class:`PublicKeyInfrastructure`.
        """
        if self._isShared:
            raise RuntimeError(
                "This authority is shared by many tests, which would all find the certificate revoked: "
                "revoke one of a CertificateAuthority() or PublicKeyInfrastructure() of your own"
            )
        if isinstance(certificate, IssuedCertificate):
            certificate = certificate.certificate
        self._revoked.append(
            x509.RevokedCertificateBuilder()
            .serial_number(certificate.serial_number)
            .revocation_date(_now() - timedelta(hours=1))
            .build()
        )

    def ocspResponse(
        self,
        certificate: IssuedCertificate | x509.Certificate,
        *,
        thisUpdate: datetime | None = None,
        nextUpdate: datetime | None = None,
    ) -> bytes:
        """Return what a server staples to a certificate of this authority (RFC 6960), as DER.

        It says "revoked" after :meth:`revoke`, and "good" otherwise.

        Args:
            certificate: What it is about.
            thisUpdate: When it was made; an hour ago if None.
            nextUpdate: When it expires; in seven days if None.
        """
        if isinstance(certificate, IssuedCertificate):
            certificate = certificate.certificate
        revoked = any(each.serial_number == certificate.serial_number for each in self._revoked)
        response = (
            ocsp.OCSPResponseBuilder()
            .add_response(
                cert=certificate,
                issuer=self.certificate,
                algorithm=hashes.SHA256(),
                cert_status=ocsp.OCSPCertStatus.REVOKED if revoked else ocsp.OCSPCertStatus.GOOD,
                this_update=thisUpdate or _now() - timedelta(hours=1),
                next_update=nextUpdate or _now() + timedelta(days=7),
                revocation_time=_now() - timedelta(hours=1) if revoked else None,
                revocation_reason=None,
            )
            .responder_id(ocsp.OCSPResponderEncoding.HASH, self.certificate)
            .sign(self.privateKey, _hashFor(self.privateKey))
        )
        return response.public_bytes(serialization.Encoding.DER)

    def crl(
        self, *, lastUpdate: datetime | None = None, nextUpdate: datetime | None = None
    ) -> x509.CertificateRevocationList:
        """Return the signed revocation list (RFC 5280) as of now.

        Args:
            lastUpdate: When it was made; an hour ago if None.
            nextUpdate: When it expires; in 30 days if None.
        """
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(lastUpdate or _now() - timedelta(hours=1))
            .next_update(nextUpdate or _now() + timedelta(days=30))
            .add_extension(_authorityKeyIdentifier(self.certificate), critical=False)
            .add_extension(x509.CRLNumber(len(self._revoked) + 1), critical=False)
        )
        for revoked in self._revoked:
            builder = builder.add_revoked_certificate(revoked)
        return builder.sign(self.privateKey, _hashFor(self.privateKey))


def selfSignedCertificate(
    names: Sequence[str] = DEFAULT_NAMES, *, key: KeyType = "ec", usage: Usage = "server"
) -> IssuedCertificate:
    """Make a server certificate that is signed with its own key and belongs to no authority."""
    privateKey = _newKey(key)
    subject = _commonName("qtsecure throw-away self-signed certificate")
    builder = _asLeaf(_builder(subject, privateKey, None, None), names, usage, NOT_AN_AUTHORITY)
    certificate = _sign(builder.issuer_name(subject), privateKey)
    return IssuedCertificate(certificate, privateKey, (certificate,))


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _commonName(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)] if text else [])


def _newKey(kind: KeyType) -> PrivateKey:
    if kind == "ec":
        return ec.generate_private_key(ec.SECP256R1())
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    raise ValueError(f"key must be 'ec', 'rsa' or 'ed25519', not {kind!r}.")


def _hashFor(key: PrivateKey) -> hashes.SHA256 | None:
    # Ed25519 hashes by itself (RFC 8410); cryptography insists on None then.
    return None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()


def _generalName(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _authorityKeyIdentifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _builder(
    subject: x509.Name, key: PrivateKey, notBefore: datetime | None, notAfter: datetime | None
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(notBefore or _now() - timedelta(days=1))
        .not_valid_after(notAfter or _now() + timedelta(days=30))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _keyUsage(*, authority: bool, keyEncipherment: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=keyEncipherment,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _asAuthority(builder: x509.CertificateBuilder, constraints: x509.BasicConstraints) -> x509.CertificateBuilder:
    builder = builder.add_extension(constraints, critical=True)
    return builder.add_extension(_keyUsage(authority=constraints.ca), critical=True)


def _asLeaf(
    builder: x509.CertificateBuilder, names: Sequence[str], usage: Usage, constraints: x509.BasicConstraints | None
) -> x509.CertificateBuilder:
    if usage not in _PURPOSES:
        raise ValueError(f"usage must be 'server', 'client', 'both' or 'none', not {usage!r}.")
    if constraints is not None:
        builder = builder.add_extension(constraints, critical=True)
    # Key encipherment belongs to the RSA key exchange of TLS 1.2 and does no harm elsewhere.
    builder = builder.add_extension(_keyUsage(authority=False, keyEncipherment=True), critical=True)
    if _PURPOSES[usage]:
        builder = builder.add_extension(x509.ExtendedKeyUsage(_PURPOSES[usage]), critical=False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(map(_generalName, names)), critical=False)
    return builder


def _sign(
    builder: x509.CertificateBuilder, key: PrivateKey, issuer: x509.Certificate | None = None
) -> x509.Certificate:
    if issuer is not None:
        builder = builder.add_extension(_authorityKeyIdentifier(issuer), critical=False)
    return builder.sign(key, _hashFor(key))
