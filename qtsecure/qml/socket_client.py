"""``SocketClient`` in QML: connects to hosts, services and URIs, with progress for the user."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from PySide6.QtCore import QMetaObject, QObject, Signal, SignalInstance, Slot
from shiboken6 import isValid

from qtsecure.errors import SecureError
from qtsecure.net.qt_objects.plain_slots import plainSlot
from qtsecure.net.socket_client.client import SocketClient
from qtsecure.net.socket_client.operation import ConnectOperation
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.qml.qt_property import Property
from qtsecure.qml.tls_configuration import ConfigurationChoice
from qtsecure.qml.tls_socket import TlsConnection
from qtsecure.qml.trust_settings import TrustSettings

__all__ = ["SocketClientExtension"]


class SocketClientExtension(TrustSettings, QObject):
    """Added to a SocketClient that QML creates; one connection is made at a time, another call gives up the first.

    ``tls`` is on, unlike in Python, so that nobody forgets it.
    Connections belong to the client, and go with it. Call ``discard()`` on each when you are done with it.
    """

    #: connectionMade(connection: TlsConnection): it is ready.
    connectionMade = Signal(TlsConnection, arguments=["connection"])
    #: connectionFailed(message: str): there is none; a sentence for the user.
    connectionFailed = Signal(str, arguments=["message"])
    #: connectingChanged().
    connectingChanged = Signal()
    #: stepChanged(): the sentence for a progress bar is another one.
    stepChanged = Signal()

    def __init__(self, client: SocketClient) -> None:
        super().__init__(client)
        self._client = client
        self._choice = ConfigurationChoice(client.tlsConfiguration, client.setTlsConfiguration)
        self._operation: ConnectOperation | None = None
        self._heard: tuple[QMetaObject.Connection, ...] = ()
        self._step = ""
        client.setTls(True)
        client.progressChanged.connect(plainSlot(self.tellStep))
        client.acceptCertificate.connect(plainSlot(self.ask))

    # ---------------------------------------------------------------------- from the client

    def tellStep(self, text: str) -> None:
        """progressChanged."""
        if isValid(self) and text != self._step:
            self._step = text
            self.stepChanged.emit()

    def take(self, connection: SslSocket) -> None:
        """The operation has finished."""
        if not isValid(self):
            return
        connection.setParent(self._client)
        made = TlsConnection(connection)
        self._over()
        if isValid(self) and isValid(made):
            self.connectionMade.emit(made)

    def tellFailure(self, error: SecureError) -> None:
        """The operation has failed."""
        if not isValid(self):
            return
        self._over()
        if isValid(self):
            self.connectionFailed.emit(str(error))

    def _over(self) -> None:
        self._operation, self._heard = None, ()
        self.connectingChanged.emit()

    # ------------------------------------------------------------------------------- for QML

    @Slot(str, int)
    def connectToHost(self, hostAndPort: str, defaultPort: int) -> None:
        """Connect to what a user has typed: HOST or HOST:PORT."""
        if self._prepare():
            self._watch(self._client.connectToHost(hostAndPort, defaultPort))

    @Slot(str, str)
    def connectToService(self, domain: str, service: str) -> None:
        """Connect to a service of a domain, through its SRV records."""
        if self._prepare():
            self._watch(self._client.connectToService(domain, service))

    @Slot(str, int)
    def connectToUri(self, uri: str, defaultPort: int) -> None:
        """Connect to the host of a URI."""
        if self._prepare():
            self._watch(self._client.connectToUri(uri, defaultPort))

    @Slot()
    def cancel(self) -> None:
        """Connect to nothing any more; ``connectionFailed`` follows."""
        if self._operation is not None:
            self._operation.cancel()

    def _prepare(self) -> bool:
        try:
            self._choice.apply(self._configuration)
        except (SecureError, ValueError) as error:
            self._follow(None)
            if isValid(self):
                self.connectionFailed.emit(str(error))
            return False
        return True

    def _watch(self, operation: ConnectOperation) -> None:
        self._follow(operation, [(operation.finished, self.take), (operation.failed, self.tellFailure)])

    def _follow(
        self,
        operation: ConnectOperation | None,
        slots: Iterable[tuple[SignalInstance, Callable[..., None]]] = (),
    ) -> None:
        """Replace the present operation, which is given up without a word.

        The new one is there before the other goes: the handlers that this calls may call us again, and their call is
        the later one.
        """
        replaced, self._operation = self._operation, operation
        heard, self._heard = self._heard, tuple(signal.connect(plainSlot(slot)) for signal, slot in slots)
        for connection in heard:
            QObject.disconnect(connection)
        if (replaced is None) is not (operation is None):
            self.connectingChanged.emit()
        if replaced is not None and isValid(replaced):
            replaced.cancel()

    # --------------------------------------------------------------------------- properties

    def _setOverallTimeout(self, ms: int) -> None:
        if ms != self._client.overallTimeout():
            self._client.setOverallTimeout(ms)
            self.settingsChanged.emit()

    def _setTls(self, tls: bool) -> None:
        if tls != self._client.tls():
            self._client.setTls(tls)
            self.settingsChanged.emit()

    tls = Property(bool, lambda self: self._client.tls(), _setTls, notify=TrustSettings.settingsChanged)
    connecting = Property(bool, lambda self: self._operation is not None, notify=connectingChanged)
    step = Property(str, lambda self: self._step, notify=stepChanged)
    overallTimeout = Property(
        int, lambda self: self._client.overallTimeout(), _setOverallTimeout, notify=TrustSettings.settingsChanged
    )
