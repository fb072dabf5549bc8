"""The algorithms of a configuration: cipher suites, key-exchange groups, SRTP profiles, and options."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from PySide6.QtNetwork import QSsl, QSslCipher, QSslEllipticCurve

from qtsecure.engine.supported import supported_cipher_names, supported_group_names
from qtsecure.net.arguments import checkBool
from qtsecure.net.values.arguments import cipherNamesFrom, groupNamesFrom, items, srtpProfilesFrom
from qtsecure.net.values.ssl_cipher import SslCipher
from qtsecure.net.values.tls_settings import HasSettings, defaultCipherNames

__all__ = ["Algorithms"]


class Algorithms(HasSettings):
    """A part of SslConfiguration."""

    __slots__ = ()

    def ciphers(self) -> list[SslCipher]:
        """Return the cipher suites to use, best first."""
        return [SslCipher(name) for name in self._settings.cipherNames or defaultCipherNames()]

    def setCiphers(self, ciphers: str | Iterable[SslCipher | QSslCipher | str]) -> None:
        """Set the cipher suites, best first; an empty list restores the default.

        A version of TLS for which there is no suite in the list is switched off.

        Args:
            ciphers: Objects or OpenSSL's names, or names in one string separated by colons.

        Raises:
            TypeError: ``ciphers`` is of another type.
            ValueError: A suite is not known or protects nothing.
        """
        self._settings = replace(self._settings, cipherNames=cipherNamesFrom(ciphers))

    @staticmethod
    def supportedCiphers() -> list[SslCipher]:
        """Return all cipher suites that :meth:`setCiphers` accepts."""
        return [SslCipher(name) for name in supported_cipher_names()]

    def keyExchangeGroups(self) -> list[str]:
        """Return the key-exchange groups, best first; empty for the default, which begins with X25519MLKEM768."""
        return list(self._settings.groups)

    def setKeyExchangeGroups(self, groups: Iterable[str]) -> None:
        """Set the key-exchange groups (RFC 8446, section 4.2.7), best first; empty for the default.

        Args:
            groups: OpenSSL's names, such as ``"X25519MLKEM768"``, ``"X25519"`` or ``"P-256"``.

        Raises:
            TypeError: ``groups`` is not a list of strings.
            ValueError: The engine does not know a group.
        """
        self._settings = replace(self._settings, groups=groupNamesFrom(groups))

    @staticmethod
    def supportedKeyExchangeGroups() -> list[str]:
        """Return the names that :meth:`setKeyExchangeGroups` accepts, apart from other spellings of them."""
        return list(supported_group_names())

    def ellipticCurves(self) -> list[str]:
        """The same as :meth:`keyExchangeGroups`, by Qt's name."""
        return self.keyExchangeGroups()

    def setEllipticCurves(self, curves: Iterable[QSslEllipticCurve | str]) -> None:
        """The same as :meth:`setKeyExchangeGroups`; also takes Qt's type."""
        names = curves if isinstance(curves, str) else [_curveName(curve) for curve in items(curves, "curves")]
        self._settings = replace(self._settings, groups=groupNamesFrom(names, "curves"))

    def srtpProfiles(self) -> list[str]:
        """Return the SRTP protection profiles to negotiate with DTLS, best first."""
        return list(self._settings.srtpProfiles)

    def setSrtpProfiles(self, profiles: Iterable[str]) -> None:
        """Set the SRTP protection profiles (RFC 5764) to offer or accept with DTLS, best first; none by default.

        ``DtlsPeer.srtpProfile()`` tells what was agreed on, and ``exportKeyingMaterial("EXTRACTOR-dtls_srtp", ...)``
        gives the keys. A server takes the first of the client's profiles that it has, too; without one in common the
        association goes on without. It has no meaning for TLS.

        Args:
            profiles: Names such as ``"SRTP_AEAD_AES_128_GCM"`` or ``"SRTP_AES128_CM_SHA1_80"``.

        Raises:
            TypeError: ``profiles`` is not a list of strings.
            ValueError: The engine does not know a profile.
        """
        self._settings = replace(self._settings, srtpProfiles=srtpProfilesFrom(profiles))

    def testSslOption(self, option: QSsl.SslOption) -> bool:
        """Whether ``option`` is set."""
        return option in self._settings.options

    def setSslOption(self, option: QSsl.SslOption, on: bool) -> None:
        """Set or clear an option.

        ``SslOptionDisableServerNameIndication``, ``SslOptionDisableServerCipherPreference``,
        ``SslOptionDisableSessionTickets`` (no resumption at all) and
        ``SslOptionDisableSessionSharing`` (a client resumes only what ``SslSocket.setSession()`` gives
        it, not sessions of other sockets) have an effect. The others are remembered only: what they
        disable does not exist here.

        Raises:
            TypeError: An argument is of another type.
        """
        if not isinstance(option, QSsl.SslOption):
            raise TypeError(f"option must be a QSsl.SslOption, not {type(option).__name__}")
        checkBool(on, name="on")
        options = self._settings.options
        self._settings = replace(self._settings, options=options | {option} if on else options - {option})

    def sessionTicketsEnabled(self) -> bool:
        """Whether a server lets clients resume their sessions, and a client resumes them."""
        return not self.testSslOption(QSsl.SslOption.SslOptionDisableSessionTickets)

    def setSessionTicketsEnabled(self, enabled: bool) -> None:
        """The same as ``SslOptionDisableSessionTickets``, the other way round; on by default.

        Raises:
            TypeError: For anything but a bool.
        """
        self.setSslOption(QSsl.SslOption.SslOptionDisableSessionTickets, not checkBool(enabled, name="enabled"))


def _curveName(curve: QSslEllipticCurve | str) -> str:
    return curve.shortName() if isinstance(curve, QSslEllipticCurve) else curve
