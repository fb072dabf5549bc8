"""What a handshake waits for while the program chooses: a server's configuration, a client's certificate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, cast
from weakref import WeakMethod, ref

from PySide6.QtCore import QByteArray, QObject, Signal
from shiboken6 import isValid

from qtsecure.engine.certificates import Credentials
from qtsecure.engine.distinguished_names import name_attributes_untrusted
from qtsecure.errors import SecureError
from qtsecure.net.qt_objects.thread_guard import confinedToThread
from qtsecure.net.questions.asked import whenDeleted
from qtsecure.net.values.distinguished_names import printable
from qtsecure.net.values.sources import CertificateSource, PassphraseSource, PrivateKeySource
from qtsecure.net.values.ssl_configuration import ConfigurationSource, SslConfiguration, configurationFrom

__all__ = ["ChoiceRequest", "ClientCertificateRequest", "VirtualHostRequest"]


class ChoiceRequest(QObject):
    """The first answer wins; answer at once, or call defer() and answer later.

    Meanwhile the handshake waits, and its deadline stands still. The connection keeps the request
    alive. After five minutes without an answer it ends as each kind says, and at once if you delete it
    instead of answering. Answers have to come in the thread of the connection, as with CertificateRequest.
    """

    #: cancelled(): the connection went away before an answer was given; close your dialog.
    cancelled = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._open = True
        self._isDeferred = False
        self._answer: object = None
        self._answered = False
        # Weak, because it is a method of the parent, which a child must not keep alive.
        self._onAnswer: Callable[[], Callable[[ChoiceRequest], None] | None] | None = None

    def defer(self) -> None:
        """Answer later. Only before any answer, and before the slot or method returns."""
        if self._open:
            self._isDeferred = True

    def isPending(self) -> bool:
        """Whether an answer would still count."""
        return self._open

    # What the connection does with it.

    def _settle(self, answer: object) -> None:
        if not self._open:
            return
        self._open = False
        self._answered = True
        self._answer = answer
        onAnswer, self._onAnswer = self._onAnswer, None
        callback = onAnswer() if onAnswer is not None else None
        if callback is not None:
            callback(self)

    def _waitsFor(self, onAnswer: Callable[[ChoiceRequest], None]) -> bool:
        """After the slots: whether the answer comes later, through ``onAnswer``."""
        if self._open and self._isDeferred:
            if isValid(self):
                self._onAnswer = WeakMethod(onAnswer)
                whenDeleted(self, self._forsake)
                return True
            self._forsake()
        self._open = False
        return False

    def _expire(self) -> None:
        """Nobody has answered for too long."""
        raise NotImplementedError

    def _forsake(self) -> None:
        """The program has deleted it instead of answering later."""
        raise NotImplementedError

    def _cancel(self) -> None:
        """The connection is over."""
        if self._open:
            self._open = False
            self._onAnswer = None
            if isValid(self):
                self.cancelled.emit()
        self._release()

    def _release(self) -> None:
        """Nobody waits for it any more: leave it to those who hold it."""
        if isValid(self):
            self.setParent(None)


class _Server(Protocol):
    def _toServerEngine(self, configuration: SslConfiguration) -> object: ...


@confinedToThread(harmless=("isPending", "serverName"))
class VirtualHostRequest(ChoiceRequest):
    """Given to ``certificateRequired``: which configuration is for the host that a client asks for?

    Without an answer it is that of SslConfiguration.setVirtualHosts(), or else the server's own; a
    deferred answer that never comes refuses the client.
    """

    def __init__(self, serverName: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._serverName = serverName
        # The program may give the request another parent.
        self._connection = ref(parent) if parent is not None else lambda: None

    def serverName(self) -> str:
        """The name that the client asks for, in its own spelling; empty when it has sent none.

        Anybody may have written it. Look it up; do not build paths or commands of it.
        """
        return self._serverName

    def provide(self, configuration: ConfigurationSource) -> None:
        """Go on with this configuration, all of it: certificate, verification of the client, and the rest.

        Raises:
            SecureError: It cannot be used, for example for want of a certificate; the request stays open.
            TypeError, ValueError: It is of another type, or the TlsOptions of a client.
        """
        copy = configurationFrom(configuration, role="server")
        if copy.hasVirtualHosts():
            raise SecureError(
                SecureError.Code.InvalidArgument, "The configuration of one host cannot have virtual hosts itself."
            )
        connection = self._connection()
        if self._open and connection is not None:
            cast(_Server, connection)._toServerEngine(copy)
        self._settle(copy)

    def reject(self) -> None:
        """Refuse the client, with the alert unrecognized_name (112)."""
        self._settle(None)

    def _expire(self) -> None:
        self._settle(None)

    def _forsake(self) -> None:
        self._settle(None)


@confinedToThread(harmless=("acceptedCANames", "acceptedCAs", "hostName", "isPending"))
class ClientCertificateRequest(ChoiceRequest):
    """Given to Interaction.requestCertificate(): the server asks who we are.

    Without an answer the handshake goes on without a certificate; the server decides what that means.
    """

    def __init__(self, authorities: tuple[bytes, ...], hostName: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._authorities = authorities
        self._hostName = hostName
        self._trouble = ""

    def acceptedCAs(self) -> list[QByteArray]:
        """The names (DER) of the authorities whose certificates the server accepts; empty for any."""
        return [QByteArray(name) for name in self._authorities]

    def acceptedCANames(self) -> list[str]:
        """The same for a human, such as ``"O=Example, CN=Staff CA"``."""
        return readableNames_untrusted(self._authorities)

    def hostName(self) -> str:
        """The name that the server has proved, or that it had to prove."""
        return self._hostName

    def provide(
        self,
        certificateChain: CertificateSource,
        privateKey: PrivateKeySource,
        passphrase: PassphraseSource | None = None,
    ) -> None:
        """Show this certificate, for this connection only.

        Args:
            certificateChain: The certificate, then its intermediates.
            privateKey: Its key.
            passphrase: What the key is encrypted with, or an Interaction to ask if it is.

        Raises:
            SecureError: Certificate or key cannot be read, or do not belong together; the request stays open.
            TypeError: An argument is of another type.
        """
        own = SslConfiguration()
        own.setLocalCertificateChain(certificateChain)
        own.setPrivateKey(privateKey, passphrase)
        credentials = own._settings.credentials()
        if credentials is None:
            raise SecureError(SecureError.Code.BadCertificate, "provide() needs a certificate and its key.")
        self._settle(credentials)

    def decline(self) -> None:
        """Show none."""
        self._settle(None)

    def fail(self, reason: str) -> None:
        """Show none because something went wrong; if the server then refuses, its error says this, too.

        Args:
            reason: A sentence for the user, for example ``"The smart card was removed."``.
        """
        if not isinstance(reason, str):
            raise TypeError(f"reason must be a str, not {type(reason).__name__}.")
        self._giveUp(reason)

    def _giveUp(self, reason: str) -> None:
        if self._open:
            self._trouble = reason
        self._settle(None)

    def _expire(self) -> None:
        self._giveUp("Nobody has chosen a certificate in time.")

    def _forsake(self) -> None:
        self._giveUp("The question for it was deleted before anybody had answered.")

    def _credentials(self) -> Credentials | None:
        return self._answer if isinstance(self._answer, Credentials) else None


def readableNames_untrusted(names: tuple[bytes, ...]) -> list[str]:
    """Distinguished names for a human; hexadecimal digits for what is none."""
    texts = []
    for name in names:
        attributes = name_attributes_untrusted(name)
        text = ", ".join(f"{key}={value}" for key, value in attributes)
        texts.append(printable(text) if text else name.hex())
    return texts
