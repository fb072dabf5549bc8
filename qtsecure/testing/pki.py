"""A ready-made set of good and bad certificates; for tests and demos only."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import cached_property

from cryptography import x509

from qtsecure.testing.certificates import (
    CertificateAuthority,
    CertificateFiles,
    IssuedCertificate,
    selfSignedCertificate,
)

__all__ = [
    "CertificateAuthority",
    "CertificateFiles",
    "IssuedCertificate",
    "PublicKeyInfrastructure",
    "selfSignedCertificate",
]


class PublicKeyInfrastructure:
    """One trusted authority, and a certificate for every way in which trust can go wrong.

    Every member is made when it is first used and stays the same from then on. Certificates of
    servers are for ``localhost``, ``127.0.0.1`` and ``::1``.

    Args:
        shared: Many tests use it, in any order, so that none of them may revoke anything:
            :meth:`CertificateAuthority.revoke` of its authorities raises RuntimeError.
    """

    def __init__(self, *, shared: bool = False) -> None:
        self._shared = shared

    @cached_property
    def ca(self) -> CertificateAuthority:
        """The authority to trust; nothing of it is revoked."""
        return self._member(CertificateAuthority())

    @cached_property
    def otherCa(self) -> CertificateAuthority:
        """An authority that nobody should trust."""
        return self._member(CertificateAuthority("qtsecure throw-away unknown CA"))

    @cached_property
    def intermediate(self) -> CertificateAuthority:
        """An authority below :attr:`ca`."""
        return self._member(self.ca.intermediate())

    @cached_property
    def revokingCa(self) -> CertificateAuthority:
        """The authority of :attr:`revoked`; a second one, so that a CRL is only needed where it is tested."""
        return self._revocation[0]

    @cached_property
    def server(self) -> IssuedCertificate:
        """A valid server certificate by :attr:`ca`."""
        return self.ca.issue()

    @cached_property
    def rsaServer(self) -> IssuedCertificate:
        """Like :attr:`server`, with an RSA key."""
        return self.ca.issue(key="rsa")

    @cached_property
    def ed25519Server(self) -> IssuedCertificate:
        """Like :attr:`server`, with an Ed25519 key."""
        return self.ca.issue(key="ed25519")

    @cached_property
    def expired(self) -> IssuedCertificate:
        """A server certificate that ended yesterday."""
        now = datetime.now(timezone.utc)
        return self.ca.issue(notBefore=now - timedelta(days=10), notAfter=now - timedelta(days=1))

    @cached_property
    def notYetValid(self) -> IssuedCertificate:
        """A server certificate that starts tomorrow."""
        return self.ca.issue(notBefore=datetime.now(timezone.utc) + timedelta(days=1))

    @cached_property
    def wrongHost(self) -> IssuedCertificate:
        """A server certificate for another host."""
        return self.ca.issue(["wrong.example"])

    @cached_property
    def badPurpose(self) -> IssuedCertificate:
        """A certificate with the names of the server that allows client authentication only."""
        return self.ca.issue(usage="client")

    @cached_property
    def selfSigned(self) -> IssuedCertificate:
        """A server certificate signed with its own key."""
        return selfSignedCertificate()

    @cached_property
    def unknownCa(self) -> IssuedCertificate:
        """A server certificate by :attr:`otherCa`."""
        return self.otherCa.issue()

    @cached_property
    def viaIntermediate(self) -> IssuedCertificate:
        """A server certificate by :attr:`intermediate`, sent with its whole chain."""
        return self.intermediate.issue()

    @cached_property
    def missingIntermediate(self) -> IssuedCertificate:
        """The certificate of :attr:`viaIntermediate`, sent without the intermediate."""
        leaf = self.viaIntermediate
        return IssuedCertificate(leaf.certificate, leaf.privateKey, (leaf.certificate,))

    @cached_property
    def client(self) -> IssuedCertificate:
        """A valid client certificate by :attr:`ca`."""
        return self.ca.issue(["client.example"], commonName="client", usage="client")

    @cached_property
    def clientUnknownCa(self) -> IssuedCertificate:
        """A client certificate by :attr:`otherCa`."""
        return self.otherCa.issue(["client.example"], commonName="client", usage="client")

    @cached_property
    def revoked(self) -> IssuedCertificate:
        """A server certificate by :attr:`revokingCa` that is on :attr:`crl`."""
        return self._revocation[1]

    @cached_property
    def crl(self) -> x509.CertificateRevocationList:
        """The list of :attr:`revokingCa`, with :attr:`revoked` on it."""
        return self.revokingCa.crl()

    @cached_property
    def _revocation(self) -> tuple[CertificateAuthority, IssuedCertificate]:
        """Made together: later, a shared authority does not revoke any more."""
        authority = CertificateAuthority("qtsecure throw-away revoking CA")
        certificate = authority.issue()
        authority.revoke(certificate)
        return self._member(authority), certificate

    def _member(self, authority: CertificateAuthority) -> CertificateAuthority:
        authority._isShared = self._shared
        return authority
