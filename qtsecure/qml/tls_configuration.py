"""``TlsConfiguration``: an SslConfiguration as an object of QML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QFile, QIODevice, QObject, QUrl, Signal, Slot
from shiboken6 import isValid

from qtsecure.errors import SecureError
from qtsecure.net.values import SessionFacts, SslConfiguration
from qtsecure.qml.enums import TlsEnums, protocolFrom, verifyModeFrom
from qtsecure.qml.qt_property import Property

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ConfigurationChoice", "TlsConfiguration"]


def _read(source: str) -> bytes:
    """What PEM text, a path or a URL stands for."""
    if "-----BEGIN" in source:
        return source.encode()
    url = QUrl(source)
    path = url.toLocalFile() if url.isLocalFile() else source
    file = QFile(f":{url.path()}" if url.scheme() == "qrc" else path)
    if not file.open(QIODevice.OpenModeFlag.ReadOnly):
        raise SecureError(
            SecureError.Code.InvalidArgument, f"The file {file.fileName()!r} cannot be read: {file.errorString()}."
        )
    return bytes(file.readAll().data())


class TlsConfiguration(QObject):
    """What a connection may be made of; each connection and ``listen()`` reads it anew.

    Certificates and keys are given as PEM text, as a file's path or as a URL (``file:`` or ``qrc:``).
    What cannot be used makes the connection fail with a sentence about it; :meth:`check` tells it earlier.
    """

    #: changed(): one of the settings has another value.
    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._base: SslConfiguration | None = None
        self._caCertificates: list[str] = []
        self._certificate = ""
        self._privateKey = ""
        self._passphrase = ""
        self._verifyMode = TlsEnums.VerifyMode.Automatic
        self._minimumProtocol = TlsEnums.Protocol.Secure
        self._applicationProtocols: list[str] = []

    # ---------------------------------------------------------------------------- for Python

    def setSslConfiguration(self, configuration: SslConfiguration) -> None:
        """Start from this configuration instead of the default one; what is set in QML comes on top of it.

        Raises:
            TypeError: For anything else.
        """
        if not isinstance(configuration, SslConfiguration):
            raise TypeError(f"configuration must be an SslConfiguration, not {type(configuration).__name__}.")
        self._base = SslConfiguration(configuration)
        self.changed.emit()

    def sslConfiguration(self, *, datagrams: bool = False) -> SslConfiguration:
        """Make the configuration.

        Args:
            datagrams: For DTLS, so that ``minimumProtocol`` means its versions.

        Raises:
            SecureError: A file cannot be read, or key and certificate do not fit.
        """
        made = SslConfiguration.defaultConfiguration() if self._base is None else SslConfiguration(self._base)
        if self._caCertificates:
            made.setCaCertificates([_read(source) for source in self._caCertificates])
        if self._certificate and self._privateKey:
            made.setPrivateKey(None)  # what there is belongs to another certificate
        if self._certificate:
            made.setLocalCertificateChain(_read(self._certificate))
        if self._privateKey:
            made.setPrivateKey(_read(self._privateKey), self._passphrase or None)
        if self._verifyMode is not TlsEnums.VerifyMode.Automatic:
            made.setPeerVerifyMode(verifyModeFrom(self._verifyMode))
        if self._minimumProtocol is not TlsEnums.Protocol.Secure:
            made.setProtocol(protocolFrom(self._minimumProtocol, datagrams=datagrams))
        if self._applicationProtocols:
            made.setAllowedNextProtocols(self._applicationProtocols)
        return made

    # ------------------------------------------------------------------------------- for QML

    @Slot(result=str)
    def check(self) -> str:
        """What is wrong with it, as a sentence; empty if it can be used."""
        try:
            self.sslConfiguration()
        except (SecureError, OSError, ValueError) as error:
            return str(error)
        return ""

    def _set(self, name: str, value: object) -> None:
        if getattr(self, name) != value:
            setattr(self, name, value)
            self.changed.emit()

    caCertificates = Property(
        "QStringList",
        lambda self: self._caCertificates,
        lambda self, value: self._set("_caCertificates", list(value)),
        notify=changed,
    )
    certificate = Property(
        str, lambda self: self._certificate, lambda self, value: self._set("_certificate", value), notify=changed
    )
    privateKey = Property(
        str, lambda self: self._privateKey, lambda self, value: self._set("_privateKey", value), notify=changed
    )
    # Can be set only: what QML reads ends in logs and bindings.
    passphrase = Property(str, lambda _: "", lambda self, value: self._set("_passphrase", value), notify=changed)
    verifyMode = Property(
        TlsEnums.VerifyMode,
        lambda self: self._verifyMode,
        lambda self, value: self._set("_verifyMode", TlsEnums.VerifyMode(value)),
        notify=changed,
    )
    minimumProtocol = Property(
        TlsEnums.Protocol,
        lambda self: self._minimumProtocol,
        lambda self, value: self._set("_minimumProtocol", TlsEnums.Protocol(value)),
        notify=changed,
    )
    applicationProtocols = Property(
        "QStringList",
        lambda self: self._applicationProtocols,
        lambda self, value: self._set("_applicationProtocols", list(value)),
        notify=changed,
    )


class ConfigurationChoice:
    """What a connection, a client or a server was given in QML, in the place of what it had before.

    Args:
        read: Returns its present configuration.
        write: Gives it another one.
        datagrams: Whether it is for DTLS.
    """

    def __init__(
        self,
        read: Callable[[], SslConfiguration],
        write: Callable[[SslConfiguration], None],
        *,
        datagrams: bool = False,
    ) -> None:
        self._read = read
        self._write = write
        self._datagrams = datagrams
        self._before: SslConfiguration | None = None
        self._given: SslConfiguration | None = None

    def apply(self, configuration: TlsConfiguration | None) -> None:
        """Use this one; with None what was there before, for one that was taken away must not go on to hold.

        Raises:
            SecureError: It cannot be used, or QML has deleted it; the default in its place could allow more.
            ValueError: It cannot be used.
        """
        if configuration is None:
            self._restore()
            return
        if not isValid(configuration):
            raise SecureError(SecureError.Code.InvalidArgument, "The TlsConfiguration that was set has been deleted.")
        made = configuration.sslConfiguration(datagrams=self._datagrams)
        present = self._present()
        if self._before is None or present != self._given:  # Python has set another one since
            self._before = present
        self._write(made)
        self._given = made

    def _restore(self) -> None:
        before, self._before = self._before, None
        if before is not None and self._present() == self._given:
            self._write(before)

    def _present(self) -> SslConfiguration:
        return self._read().withSession(SessionFacts())
