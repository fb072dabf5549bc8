"""Godot's TLSOptions: a handful of ready-made configurations."""

from __future__ import annotations

import enum
from typing import NoReturn

from PySide6.QtNetwork import QSslSocket

from qtsecure.engine.certificates import PrivateKey
from qtsecure.net.values.sources import CertificateSource, PrivateKeySource, certificatesFrom
from qtsecure.net.values.ssl_certificate import SslCertificate
from qtsecure.net.values.ssl_configuration import SslConfiguration

__all__ = ["TlsOptions"]

_PeerVerifyMode = QSslSocket.PeerVerifyMode


class TlsOptions:
    """Immutable options for one side of a connection; methods follow Godot's ``TLSOptions``.

    Made by :meth:`client`, :meth:`clientUnsafe` and :meth:`server`; for everything else take
    :meth:`toSslConfiguration` and go on from there. Usable from any thread. They may hold a private
    key: they cannot be pickled, and their repr does not show it.
    """

    class ClientAuthentication(enum.Enum):
        """What a server asks of its clients."""

        Off = "Off"
        """It asks for no certificate."""
        Requested = "Requested"
        """It asks, and reports what is wrong, but goes on."""
        Required = "Required"
        """It goes on only with a certificate that the given authorities have issued."""

    __slots__ = (
        "_clientAuthentication",
        "_commonNameOverride",
        "_configuration",
        "_server",
        "_trustedChain",
        "_unsafe",
    )

    _clientAuthentication: ClientAuthentication
    _commonNameOverride: str
    _configuration: SslConfiguration
    _server: bool
    _trustedChain: tuple[SslCertificate, ...]
    _unsafe: bool

    def __init__(self) -> None:
        raise TypeError("TlsOptions are made by TlsOptions.client(), clientUnsafe() or server()")

    @staticmethod
    def _make(
        configuration: SslConfiguration,
        *,
        server: bool = False,
        unsafe: bool = False,
        trusted: tuple[SslCertificate, ...] = (),
        name: str = "",
        clientAuth: ClientAuthentication = ClientAuthentication.Off,
    ) -> TlsOptions:
        options = object.__new__(TlsOptions)
        values = {
            "_configuration": configuration,
            "_server": server,
            "_unsafe": unsafe,
            "_trustedChain": trusted,
            "_commonNameOverride": name,
            "_clientAuthentication": clientAuth,
        }
        for attribute, value in values.items():
            object.__setattr__(options, attribute, value)
        return options

    @staticmethod
    def client(trustedChain: CertificateSource | None = None, commonNameOverride: str = "") -> TlsOptions:
        """Return options that verify the server's certificate and its name.

        Args:
            trustedChain: The trusted authorities; None for those of this computer.
            commonNameOverride: The name that the certificate must prove instead of the host's.

        Raises:
            SecureError: A certificate cannot be read.
            TypeError: An argument is of another type.
        """
        if not isinstance(commonNameOverride, str):
            raise TypeError(f"commonNameOverride must be a str, not {type(commonNameOverride).__name__}")
        trusted = () if trustedChain is None else certificatesFrom(trustedChain)
        configuration = SslConfiguration.forClient(None if trustedChain is None else trusted)
        return TlsOptions._make(configuration, trusted=trusted, name=commonNameOverride)

    @staticmethod
    def clientUnsafe(trustedChain: CertificateSource | None = None) -> TlsOptions:
        """Return options for tests, with which anybody in between can read and change everything.

        Args:
            trustedChain: With authorities the certificate is verified, but not for whom it was
                issued; None verifies nothing at all.

        Raises:
            SecureError: A certificate cannot be read.
            TypeError: ``trustedChain`` is of another type.
        """
        if trustedChain is None:
            configuration = SslConfiguration()
            configuration.setPeerVerifyMode(_PeerVerifyMode.VerifyNone)
            return TlsOptions._make(configuration, unsafe=True)
        trusted = certificatesFrom(trustedChain)
        configuration = SslConfiguration.forClient(trusted).withoutHostNames()
        return TlsOptions._make(configuration, unsafe=True, trusted=trusted)

    @staticmethod
    def server(
        key: PrivateKeySource,
        certificate: CertificateSource,
        clientAuth: ClientAuthentication = ClientAuthentication.Off,
        trustedClientCas: CertificateSource | None = None,
    ) -> TlsOptions:
        """Return options for a server.

        Args:
            key: Its private key.
            certificate: Its certificate, then the intermediates.
            clientAuth: What it asks of its clients.
            trustedClientCas: Who may certify clients.

        Raises:
            SecureError: Key or certificate cannot be read, or they do not belong together.
            TypeError: An argument is of another type.
            ValueError: ``certificate`` is empty, or certificates are required, but nobody may issue them.
        """
        if not isinstance(clientAuth, TlsOptions.ClientAuthentication):
            raise TypeError(f"clientAuth must be a TlsOptions.ClientAuthentication, not {type(clientAuth).__name__}")
        trusted = () if trustedClientCas is None else certificatesFrom(trustedClientCas)
        if clientAuth is TlsOptions.ClientAuthentication.Required and not trusted:
            raise ValueError("trustedClientCas must not be empty when clients need a certificate")
        chain = certificatesFrom(certificate)
        if not chain:
            raise ValueError("certificate must not be empty: a server has to show one")
        configuration = SslConfiguration.forServer(chain, key)
        configuration.setCaCertificates(trusted)
        configuration.setPeerVerifyMode(_MODES[clientAuth])
        configuration.setMissingCertificateIsFatal(clientAuth is TlsOptions.ClientAuthentication.Required)
        return TlsOptions._make(configuration, server=True, trusted=trusted, clientAuth=clientAuth)

    def isServer(self) -> bool:
        """Whether these are for a server."""
        return self._server

    def isUnsafeClient(self) -> bool:
        """Whether these come from :meth:`clientUnsafe`."""
        return self._unsafe

    def commonNameOverride(self) -> str:
        """Return the name that the certificate must prove instead of the host's; empty for the host's."""
        return self._commonNameOverride

    def trustedCaChain(self) -> list[SslCertificate]:
        """Return the authorities that were given."""
        return list(self._trustedChain)

    def privateKey(self) -> PrivateKey | None:
        """Return the server's key as an object of the cryptography package; None on a client."""
        return self._configuration.privateKey()

    def ownCertificate(self) -> list[SslCertificate]:
        """Return the server's certificate and its intermediates; empty on a client."""
        return self._configuration.localCertificateChain()

    def clientAuthentication(self) -> ClientAuthentication:
        """Return what a server asks of its clients."""
        mode = self._configuration.peerVerifyMode()
        return next(
            (each for each, its in _MODES.items() if self._server and its is mode), self.ClientAuthentication.Off
        )

    def toSslConfiguration(self) -> SslConfiguration:
        """Return a configuration with these options.

        The name of :meth:`commonNameOverride` is no part of a configuration: an SslSocket takes it
        with ``setPeerVerifyName``.
        """
        return SslConfiguration(self._configuration)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"TlsOptions cannot be changed; make new ones instead of setting {name!r}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TlsOptions):
            return NotImplemented
        return (self._server, self._unsafe, self._commonNameOverride, self._trustedChain, self._configuration) == (
            other._server,
            other._unsafe,
            other._commonNameOverride,
            other._trustedChain,
            other._configuration,
        )

    __hash__ = None  # type: ignore[assignment] # as SslConfiguration, which takes part in ==

    def __copy__(self) -> TlsOptions:
        return self

    def __deepcopy__(self, memo: object) -> TlsOptions:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("TlsOptions cannot be pickled: they may hold a private key")

    def __repr__(self) -> str:
        kind = "server" if self._server else "clientUnsafe" if self._unsafe else "client"
        return f"<TlsOptions {kind}>"


_MODES = {
    TlsOptions.ClientAuthentication.Off: _PeerVerifyMode.VerifyNone,
    TlsOptions.ClientAuthentication.Requested: _PeerVerifyMode.QueryPeer,
    TlsOptions.ClientAuthentication.Required: _PeerVerifyMode.VerifyPeer,
}
