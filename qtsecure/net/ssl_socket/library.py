"""QSslSocket's static methods: what the TLS library of this process is, and what it can do.

The library is the OpenSSL inside the cryptography package, never the system's, so there is one
backend, which cannot be changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtNetwork import QSsl

from qtsecure.engine import _openssl_version as version
from qtsecure.net import late, values
from qtsecure.net.ssl_socket.settings import Settings

if TYPE_CHECKING:
    from qtsecure.net.values import Protocol

__all__ = ["Library"]

_BACKEND = "openssl"
_Class = QSsl.ImplementedClass
_Feature = QSsl.SupportedFeature


class Library(Settings):
    """They may be called in any thread, before there is any socket or application."""

    @staticmethod
    def supportsSsl() -> bool:
        """Always True: without its OpenSSL this package cannot be imported (QSslSocket::supportsSsl)."""
        return True

    @staticmethod
    def sslLibraryVersionString() -> str:
        """OpenSSL's own name and version, for example "OpenSSL 4.0.3 29 Sep 2026"."""
        return version.openssl_version()

    @staticmethod
    def sslLibraryVersionNumber() -> int:
        """The version as OpenSSL counts, for example 0x40000030 for 4.0.3."""
        return version.openssl_version_number()

    @staticmethod
    def sslLibraryBuildVersionString() -> str:
        """The version that the cryptography package was compiled with; the same, in its wheels."""
        return version.openssl_build_version()

    @staticmethod
    def sslLibraryBuildVersionNumber() -> int:
        """The number of the version that the cryptography package was compiled with."""
        return version.openssl_build_version_number()

    @staticmethod
    def activeBackend() -> str:
        """Always "openssl"."""
        return _BACKEND

    @staticmethod
    def availableBackends() -> list[str]:
        """Only "openssl"."""
        return [_BACKEND]

    @staticmethod
    def setActiveBackend(backendName: str) -> bool:
        """Whether that is the backend; there is no other."""
        return backendName == _BACKEND

    @staticmethod
    def supportedProtocols(backendName: str = "") -> list[Protocol]:
        """What setProtocol() takes, DTLS included; empty for the name of another backend."""
        if backendName not in ("", _BACKEND):
            return []
        Protocol = values.Protocol
        features = late.probe_features()
        missing = {Protocol.Unknown}
        if not features.dtls:
            missing |= {Protocol.DtlsV1_2, Protocol.DtlsV1_2OrLater}
        if not features.dtls_1_3:
            missing |= {Protocol.DtlsV1_3, Protocol.DtlsV1_3OrLater}
        return [protocol for protocol in Protocol if protocol not in missing]

    @staticmethod
    def isProtocolSupported(protocol: Protocol | QSsl.SslProtocol, backendName: str = "") -> bool:
        """Whether setProtocol() takes this one; False for those that are no longer secure.

        Raises:
            TypeError: For anything but a Protocol or a QSsl.SslProtocol.
        """
        if isinstance(protocol, QSsl.SslProtocol):
            try:
                protocol = values.Protocol.fromQt(protocol)
            except ValueError:
                return False
        if not isinstance(protocol, values.Protocol):
            raise TypeError(f"protocol must be a Protocol or a QSsl.SslProtocol, not {type(protocol).__name__}.")
        return protocol in Library.supportedProtocols(backendName)

    @staticmethod
    def implementedClasses(backendName: str = "") -> list[QSsl.ImplementedClass]:
        """Which of Qt's classes have a counterpart here; keys are objects of the cryptography package."""
        if backendName not in ("", _BACKEND):
            return []
        datagrams = [_Class.Dtls, _Class.DtlsCookie] if late.probe_features().dtls else []
        return [_Class.Certificate, _Class.Socket, *datagrams]

    @staticmethod
    def isClassImplemented(cl: QSsl.ImplementedClass, backendName: str = "") -> bool:
        """Whether implementedClasses() has it."""
        return cl in Library.implementedClasses(backendName)

    @staticmethod
    def supportedFeatures(backendName: str = "") -> list[QSsl.SupportedFeature]:
        """What there is of Qt's list: all of it, unless the cryptography package lacks something."""
        if backendName not in ("", _BACKEND):
            return []
        features = late.probe_features()
        optional = {_Feature.Ocsp: features.ocsp, _Feature.Psk: features.psk}
        return [feature for feature in _Feature if optional.get(feature, True)]

    @staticmethod
    def isFeatureSupported(feat: QSsl.SupportedFeature, backendName: str = "") -> bool:
        """Whether supportedFeatures() has it."""
        return feat in Library.supportedFeatures(backendName)
