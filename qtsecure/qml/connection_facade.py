"""What QML sees of a connection, of TLS and of DTLS alike: properties, questions, failures.

A class of QML shows this twice. The *extension* of a socket that QML creates adds it to the plain
object of Python. A socket that Python has made gets no extension from Qt (an accepted one, for example),
so QML is given an object of its own for it, the *connection*, a child of the socket.

Three traps shape it. A notify signal that is inherited from a QObject is ignored, or crashes; so this is
no QObject, and its signals become those of the class that it is mixed into. A signal of an extension that
has the very signature of one of the extended class is emitted in its place, and ends in a recursion; so
the names or the arguments differ. And what has no parent is deleted by JavaScript; so everything has one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtNetwork import QSsl, QSslSocket
from shiboken6 import isValid

from qtsecure.net.qt_objects.plain_slots import plainSlot
from qtsecure.net.questions.certificate_request import CertificateRequest
from qtsecure.net.questions.peer_proof import isUnproven
from qtsecure.net.values import PreSharedKeyAuthenticator
from qtsecure.qml.certificate_question import CertificateQuestion
from qtsecure.qml.enums import TlsEnums, protocolText
from qtsecure.qml.psk_question import PskQuestion
from qtsecure.qml.tls_configuration import TlsConfiguration
from qtsecure.qml.trust_decisions import TrustDecisionsItem
from qtsecure.qml.values import certificateMap, certificateMaps, errorMaps

if TYPE_CHECKING:
    from qtsecure.net.dtls_peer import DtlsPeer
    from qtsecure.net.ssl_socket import SslSocket

from qtsecure.qml.qt_property import Property, alive

__all__ = ["ConnectionFacade"]

_State = TlsEnums.State
_Mode = QSslSocket.PeerVerifyMode


if TYPE_CHECKING:
    _Base = QObject  # signals are signals of QObjects only
else:
    _Base = object


class ConnectionFacade(_Base):
    """Mixed into a QObject whose parent is the socket or peer ``_end``."""

    _end: SslSocket | DtlsPeer

    #: stateChanged(): the property ``state`` has another value.
    stateChanged = Signal()
    #: encryptedChanged(): the same of ``encrypted``.
    encryptedChanged = Signal()
    #: factsChanged(): what the handshake has shown is known, or has gone with the connection.
    factsChanged = Signal()
    #: errorStringChanged().
    errorStringChanged = Signal()
    #: configurationChanged().
    configurationChanged = Signal()
    #: trustDecisionsChanged().
    trustDecisionsChanged = Signal()
    #: preSharedKeysChanged().
    preSharedKeysChanged = Signal()
    #: peerVerifyNameChanged().
    peerVerifyNameChanged = Signal()
    #: certificateQuestion(question: CertificateQuestion): something is wrong with the peer's certificate.
    certificateQuestion = Signal(CertificateQuestion, arguments=["question"])
    #: pskQuestion(question: PskQuestion): a pre-shared key is needed; only with ``preSharedKeys``.
    pskQuestion = Signal(PskQuestion, arguments=["question"])
    #: failed(message: str): the connection has failed; a sentence for the user.
    failed = Signal(str, arguments=["message"])
    #: alerted(sent: bool, text: str): an alert was sent, or else received; close_notify, a mere goodbye, is none here.
    alerted = Signal(bool, str, arguments=["sent", "text"])

    def _begin(self, end: SslSocket | DtlsPeer) -> None:
        """Listen to the socket."""
        self._end = end
        self._shown = (_State.Unconnected, False)
        self._message = ""
        self._configuration: TlsConfiguration | None = None
        self._decisions: TrustDecisionsItem | None = None
        self._question: CertificateQuestion | None = None
        self._pskQuestion: PskQuestion | None = None
        self._asksForKeys = False
        # Functions and not methods: PySide looks for a method in the extended class, where it is not.
        end.acceptCertificate.connect(plainSlot(self.ask))
        end.alertSent.connect(plainSlot(self.tellAlertSent))
        end.alertReceived.connect(plainSlot(self.tellAlertReceived))
        self._shown = (self._currentState(), end.isEncrypted())

    def _currentState(self) -> TlsEnums.State:
        raise NotImplementedError

    def _isAsked(self) -> bool:
        """Whether a user is thinking about the certificate, or looking for the key."""
        questions = (self._question, self._pskQuestion)
        return any(question is not None and isValid(question) and question.isPending() for question in questions)

    # ---------------------------------------------------------------------- from the socket

    def review(self, *_: object) -> None:
        """Something has happened: tell what has changed."""
        if not isValid(self) or not isValid(self._end):
            return
        question = self._question
        if question is not None:
            question.review()
            if not isValid(self) or not isValid(self._end):
                return
        before, self._shown = self._shown, (self._currentState(), self._end.isEncrypted())
        state, encrypted = self._shown
        if before != self._shown:
            self.factsChanged.emit()
        if before[0] is not state and isValid(self):
            self.stateChanged.emit()
        if before[1] is not encrypted and isValid(self):
            self.encryptedChanged.emit()

    def ask(self, request: CertificateRequest) -> None:
        """acceptCertificate: what was decided before, or the program's handlers, which ask the user."""
        if not isValid(self) or not request.isPending():
            return
        if self._decisions is not None and isValid(self._decisions) and self._decisions.answer(request):
            return
        if not isValid(self) or not isValid(request) or not request.isPending():
            return
        if self._question is not None and isValid(self._question):
            self._question.deleteLater()
        self._question = question = CertificateQuestion(request, self._decisions, self)
        question.pendingChanged.connect(plainSlot(self.review))
        self.review()
        if isValid(self) and isValid(question):
            self.certificateQuestion.emit(question)

    def askForKey(self, authenticator: PreSharedKeyAuthenticator) -> None:
        """preSharedKeyAuthenticationRequired: OpenSSL waits for the answer."""
        if not isValid(self):
            return
        self._pskQuestion = question = PskQuestion(authenticator, self)
        question.pendingChanged.connect(plainSlot(self.review))
        self.review()
        if not isValid(self) or not isValid(question):
            return
        self.pskQuestion.emit(question)
        if not isValid(question):
            return
        question.waitIfDeferred(self._end.handshakeTimeout())
        if not isValid(question):
            return
        question.deleteLater()
        isOver, self._pskQuestion = self._pskQuestion is not question, None
        if not isOver and self._wouldTrustAnybody(authenticator):
            self._end.abort()
            self._fail("There is no pre-shared key, and nothing else would prove who the server is.")

    def _wouldTrustAnybody(self, authenticator: PreSharedKeyAuthenticator) -> bool:
        """Nobody has given the key that was to be the proof: the user may have refused."""
        isServer = authenticator.maximumIdentityLength() == 0
        if isServer or not authenticator.preSharedKey().isEmpty():
            return False
        return self._end.sslConfiguration().peerVerifyMode() in (_Mode.VerifyNone, _Mode.QueryPeer)

    def tellAlertSent(self, level: object, alert: object, text: str) -> None:
        """alertSent."""
        if isValid(self) and alert is not QSsl.AlertType.CloseNotify:
            self.alerted.emit(True, text)

    def tellAlertReceived(self, level: object, alert: object, text: str) -> None:
        """alertReceived."""
        if isValid(self) and alert is not QSsl.AlertType.CloseNotify:
            self.alerted.emit(False, text)

    def _fail(self, message: str) -> None:
        if not isValid(self):
            return  # a slot of what has ended has deleted it
        self._setMessage(message)
        if isValid(self):
            self.failed.emit(message)

    def _setMessage(self, message: str) -> None:
        if message != self._message:
            self._message = message
            self.errorStringChanged.emit()

    # --------------------------------------------------------------------------- connecting

    def _mayClose(self) -> bool:
        """The program closes the connection: nobody will need the key. False if a handler has deleted it."""
        if self._pskQuestion is not None and isValid(self._pskQuestion):
            question, self._pskQuestion = self._pskQuestion, None
            question.giveUp()
        return isValid(self) and isValid(self._end)

    @Slot()
    def abort(self) -> None:
        """Close at once, without close_notify."""
        if self._mayClose():
            self._end.abort()

    @Slot()
    def discard(self) -> None:
        """Close at once and delete the socket, and this object with it: what ``destroy()`` is for QML's own."""
        self.abort()
        if isValid(self._end):
            self._end.deleteLater()

    # --------------------------------------------------------------------------- properties

    def _isOverridden(self) -> bool:
        return self._end.isEncrypted() and isUnproven(self._end)

    def _setConfiguration(self, configuration: TlsConfiguration | None) -> None:
        if configuration is not self._configuration:
            self._configuration = configuration
            self.configurationChanged.emit()

    def _setDecisions(self, decisions: TrustDecisionsItem | None) -> None:
        if decisions is not self._decisions:
            self._decisions = decisions
            self.trustDecisionsChanged.emit()

    def _setAsksForKeys(self, asks: bool) -> None:
        if asks == self._asksForKeys:
            return
        self._asksForKeys = asks
        # Connecting it is what makes handshakes offer a key.
        if asks:
            self._keyConnection = self._end.preSharedKeyAuthenticationRequired.connect(plainSlot(self.askForKey))
        else:
            QObject.disconnect(self._keyConnection)
        self.preSharedKeysChanged.emit()

    def _peerAddress(self) -> str:
        address = self._end.peerAddress()
        return "" if address.isNull() else address.toString()

    state = Property(_State, lambda self: self._currentState(), notify=stateChanged)
    encrypted = Property(bool, lambda self: self._end.isEncrypted(), notify=encryptedChanged)
    overridden = Property(bool, _isOverridden, notify=factsChanged)
    errorString = Property(str, lambda self: self._message, notify=errorStringChanged)
    peerName = Property(str, lambda self: self._end.peerName(), notify=stateChanged)
    peerAddress = Property(str, _peerAddress, notify=stateChanged)
    peerPort = Property(int, lambda self: self._end.peerPort(), notify=stateChanged)
    localPort = Property(int, lambda self: self._end.localPort(), notify=stateChanged)
    protocol = Property(str, lambda self: protocolText(self._end.sessionProtocol()), notify=factsChanged)
    cipher = Property(str, lambda self: self._end.sessionCipher().name(), notify=factsChanged)
    keyExchangeGroup = Property(str, lambda self: self._end.keyExchangeGroup(), notify=factsChanged)
    sessionReused = Property(bool, lambda self: self._end.isSessionReused(), notify=factsChanged)
    certificate = Property(dict, lambda self: certificateMap(self._end.peerCertificate()), notify=factsChanged)
    certificateChain = Property(
        "QVariantList", lambda self: certificateMaps(self._end.peerCertificateChain()), notify=factsChanged
    )
    certificateErrors = Property(
        "QVariantList", lambda self: errorMaps(self._end.sslHandshakeErrors()), notify=factsChanged
    )
    configuration = Property(
        TlsConfiguration, lambda self: alive(self._configuration), _setConfiguration, notify=configurationChanged
    )
    trustDecisions = Property(
        TrustDecisionsItem, lambda self: alive(self._decisions), _setDecisions, notify=trustDecisionsChanged
    )
    preSharedKeys = Property(bool, lambda self: self._asksForKeys, _setAsksForKeys, notify=preSharedKeysChanged)
