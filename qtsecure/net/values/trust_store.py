"""Who is trusted to certify peers, as a value."""

from __future__ import annotations

import os

from qtsecure.engine.trust import TrustAnchors
from qtsecure.net.values.sources import CertificateSource, certificatesFrom
from qtsecure.net.values.ssl_certificate import SslCertificate

__all__ = ["TrustStore"]


class TrustStore:
    """An immutable set of trusted authorities; see :meth:`SslConfiguration.setTrustStore`.

    Made by :meth:`system`, :meth:`fromFile`, :meth:`fromCertificates` and :meth:`empty`; two of
    them are joined with ``+``. Equal and hashable by what they contain. Usable from any thread.
    """

    __slots__ = ("_given", "_system")

    def __init__(self) -> None:
        self._system = False
        self._given: tuple[SslCertificate, ...] = ()

    @staticmethod
    def system() -> TrustStore:
        """Return the authorities that this computer trusts.

        Raises:
            SecureError: It trusts none, so that nobody could ever be verified.
        """
        TrustAnchors.system()
        store = TrustStore()
        store._system = True
        return store

    @staticmethod
    def fromFile(path: str | os.PathLike[str]) -> TrustStore:
        """Return the authorities in a PEM or DER file.

        Raises:
            SecureError: The file cannot be read, or holds no certificate or a damaged one.
            TypeError: ``path`` is no path.
        """
        if not isinstance(path, (str, os.PathLike)):
            raise TypeError(f"path must be a path, not {type(path).__name__}")
        return TrustStore.fromCertificates(path)

    @staticmethod
    def fromCertificates(certificates: CertificateSource) -> TrustStore:
        """Return these authorities; an empty list gives a store that trusts nobody.

        Args:
            certificates: Certificate objects of any kind, PEM or DER bytes, paths, or a list of these.

        Raises:
            SecureError: A certificate cannot be read.
            TypeError: ``certificates`` is of another type.
        """
        store = TrustStore()
        store._given = tuple(dict.fromkeys(certificatesFrom(certificates)))
        return store

    @staticmethod
    def empty() -> TrustStore:
        """Return a store that trusts nobody: every certificate is refused."""
        return TrustStore()

    def certificates(self) -> list[SslCertificate]:
        """Return all authorities, those of this computer first.

        Raises:
            SecureError: Those of this computer belong to it, but cannot be found.
        """
        system = [SslCertificate(anchor) for anchor in TrustAnchors.system().certificates] if self._system else []
        return list(dict.fromkeys([*system, *self._given]))

    def givenCertificates(self) -> tuple[SslCertificate, ...]:
        """Return the authorities that were given, without those of this computer."""
        return self._given

    def includesSystem(self) -> bool:
        """Whether the authorities of this computer belong to it."""
        return self._system

    def isEmpty(self) -> bool:
        """Whether it trusts nobody."""
        return not self._system and not self._given

    def __add__(self, other: TrustStore) -> TrustStore:
        if not isinstance(other, TrustStore):
            return NotImplemented
        both = TrustStore()
        both._system = self._system or other._system
        both._given = tuple(dict.fromkeys((*self._given, *other._given)))
        return both

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TrustStore):
            return NotImplemented
        return (self._system, set(self._given)) == (other._system, set(other._given))

    def __hash__(self) -> int:
        return hash((self._system, frozenset(self._given)))

    def __copy__(self) -> TrustStore:
        return self

    def __deepcopy__(self, memo: object) -> TrustStore:
        return self

    def __repr__(self) -> str:
        parts = ["the system's"] if self._system else []
        parts += [f"{len(self._given)} certificates"] if self._given else []
        return f"<TrustStore {' and '.join(parts) or 'empty'}>"
