"""Short cuts to single settings, with Gio's names; all of them are for the next handshake."""

from __future__ import annotations

import enum
import warnings
from collections.abc import Callable, Iterable, Iterator

from PySide6.QtCore import QByteArray
from PySide6.QtNetwork import QSslSocket
from shiboken6 import isValid

from qtsecure.net.arguments import checkBool
from qtsecure.net.dtls_peer.variants import Variants
from qtsecure.net.values import SslCertificate, SslConfiguration, TlsOptions, TrustStore
from qtsecure.net.values.sources import CertificateSource, PassphraseSource, PrivateKeySource, privateKeyFrom

__all__ = ["Settings"]

_PeerVerifyMode = QSslSocket.PeerVerifyMode
_AUTHENTICATION = {
    _PeerVerifyMode.VerifyNone: TlsOptions.ClientAuthentication.Off,
    _PeerVerifyMode.QueryPeer: TlsOptions.ClientAuthentication.Requested,
    _PeerVerifyMode.AutoVerifyPeer: TlsOptions.ClientAuthentication.Requested,
    _PeerVerifyMode.VerifyPeer: TlsOptions.ClientAuthentication.Required,
}


class Settings(Variants):
    """Gio's settings of DtlsPeer."""

    class RehandshakeMode(enum.Enum):
        """Gio.TlsRehandshakeMode."""

        Never = 0
        Safely = 1
        Unsafely = 2

    _serverIdentity: str | None = ""

    def certificate(self) -> SslCertificate:
        """The own certificate (Gio.DtlsConnection:certificate); null when there is none."""
        return self._configuration.localCertificate()

    def setCertificate(
        self,
        chain: CertificateSource | None,
        key: PrivateKeySource | None = None,
        passphrase: PassphraseSource | None = None,
    ) -> None:
        """Show this certificate, with the chain of its issuers, when the other side asks for one.

        Args:
            chain: Certificate objects, PEM or DER bytes, or paths, the own certificate first; None for none.
            key: Its private key.
            passphrase: For an encrypted key, or an Interaction to ask for it; None asks the interaction().

        Raises:
            TypeError: An argument is of another type.
            ValueError: A certificate without a key.
            SecureError: They cannot be read, or do not belong together.
        """
        # Two configurations may take them.
        if isinstance(chain, Iterator):
            chain = list(chain)
        if passphrase is None and (asked := self.interaction()) is not None and isValid(asked):
            passphrase = asked
        own = None if key is None else privateKeyFrom(key, passphrase)

        def show(configuration: SslConfiguration) -> None:
            configuration.setPrivateKey(None)
            configuration.setLocalCertificateChain(chain)
            if not configuration.localCertificate().isNull():
                if own is None:
                    raise ValueError("key must be given with a certificate: without it the certificate proves nothing.")
                configuration.setPrivateKey(own)

        self._change(show)

    def trustStore(self) -> TrustStore:
        """Whom to trust (Gio.DtlsConnection:database)."""
        return self._configuration.trustStore()

    def setTrustStore(self, store: TrustStore | None) -> None:
        """Trust these authorities; with None nobody, so that every certificate has an error.

        Raises:
            TypeError: For anything else.
        """
        self._change(lambda configuration: configuration.setTrustStore(TrustStore.empty() if store is None else store))

    def requireCloseNotify(self) -> bool:
        """Whether an end without close_notify is an error."""
        return self._configuration.requireCloseNotify()

    def setRequireCloseNotify(self, required: bool) -> None:
        """Report a transport that vanished, or an idle timeout, as an error (the default), or as a quiet end.

        Takes effect at once. A quiet end is ``disconnected`` without errorOccurred, and an end of the stream
        for receiveMessages(). close() sends close_notify regardless.

        Raises:
            TypeError: For anything but a bool.
        """
        checkBool(required, name="required")
        self._change(lambda configuration: configuration.setRequireCloseNotify(required))

    def advertisedProtocols(self) -> list[str]:
        """The application protocols to offer (ALPN, RFC 7301), best first."""
        protocols = self._configuration.allowedNextProtocols()
        return [bytes(protocol.data()).decode("utf-8", "replace") for protocol in protocols]

    def setAdvertisedProtocols(self, protocols: Iterable[str | bytes | bytearray | QByteArray] | None) -> None:
        """Offer these application protocols, best first; None or none at all for no ALPN.

        Raises:
            TypeError: For anything but a list of names.
            ValueError: A name is empty or longer than 255 bytes.
        """
        offered = list(protocols) if isinstance(protocols, Iterator) else () if protocols is None else protocols
        self._change(lambda configuration: configuration.setAllowedNextProtocols(offered))

    def serverIdentity(self) -> str | None:
        """On a client: what setServerIdentity() was given; an empty string for the host that is connected to."""
        return self._serverIdentity

    def setServerIdentity(self, identity: str | None) -> None:
        """Let the server prove this name instead of its host's (Gio.DtlsClientConnection:server-identity).

        Args:
            identity: A host name or IP address, also for SNI. An empty string for the host that is connected
                to; None for no name at all, so that every certificate has an error.

        Raises:
            TypeError: For anything else.
        """
        if identity is not None and not isinstance(identity, str):
            raise TypeError(f"identity must be a str or None, not {type(identity).__name__}.")
        self._serverIdentity = identity

    def authenticationMode(self) -> TlsOptions.ClientAuthentication:
        """On a server: whether clients are asked for a certificate (Gio.DtlsServerConnection:authentication-mode).

        It is set with the configuration of the DtlsServer.
        """
        return _AUTHENTICATION[self._configuration.peerVerifyMode()]

    def rehandshakeMode(self) -> RehandshakeMode:
        """Always Safely: there is no second handshake (Gio.DtlsConnection:rehandshake-mode)."""
        return self.RehandshakeMode.Safely

    def setRehandshakeMode(self, mode: RehandshakeMode) -> None:
        """Does nothing but warn, as Gio's has done since 2.60; there is no second handshake."""
        warnings.warn(
            "setRehandshakeMode() has no effect: an association has one handshake.", DeprecationWarning, stacklevel=2
        )

    # -------------------------------------------------------------------------- internals

    def _identityFor(self, host: str, override: str) -> str:
        if self._serverIdentity is None:
            return ""
        return super()._identityFor(self._serverIdentity or host, override)

    def _change(self, change: Callable[[SslConfiguration], object]) -> None:
        """On a copy: a server's peers share their configuration."""
        self._configuration = _changed(self._configuration, change)
        if self._standing is not None:
            self._standing = _changed(self._standing, change)


def _changed(configuration: SslConfiguration, change: Callable[[SslConfiguration], object]) -> SslConfiguration:
    copy = SslConfiguration(configuration)
    change(copy)
    return copy
