"""``TlsServer`` and ``DtlsServer`` in QML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from shiboken6 import isValid

from qtsecure.errors import SecureError
from qtsecure.net.qt_objects.plain_slots import plainSlot
from qtsecure.net.values import PreSharedKeyAuthenticator
from qtsecure.qml.dtls_peer import DtlsConnection
from qtsecure.qml.psk_question import PskQuestion
from qtsecure.qml.qt_property import Property
from qtsecure.qml.tls_configuration import ConfigurationChoice
from qtsecure.qml.tls_socket import TlsConnection
from qtsecure.qml.trust_settings import TrustSettings

if TYPE_CHECKING:
    from qtsecure.net.dtls_peer import DtlsPeer
    from qtsecure.net.servers.dtls_server import DtlsServer
    from qtsecure.net.servers.ssl_server import SslServer
    from qtsecure.net.ssl_socket import SslSocket

__all__ = ["DtlsServerExtension", "TlsServerExtension"]


class ServerFacade(TrustSettings):
    """What both have; see ``connection_facade`` for why it is no QObject."""

    _server: SslServer | DtlsServer

    #: listeningChanged(): also when the port is another one.
    listeningChanged = Signal()
    #: errorStringChanged().
    errorStringChanged = Signal()
    #: pskQuestion(question: PskQuestion): which key belongs to this identity? Only with ``preSharedKeys``.
    pskQuestion = Signal(PskQuestion, arguments=["question"])
    #: failed(message: str): it cannot listen, or a client's handshake has failed.
    failed = Signal(str, arguments=["message"])

    def _begin(self, server: SslServer | DtlsServer, *, datagrams: bool) -> None:
        self._server = server
        self._choice = ConfigurationChoice(server.sslConfiguration, server.setSslConfiguration, datagrams=datagrams)
        self._message = ""
        self._asksForKeys = False
        self._keyQuestions: list[PskQuestion] = []
        server.acceptCertificate.connect(plainSlot(self.ask))
        server.errorOccurred.connect(plainSlot(self.tellError))
        server.closed.connect(plainSlot(self.review))

    # ---------------------------------------------------------------------- from the server

    def review(self) -> None:
        """It has begun or ceased to listen."""
        if isValid(self):
            self.listeningChanged.emit()

    def askForKey(self, socket: QObject, authenticator: PreSharedKeyAuthenticator) -> None:
        """preSharedKeyAuthenticationRequired."""
        if not isValid(self) or not isValid(socket):
            return
        question = PskQuestion(authenticator, socket)
        self._keyQuestions.append(question)
        self.pskQuestion.emit(question)
        if isValid(question):
            question.waitIfDeferred(self._server.handshakeTimeout())
        self._keyQuestions.remove(question)
        if isValid(question):
            question.deleteLater()

    def tellError(self, socket: QObject, error: object) -> None:
        """errorOccurred: of one client."""
        if isValid(self) and isValid(socket):
            self.failed.emit(socket.errorString())  # type: ignore[attr-defined]  # a socket or peer, for C++ a QObject

    # ------------------------------------------------------------------------------- for QML

    @Slot(str, int, result=bool)
    def listen(self, address: str, port: int) -> bool:
        """Listen at an address such as ``"127.0.0.1"``, ``"::"``, or ``""`` for all; port 0 takes a free one."""
        try:
            self._choice.apply(self._configuration)
            listens = self._server.listen(address, port) if address else self._server.listen(port=port)
        except (SecureError, ValueError) as error:
            return self._fail(str(error))
        if not listens:
            return self._fail(self._server.errorString())
        self._setMessage("")
        self.review()
        return True

    @Slot()
    def close(self) -> None:
        """Stop listening; connections that were fetched stay, and questions for keys are over."""
        for question in list(self._keyQuestions):
            if isValid(question):
                question.giveUp()
        if isValid(self) and isValid(self._server):
            self._server.close()

    @Slot(result=bool)
    def hasPendingConnections(self) -> bool:
        """Whether one waits for nextPendingConnection()."""
        return self._server.hasPendingConnections()

    def _fail(self, message: str) -> bool:
        self._setMessage(message)
        if isValid(self):
            self.failed.emit(message)
        return False

    def _setMessage(self, message: str) -> None:
        if message != self._message:
            self._message = message
            self.errorStringChanged.emit()

    # --------------------------------------------------------------------------- properties

    def _setAsksForKeys(self, asks: bool) -> None:
        if asks == self._asksForKeys:
            return
        self._asksForKeys = asks
        if asks:
            self._keyConnection = self._server.preSharedKeyAuthenticationRequired.connect(plainSlot(self.askForKey))
        else:
            QObject.disconnect(self._keyConnection)
        self.settingsChanged.emit()

    def _setHandshakeTimeout(self, ms: int) -> None:
        if ms != self._server.handshakeTimeout():
            self._server.setHandshakeTimeout(ms)
            self.settingsChanged.emit()

    listening = Property(bool, lambda self: self._server.isListening(), notify=listeningChanged)
    port = Property(int, lambda self: self._server.serverPort(), notify=listeningChanged)
    address = Property(str, lambda self: self._server.serverAddress().toString(), notify=listeningChanged)
    errorString = Property(str, lambda self: self._message, notify=errorStringChanged)
    preSharedKeys = Property(
        bool, lambda self: self._asksForKeys, _setAsksForKeys, notify=TrustSettings.settingsChanged
    )
    handshakeTimeout = Property(
        int, lambda self: self._server.handshakeTimeout(), _setHandshakeTimeout, notify=TrustSettings.settingsChanged
    )


class TlsServerExtension(ServerFacade, QObject):
    """Added to an SslServer that QML creates."""

    def __init__(self, server: SslServer) -> None:
        super().__init__(server)
        self._begin(server, datagrams=False)

    @Slot(result=TlsConnection)
    def nextPendingConnection(self) -> TlsConnection | None:
        """The next encrypted connection; null when there is none."""
        socket: SslSocket | None = self._server.nextPendingConnection()  # type: ignore[assignment]  # of this kind of server
        return TlsConnection(socket) if socket is not None else None


class DtlsServerExtension(ServerFacade, QObject):
    """Added to a DtlsServer that QML creates."""

    def __init__(self, server: DtlsServer) -> None:
        super().__init__(server)
        self._begin(server, datagrams=True)

    @Slot(result=DtlsConnection)
    def nextPendingConnection(self) -> DtlsConnection | None:
        """The next encrypted connection; null when there is none."""
        peer: DtlsPeer | None = self._server.nextPendingConnection()  # type: ignore[assignment]  # of this kind of server
        return DtlsConnection(peer) if peer is not None else None
