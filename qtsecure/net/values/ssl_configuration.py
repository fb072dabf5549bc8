"""What a connection brings along and demands, as a value with Qt's getters and setters."""

from __future__ import annotations

import os
import typing
from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar, NoReturn, TypeAlias, runtime_checkable

from PySide6.QtCore import QByteArray, qWarning
from PySide6.QtNetwork import QSsl, QSslCertificate, QSslConfiguration, QSslSocket

from qtsecure.engine.certificates import PrivateKey
from qtsecure.engine.configuration import TlsConfiguration
from qtsecure.engine.trust import TrustAnchors
from qtsecure.errors import SecureError
from qtsecure.net.arguments import checkBool, checkInt
from qtsecure.net.values import default_configuration
from qtsecure.net.values.algorithms import Algorithms
from qtsecure.net.values.arguments import applicationProtocolsFrom, identityHintFrom
from qtsecure.net.values.handshake_results import HandshakeResults
from qtsecure.net.values.protocol import Protocol
from qtsecure.net.values.revocation import Revocation
from qtsecure.net.values.session_facts import SessionFacts
from qtsecure.net.values.sources import (
    CertificateSource,
    PassphraseSource,
    PrivateKeySource,
    certificatesFrom,
    credentialsFrom,
    privateKeyFrom,
)
from qtsecure.net.values.ssl_certificate import SslCertificate
from qtsecure.net.values.tls_settings import OwnKey, Role, SystemRoots, TlsSettings
from qtsecure.net.values.trust_store import TrustStore
from qtsecure.net.values.virtual_hosts import VirtualHosting

__all__ = ["ConfigurationSource", "SslConfiguration", "configurationFrom", "startingConfiguration"]

_LARGEST_DEPTH = 1000


@runtime_checkable
class _Convertible(typing.Protocol):
    """TlsOptions, which builds on this module."""

    def isServer(self) -> bool: ...

    def toSslConfiguration(self) -> SslConfiguration: ...


class SslConfiguration(Algorithms, Revocation, VirtualHosting, HandshakeResults):
    """A copyable, comparable set of TLS settings; methods follow ``QSslConfiguration``.

    Getters return what was set, or the default. What cannot work is refused by the setter, not by
    the handshake: a key that does not belong to the certificate, an unknown cipher, and so on. A
    socket or server copies its configuration, so changes afterwards have no effect on it.

    As in Qt, ``SslConfiguration()`` trusts the roots of this computer until an authority is added;
    :meth:`defaultConfiguration` lists them, and an added authority comes on top.

    Usable from any thread, but one object only from one thread at a time. It holds a private key:
    it cannot be pickled, and its repr does not show the key.

    Args:
        other: The configuration to copy: one of these, a ``QSslConfiguration`` or ``TlsOptions``.
    """

    ALPNProtocolHTTP2: ClassVar[bytes] = b"h2"
    NextProtocolHttp1_1: ClassVar[bytes] = b"http/1.1"

    __slots__ = ()

    def __init__(self, other: ConfigurationSource | None = None) -> None:
        # The settings are immutable; every setter replaces them.
        if other is None:
            self._settings = _NULL
        elif isinstance(other, SslConfiguration):
            self._settings = other._settings
        elif isinstance(other, QSslConfiguration):
            self._settings = SslConfiguration.fromQt(other)._settings
        elif isinstance(other, _Convertible):
            self._settings = other.toSslConfiguration()._settings
        else:
            raise TypeError(
                "configuration must be an SslConfiguration, a QSslConfiguration or TlsOptions, "
                f"not {type(other).__name__}"
            )

    # Ready-made configurations

    @staticmethod
    def defaultConfiguration() -> SslConfiguration:
        """Return a copy of the configuration that sockets start with."""
        return startingConfiguration(default_configuration.chosen)

    @staticmethod
    def setDefaultConfiguration(configuration: ConfigurationSource) -> None:
        """Set the configuration that sockets made from now on start with, clients and servers alike.

        Raises:
            TypeError, SecureError: For anything that is no usable configuration.
            ValueError: Likewise, or these are the TlsOptions of a server: every client would believe anybody.
        """
        default_configuration.chosen = configurationFrom(configuration, role="client")

    @staticmethod
    def forServer(
        certificateChain: CertificateSource,
        privateKey: PrivateKeySource,
        passphrase: PassphraseSource | None = None,
    ) -> SslConfiguration:
        """Return the default configuration with the identity of a server.

        An authority that is added for the clients' certificates replaces the system's: the public
        authorities certify anybody.

        Args:
            certificateChain: The server's certificate, then its intermediates.
            privateKey: The key of the first certificate.
            passphrase: What the key is encrypted with, or an Interaction to ask if it is.

        Raises:
            SecureError: Certificate or key cannot be read, or they do not belong together.
            ValueError: ``certificateChain`` is empty.
        """
        chain = certificatesFrom(certificateChain)
        if not chain:  # of a file, for instance, in which QSslCertificate.fromPath() found none
            raise ValueError("certificateChain must not be empty: a server has to show a certificate")
        return SslConfiguration._ofServer(chain, OwnKey(privateKeyFrom(privateKey, passphrase)))

    @staticmethod
    def fromPkcs12(
        source: bytes | bytearray | QByteArray | str | os.PathLike[str], passphrase: PassphraseSource | None = None
    ) -> SslConfiguration:
        """Return the default configuration with the identity in a PKCS #12 file (``.p12``, ``.pfx``).

        For servers and clients; authorities are those of :meth:`forServer`.

        Args:
            source: The content of the file, or its path.
            passphrase: What it is encrypted with, or an Interaction to ask if it is.

        Raises:
            SecureError: The passphrase is missing or wrong, or the file cannot be read, or holds no
                certificate with its key.
            TypeError: An argument is of another type.
        """
        credentials = credentialsFrom(source, passphrase)
        return SslConfiguration._ofServer(certificatesFrom(credentials.chain), OwnKey(credentials.private_key))

    @staticmethod
    def _ofServer(chain: tuple[SslCertificate, ...], key: OwnKey) -> SslConfiguration:
        configuration = SslConfiguration.defaultConfiguration()
        configuration._setIdentity(chain, key)
        if configuration._settings.systemRoots is SystemRoots.Included:
            roots = SystemRoots.Off if configuration._settings.authorities else SystemRoots.OnDemand
            configuration._settings = replace(configuration._settings, systemRoots=roots)
        return configuration

    @staticmethod
    def forClient(caCertificates: CertificateSource | None = None) -> SslConfiguration:
        """Return the default configuration with these authorities, or the system's for None.

        Raises:
            SecureError: A certificate cannot be read.
        """
        configuration = SslConfiguration.defaultConfiguration()
        configuration.setCaCertificates(caCertificates)
        return configuration

    @staticmethod
    def fromQt(configuration: QSslConfiguration) -> SslConfiguration:
        """Return the settings of Qt's type, apart from those that have no meaning here.

        Raises:
            SecureError: The certificate and the key do not belong together.
            ValueError: It allows a version below TLS 1.2 or names a cipher suite that the engine
                does not have.
        """
        result = SslConfiguration()
        from qtsecure.net.values import qt_configuration

        qt_configuration.readInto(result, configuration)
        return result

    def toQt(self) -> QSslConfiguration:
        """Return Qt's type, the first use of which loads Qt's TLS backend.

        Key-exchange groups, the key log and the results of a handshake have no setters there.

        Raises:
            SecureError: Qt has no room for the key or one of the cipher suites.
            ValueError: The protocol is DTLS 1.3, for which Qt has no value.
        """
        from qtsecure.net.values import qt_configuration

        return qt_configuration.write(self._settings)

    def isNull(self) -> bool:
        """Whether nothing has been set."""
        return self._settings == _NULL

    def toEngine(self, role: Role, *, pskEnabled: bool, datagrams: bool = False) -> TlsConfiguration:
        """Return what the engine needs for a stream; for front ends on top of the engine.

        Args:
            role: ``"client"`` or ``"server"``.
            pskEnabled: Whether pre-shared keys are offered or accepted.
            datagrams: For DTLS instead; ``Protocol.SecureProtocols`` then stands for DTLS 1.2.

        Raises:
            SecureError: Something is missing, such as a server's certificate, or contradictory.
        """
        return self._settings.toEngine(role, pskEnabled, datagrams)

    # Protocol and verification

    def protocol(self) -> Protocol:
        """Return the allowed protocol versions."""
        return self._settings.protocol

    def setProtocol(self, protocol: Protocol | QSsl.SslProtocol) -> None:
        """Set the allowed protocol versions; by default TLS 1.2 or later.

        Raises:
            TypeError: ``protocol`` is of another type.
            ValueError: ``protocol`` is unknown or allows a version below TLS 1.2.
        """
        value = protocol if isinstance(protocol, Protocol) else Protocol.fromQt(protocol)
        value.range()
        self._settings = replace(self._settings, protocol=value)

    def peerVerifyMode(self) -> QSslSocket.PeerVerifyMode:
        """Return what is asked of the peer's certificate."""
        return self._settings.peerVerifyMode

    def setPeerVerifyMode(self, mode: QSslSocket.PeerVerifyMode) -> None:
        """Set what is asked of the peer's certificate.

        ``AutoVerifyPeer``, the default, is ``VerifyPeer`` on clients and ``QueryPeer`` on servers.
        """
        if not isinstance(mode, QSslSocket.PeerVerifyMode):
            raise TypeError(f"mode must be a QSslSocket.PeerVerifyMode, not {type(mode).__name__}")
        self._settings = replace(self._settings, peerVerifyMode=mode)

    def peerVerifyDepth(self) -> int:
        """Return the largest allowed number of intermediates; 0 is the engine's default."""
        return self._settings.peerVerifyDepth

    def setPeerVerifyDepth(self, depth: int) -> None:
        """Set the largest allowed number of intermediates.

        Raises:
            TypeError: ``depth`` is not an int.
            ValueError: ``depth`` is negative, or more than a chain can have.
        """
        if not 0 <= checkInt(depth, name="depth") <= _LARGEST_DEPTH:
            raise ValueError(
                f"depth must be at least 0, which means the default, and at most {_LARGEST_DEPTH}, not {depth}"
            )
        self._settings = replace(self._settings, peerVerifyDepth=depth)

    def missingCertificateIsFatal(self) -> bool:
        """Whether a server ends the handshake when a client has no certificate."""
        return self._settings.missingCertificateIsFatal

    def setMissingCertificateIsFatal(self, cannotRecover: bool) -> None:
        """With ``VerifyPeer`` on a server: make a missing certificate an error nobody can ignore.

        Raises:
            TypeError: For anything but a bool.
        """
        fatal = checkBool(cannotRecover, name="cannotRecover")
        self._settings = replace(self._settings, missingCertificateIsFatal=fatal)

    def handshakeMustInterruptOnError(self) -> bool:
        """Whether ``handshakeInterruptedOnError`` is emitted within the handshake."""
        return self._settings.interruptOnError

    def setHandshakeMustInterruptOnError(self, interrupt: bool) -> None:
        """Report each error inside the handshake, so that the peer gets the right alert.

        Raises:
            TypeError: For anything but a bool.
        """
        self._settings = replace(self._settings, interruptOnError=checkBool(interrupt, name="interrupt"))

    # Own certificate and key

    def localCertificate(self) -> SslCertificate:
        """Return the own certificate; null if none is set."""
        return next(iter(self._settings.certificateChain), SslCertificate())

    def setLocalCertificate(self, certificate: CertificateSource | None) -> None:
        """Set the own certificate; the same as :meth:`setLocalCertificateChain`."""
        self.setLocalCertificateChain(certificate)

    def localCertificateChain(self) -> list[SslCertificate]:
        """Return the own certificate and the intermediates that are sent along."""
        return list(self._settings.certificateChain)

    def setLocalCertificateChain(self, chain: CertificateSource | None) -> None:
        """Set the own certificate, which comes first, and its intermediates.

        None, a null certificate or an empty list remove them. If a key or an OCSP response is set
        already, it must be the one of the new certificate; to change both, remove that first.

        Raises:
            SecureError: A certificate cannot be read, or does not belong to the private key or the
                OCSP response.
            TypeError: ``chain`` is of another type.
        """
        if chain is None or (isinstance(chain, (SslCertificate, QSslCertificate)) and chain.isNull()):
            chain = ()
        self._setIdentity(certificatesFrom(chain), self._settings.privateKey)

    def privateKey(self) -> PrivateKey | None:
        """Return the private key as an object of the cryptography package."""
        return None if self._settings.privateKey is None else self._settings.privateKey.key

    def setPrivateKey(self, key: PrivateKeySource | None, passphrase: PassphraseSource | None = None) -> None:
        """Set the private key, or remove it with None.

        Args:
            key: PEM or DER bytes, a path, or a key object of cryptography or Qt. RSA, EC, Ed25519
                and Ed448 keys can be used.
            passphrase: What the key is encrypted with, or an Interaction to ask if it is.

        Raises:
            SecureError: The passphrase is missing or wrong, the key cannot be read or used, or it
                does not belong to the local certificate.
            TypeError: An argument is of another type.
        """
        own = None if key is None else OwnKey(privateKeyFrom(key, passphrase))
        self._setIdentity(self._settings.certificateChain, own)

    # Certificate authorities

    def caCertificates(self) -> list[SslCertificate]:
        """Return the trusted authorities; empty also while the system's are used on demand.

        Raises:
            SecureError: The system's authorities belong to the list, but cannot be found.
        """
        system = self.systemCaCertificates() if self._settings.systemRoots is SystemRoots.Included else []
        return [*system, *self._settings.authorities]

    def setCaCertificates(self, certificates: CertificateSource | None) -> None:
        """Trust these authorities and no others; None stands for those of the system.

        An empty list trusts nobody.

        Raises:
            SecureError: A certificate cannot be read.
            TypeError: ``certificates`` is of another type.
        """
        if certificates is None:
            self._settings = replace(self._settings, authorities=(), systemRoots=SystemRoots.Included)
        else:
            self._settings = replace(
                self._settings, authorities=certificatesFrom(certificates), systemRoots=SystemRoots.Off
            )

    def addCaCertificate(self, certificate: CertificateSource) -> None:
        """Trust one more authority; see :meth:`addCaCertificates`."""
        self.addCaCertificates(certificate)

    def addCaCertificates(self, certificates: CertificateSource) -> bool:
        """Add authorities to the list that :meth:`caCertificates` returns.

        As in Qt, roots of the system that are not in that list are no longer used then.

        Returns:
            True; Qt's answer for a file in which there are certificates.

        Raises:
            SecureError: A certificate cannot be read.
            TypeError: ``certificates`` is of another type.
        """
        added = self._settings.authorities + certificatesFrom(certificates)
        included = self._settings.systemRoots is SystemRoots.Included
        self._settings = replace(
            self._settings, authorities=added, systemRoots=SystemRoots.Included if included else SystemRoots.Off
        )
        return True

    @staticmethod
    def systemCaCertificates() -> list[SslCertificate]:
        """Return the authorities that this computer trusts.

        Raises:
            SecureError: None can be found.
        """
        return [SslCertificate(certificate) for certificate in TrustAnchors.system().certificates]

    def trustStore(self) -> TrustStore:
        """Return the trusted authorities as one value."""
        given = TrustStore.fromCertificates(self._settings.authorities)
        return given if self._settings.systemRoots is SystemRoots.Off else TrustStore.system() + given

    def setTrustStore(self, store: TrustStore) -> None:
        """Trust the authorities of ``store`` and no others.

        Raises:
            TypeError: ``store`` is of another type.
        """
        if not isinstance(store, TrustStore):
            raise TypeError(f"store must be a TrustStore, not {type(store).__name__}")
        roots = SystemRoots.Included if store.includesSystem() else SystemRoots.Off
        self._settings = replace(self._settings, authorities=store.givenCertificates(), systemRoots=roots)

    # The end of a connection

    def requireCloseNotify(self) -> bool:
        """Whether an end without close_notify is an error."""
        return self._settings.requireCloseNotify

    def setRequireCloseNotify(self, require: bool) -> None:
        """Report an end of TCP without close_notify as a truncation (the default), or like an orderly end.

        Only for protocols that mark the end of their data themselves. ``peerClosedCleanly()`` tells
        the truth in either case.

        Raises:
            TypeError: For anything but a bool.
        """
        self._settings = replace(self._settings, requireCloseNotify=checkBool(require, name="require"))

    # Application protocols and pre-shared keys

    def allowedNextProtocols(self) -> list[QByteArray]:
        """Return the application protocols (RFC 7301), best first."""
        return [QByteArray(name) for name in self._settings.applicationProtocols]

    def setAllowedNextProtocols(self, protocols: Iterable[bytes | bytearray | QByteArray | str]) -> None:
        """Set the application protocols to offer or accept (ALPN, RFC 7301), best first.

        Raises:
            TypeError: ``protocols`` is not a list of bytes or strings.
            ValueError: A name is empty or longer than 255 bytes, or all are longer than 65535.
        """
        self._settings = replace(self._settings, applicationProtocols=applicationProtocolsFrom(protocols))

    def preSharedKeyIdentityHint(self) -> QByteArray:
        """Return the hint that a server sends to clients."""
        return QByteArray(self._settings.identityHint)

    def setPreSharedKeyIdentityHint(self, hint: bytes | bytearray | QByteArray | str) -> None:
        """Set the hint about which pre-shared key to use (RFC 4279), sent up to TLS 1.2.

        Raises:
            TypeError: ``hint`` is neither bytes nor a string.
            ValueError: ``hint`` is longer than 255 bytes or contains a NUL.
        """
        self._settings = replace(self._settings, identityHint=identityHintFrom(hint))

    # What the engine cannot do yet: here so that a program is told, and not just without effect

    def ephemeralServerKey(self) -> NoReturn:
        """Return the server's key of the key exchange.

        Raises:
            SecureError: Always (``NotSupported``): the engine does not give it away.
        """
        raise _notSupported("The ephemeral key", "its group is sessionCipher().keyExchangeGroup()")

    # Key log

    def keyLogFile(self) -> str:
        """Return the path of the key log; empty for none."""
        return self._settings.keyLogFile

    def setKeyLogFile(self, path: str | os.PathLike[str] | None) -> None:
        """Append the secrets of all connections to a file in NSS format; None or "" for none.

        Whoever reads that file can decrypt the connections: for debugging only, and said in a warning. The
        file is made for its owner alone (mode 0600), and each line is appended in one piece, so that
        several programs may share it. The environment variable SSLKEYLOGFILE has no effect.

        Raises:
            TypeError: ``path`` is no path.
            ValueError: ``path`` contains a NUL.
        """
        if not isinstance(path, (str, bytes, os.PathLike, type(None))):
            raise TypeError(f"path must be a path or None, not {type(path).__name__}")
        name = "" if path is None else os.fsdecode(path)
        if "\0" in name:
            raise ValueError("path must not contain a NUL")
        if name:
            qWarning(f"SslConfiguration: the secrets of connections go to {name!r}; whoever reads it can decrypt them.")
        self._settings = replace(self._settings, keyLogFile=name)

    # For our own layers

    def withSession(self, facts: SessionFacts) -> SslConfiguration:
        """Return a copy that reports ``facts``; for sockets, which make them."""
        result = SslConfiguration(self)
        result._settings = replace(self._settings, session=facts)
        return result

    def withoutHostNames(self) -> SslConfiguration:
        """Return a copy for clients that verifies the chain but not for whom it was issued; for TlsOptions."""
        result = SslConfiguration(self)
        result._settings = replace(self._settings, verifiesHostName=False)
        return result

    def _setIdentity(self, chain: tuple[SslCertificate, ...], key: OwnKey | None) -> None:
        settings = replace(self._settings, certificateChain=chain, privateKey=key)
        settings.checkIdentity()
        self._settings = settings

    def __bool__(self) -> bool:
        return not self.isNull()  # as PySide's type

    def __eq__(self, other: object) -> bool:
        return self._settings == other._settings if isinstance(other, SslConfiguration) else NotImplemented

    def __copy__(self) -> SslConfiguration:
        return SslConfiguration(self)

    def __deepcopy__(self, memo: object) -> SslConfiguration:
        return SslConfiguration(self)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("SslConfiguration cannot be pickled: it may hold a private key")

    def __repr__(self) -> str:
        own = "no certificate" if self.localCertificate().isNull() else repr(self.localCertificate())
        return f"<SslConfiguration {self.protocol().name} {self.peerVerifyMode().name}, {own}>"


def _notSupported(what: str, instead: str) -> SecureError:
    return SecureError(SecureError.Code.NotSupported, f"{what} is not supported by the engine yet; {instead}.")


ConfigurationSource: TypeAlias = SslConfiguration | QSslConfiguration | _Convertible
"""What programs may give for a configuration: ours, Qt's, or TlsOptions."""


def configurationFrom(
    source: ConfigurationSource, *, name: str = "configuration", role: Role | None = None
) -> SslConfiguration:
    """Return a copy of what a program gives as a configuration.

    Args:
        source: What the program gives.
        name: What messages call it.
        role: What it is for, if that is certain. TlsOptions of a server verify no server: with them
            a client would believe anybody.

    Raises:
        SecureError: Qt's configuration has no equivalent.
        TypeError: ``source`` is of another type.
        ValueError: Likewise, or TlsOptions are for the other role.
    """
    if not isinstance(source, (SslConfiguration, QSslConfiguration, _Convertible)):
        found = "None" if source is None else type(source).__name__
        raise TypeError(f"{name} must be an SslConfiguration, a QSslConfiguration or TlsOptions, not {found}")
    if role is not None and isinstance(source, _Convertible):
        given = "server" if source.isServer() else "client"
        if given != role:
            raise ValueError(f"{name} must be for a {role}, not the TlsOptions of a {given}")
    return SslConfiguration(source)


def startingConfiguration(chosen: SslConfiguration | None) -> SslConfiguration:
    """Return a copy of what the program has chosen as the default, or of the built-in one."""
    return SslConfiguration(chosen if chosen is not None else _builtIn)


_NULL = TlsSettings()
_builtIn = SslConfiguration()
_builtIn.setCaCertificates(None)
