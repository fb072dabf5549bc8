"""The ground floor of DtlsPeer: signals, status, errors, and how an association ends.

DtlsPeer is built in layers, one idea each, every layer a subclass of the one below: ``PeerBase`` ->
``HalfClosing`` -> ``Facts`` -> ``Resuming`` -> ``Handshake`` -> ``Accepting`` -> ``Messages`` -> ``Configuring`` ->
``Connecting`` -> ``OverTransport`` -> ``Polling`` -> ``Packets`` -> ``Variants`` -> ``Settings`` -> ``Waiting`` ->
``MessageBatches`` -> ``Conditions`` -> ``DtlsPeer``. What happens for every message is in ``net.dtls.path``.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Protocol
from weakref import ref

from PySide6.QtCore import SIGNAL, QEnum, QMetaMethod, QMetaObject, QObject
from PySide6.QtNetwork import QSsl
from shiboken6 import isValid

from qtsecure.errors import SecureError
from qtsecure.net.datagrams.carriers import Carrier
from qtsecure.net.dtls.path import DtlsPath
from qtsecure.net.dtls_peer.attempt import Attempt
from qtsecure.net.qt_objects.late_names import lateNames
from qtsecure.net.qt_objects.late_signals import withLateSignals
from qtsecure.net.qt_objects.qt_signal import Signal
from qtsecure.net.questions.asked import cancelRequest
from qtsecure.net.shown_names import ShowsItsName
from qtsecure.net.values import SslConfiguration

__all__ = ["PeerBase", "PeerObserver", "Status", "Wish"]


_MESSAGE_SIGNALS = {"readyRead": SIGNAL("readyRead()"), "datagramReceived": SIGNAL("datagramReceived(PyObject)")}


class Wish(enum.IntEnum):
    """What a slot asked for while the engine was waiting for its answer; the strongest wins."""

    NOTHING = 0
    CLOSE = 1
    ABORT = 2


class PeerObserver(Protocol):
    """The server that still owns the handshake of a peer; told after the peer's slots."""

    def _wantsPreSharedKeys(self) -> bool:
        """Whether anybody listens to the server's PSK signal."""

    def _peerAsks(self, peer: PeerBase, signal: str, argument: object) -> None: ...
    def _peerAlert(
        self, peer: PeerBase, sent: bool, level: QSsl.AlertLevel, kind: QSsl.AlertType, text: str
    ) -> None: ...
    def _wantsHostChoices(self) -> bool:
        """Whether anybody listens to the server's certificateRequired."""

    def _peerTraced(self, peer: PeerBase, direction: str, name: str, size: int) -> None: ...
    def _peerEncrypted(self, peer: PeerBase) -> None: ...
    def _peerFailed(self, peer: PeerBase, error: SecureError) -> None: ...
    def _peerDisconnected(self, peer: PeerBase) -> None: ...
    def _pathPeerDestroyed(self, path: DtlsPath) -> None:
        """Its association is over, and a slot may have deleted the peer or begun anew before the server was told."""


@withLateSignals
class PeerBase(QObject):
    """Signals, status and end of DtlsPeer."""

    class Status(ShowsItsName, enum.IntEnum):
        """Where a peer stands; the numbers are those of Godot's PacketPeerDTLS."""

        Disconnected = 0
        """There is no association."""
        Handshaking = 1
        """One is being made; on a client also while its host is looked up."""
        Connected = 2
        """Messages may be sent."""
        Error = 3
        """It failed; errorOccurred has told why."""
        ErrorHostnameMismatch = 4
        """The server's certificate is good, but for another name."""

    QEnum(Status)  # for QML; as a decorator it would give nothing back

    #: encrypted(): the handshake is complete; messages may be sent.
    encrypted = Signal()
    #: statusChanged(status: int): one of DtlsPeer.Status.
    statusChanged = Signal(int)
    #: readyRead(): messages wait for readDatagram().
    readyRead = Signal()
    #: datagramReceived(message: bytes): a message; what goes here is not queued for readDatagram().
    datagramReceived = Signal(object)
    #: closed(): the association ended in good order, by either side's close_notify.
    closed = Signal()
    #: disconnected(): the association is over, for whatever reason.
    disconnected = Signal()
    #: errorOccurred(error: SecureError): the association failed, or could not be made.
    errorOccurred = Signal(object)
    #: retransmissionTimeout(): a flight of the handshake was sent again because nobody answered.
    retransmissionTimeout = Signal()
    #: sslErrors(errors: list[SslError]): everything wrong with the peer's certificate; ignoreSslErrors() here.
    sslErrors = Signal(list)
    #: peerVerifyError(error: SslError): one verification error, before sslErrors.
    peerVerifyError = Signal(object)
    #: handshakeInterruptedOnError(error: SslError): inside the handshake; continueInterruptedHandshake() here.
    handshakeInterruptedOnError = Signal(object)
    #: preSharedKeyAuthenticationRequired(authenticator: PreSharedKeyAuthenticator): set identity and key here.
    preSharedKeyAuthenticationRequired = Signal(object)
    #: alertSent(level: QSsl.AlertLevel, type: QSsl.AlertType, text: str).
    alertSent = Signal(QSsl.AlertLevel, QSsl.AlertType, str)
    #: alertReceived(level: QSsl.AlertLevel, type: QSsl.AlertType, text: str).
    alertReceived = Signal(QSsl.AlertLevel, QSsl.AlertType, str)
    #: acceptCertificate(request: CertificateRequest): errors that nobody ignored; accept(), reject() or defer().
    acceptCertificate = Signal(object)
    #: certificateRequired(request: VirtualHostRequest): on a server; which configuration is for this client?
    certificateRequired = Signal(object)
    #: handshakeMessage(direction: str, name: str, size: int): "sent" or "received"; see setHandshakeTraceEnabled().
    handshakeMessage = Signal(str, str, int)

    # On the class: setting an attribute of a QObject is slow, and most of these come later or never.
    _observerReference: Callable[[], PeerObserver | None] | None = None
    _error: SecureError | None = None
    _status = Status.Disconnected
    _wish = Wish.NOTHING
    _idleTimeout = 0
    _carrier: Carrier | None = None
    _path: DtlsPath | None = None
    _goneConnection: QMetaObject.Connection | None = None
    _watchers: tuple[Callable[[bool], object], ...] = ()

    def __init_subclass__(cls, **arguments: object) -> None:
        """See to it that a connectNotify() of a subclass need not call ours, as QObject's need not."""
        super().__init_subclass__(**arguments)
        override = cls.connectNotify
        if override is PeerBase.connectNotify:
            return

        def connectNotify(self: PeerBase, signal: QMetaMethod) -> None:
            PeerBase.connectNotify(self, signal)
            override(self, signal)

        cls.connectNotify = connectNotify  # type: ignore[method-assign]  # on purpose

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._heard: set[str] = set()
        self._attempt = Attempt()
        self._configuration = SslConfiguration.defaultConfiguration()

    # ------------------------------------------------------------------- status and error

    def status(self) -> Status:
        """Where the peer stands (Godot's PacketPeerDTLS.get_status)."""
        return self._status

    def isEncrypted(self) -> bool:
        """Whether the handshake is complete and the association stands."""
        return self._path is not None and self._path.established

    def error(self) -> SecureError | None:
        """Why the last association failed; None when it did not."""
        return self._error

    def errorString(self) -> str:
        """The sentence of error(), or an empty string."""
        return self._error.message if self._error is not None else ""

    def close(self) -> None:
        """End the association with close_notify; nothing is waited for.

        Harmless when there is none. A close_notify may get lost, as all datagrams: the other side
        then learns of the end from its idle timeout.
        """
        self._leave(Wish.CLOSE)

    def abort(self) -> None:
        """End the association without a word."""
        self._leave(Wish.ABORT)

    # -------------------------------------------------------------------------- internals

    @property
    def _observer(self) -> PeerObserver | None:
        """The server, or what stands for it."""
        observer = self._observerReference() if self._observerReference is not None else None
        return observer if observer is not None and isValid(observer) else None

    @_observer.setter
    def _observer(self, observer: PeerObserver | None) -> None:
        if isinstance(observer, QObject):  # a child must never hold the last reference to its parent
            self._observerReference = ref(observer)
        else:
            self._observerReference = None if observer is None else lambda: observer

    def _use(self, path: DtlsPath) -> None:
        """Begin with a path; it learns of the end of this object, also when C++ deletes it."""
        path.heard |= self._heard
        path.watchers = self._watchers
        path.deaf = self._attempt.readShut
        path.setIdleTimeout(self._idleTimeout)
        self._path = path
        if self._goneConnection is not None:
            QObject.disconnect(self._goneConnection)  # of an earlier association
        # A function, which keeps the path alive for its goodbye when Python drops this object.
        # At once, as it would be lost on the way from the thread of a garbage collection.
        self._goneConnection = self.destroyed.connect(lambda: path.peerDestroyed(), lateNames().directConnection)

    def _setStatus(self, status: Status) -> bool:
        """Change the status and say so; False when a slot has deleted the peer or begun anew."""
        if self._status is status:
            return True
        attempt = self._attempt
        self._status = status
        self._wake()
        if "statusChanged" in self._heard:
            self.statusChanged.emit(int(status))
        return isValid(self) and self._attempt is attempt

    def _leave(self, wish: Wish) -> None:
        path = self._path
        self._attempt.closedHere = True
        self._wake()
        if path is not None and path.busy:
            self._wish = max(self._wish, wish)
            return
        if self._wish:
            self._wish = Wish.NOTHING
        if self._status not in (Status.Handshaking, Status.Connected):
            return
        polite = wish is Wish.CLOSE
        if polite and path is not None and path.association is not None and not path.ended:
            path.sayGoodbye()
            if not isValid(self) or path is not self._path or path.ended:
                return  # a slot was quicker
        self._finish(Status.Disconnected, None, orderly=polite)

    def _afterEngine(self) -> bool:
        """Do what slots asked for while the engine waited; False when the association is over."""
        wish = self._wish
        if wish:
            self._leave(wish)
        return isValid(self) and self._path is not None and not self._path.ended

    def _finish(self, status: Status, error: SecureError | None, *, orderly: bool = False) -> None:
        """The association is over: status, error, closed, disconnected, in this order."""
        attempt, before, path, observer = self._attempt, self._status, self._path, self._observer
        self._abandonAttempt()
        if path is not None:
            path.end()
        # Else a slot of the question that went with the attempt has deleted the peer, ended it, or begun anew.
        if self._isStill(attempt) and self._status is before:
            if self._carrier is not None:
                self._carrier = None
            if error is not self._error:
                self._error = error
            if self._tellEnd(status, error, orderly=orderly) and self._observer is not None:
                self._observer._peerDisconnected(self)
        if path is not None and observer is not None and isValid(observer):
            observer._pathPeerDestroyed(path)

    def _tellEnd(self, status: Status, error: SecureError | None, *, orderly: bool) -> bool:
        """The signals of the end; False when a slot has deleted the peer or begun anew."""
        attempt = self._attempt
        if not self._setStatus(status) or not self._tellFacts():
            return False
        if error is not None:
            self.errorOccurred.emit(error)
            if not self._isStill(attempt):
                return False
            if self._observer is not None:
                self._observer._peerFailed(self, error)
                if not self._isStill(attempt):
                    return False
        if orderly and "closed" in self._heard:
            self.closed.emit()
            if not self._isStill(attempt):
                return False
        if "disconnected" in self._heard:
            self.disconnected.emit()
        return self._isStill(attempt)

    def _tellFacts(self) -> bool:
        """The handshake is over: tell what is known of the peer; False when a slot has begun anew or deleted us."""
        raise NotImplementedError

    def _watch(self, wake: Callable[[bool], object]) -> None:
        """Have a function called whenever something has changed, with True when a message came; it only notes it."""
        self._setWatchers((*self._watchers, wake))

    def _unwatch(self, wake: Callable[[bool], object]) -> None:
        self._setWatchers(tuple(each for each in self._watchers if each is not wake))

    def _setWatchers(self, watchers: tuple[Callable[[bool], object], ...]) -> None:
        self._watchers = watchers
        if self._path is not None:
            self._path.watchers = watchers

    def _wake(self) -> None:
        for wake in self._watchers:
            wake(False)

    def _isStill(self, attempt: Attempt) -> bool:
        """After a slot: whether the peer exists and has not begun anew."""
        return isValid(self) and self._attempt is attempt

    def _abandonAttempt(self) -> None:
        attempt = self._attempt
        lookup, attempt.lookup = attempt.lookup, None
        if lookup is not None:
            lookup.abort()
        attempt.addresses = []
        self._cancelAddressDeadline()
        self._cancelHandshakeDeadline()
        cancelRequest(attempt)

    def _cancelAddressDeadline(self) -> None:
        if self._attempt.addressDeadline is not None:
            self._attempt.addressDeadline.cancel()
            self._attempt.addressDeadline = None

    def _cancelHandshakeDeadline(self) -> None:
        if self._attempt.handshakeDeadline is not None:
            self._attempt.handshakeDeadline.cancel()
            self._attempt.handshakeDeadline = None

    def connectNotify(self, signal: QMetaMethod) -> None:
        """Note which signals anybody has connected: emitting to nobody is not free."""
        name = signal.name().toStdString()
        self._heard.add(name)
        if self._path is not None:
            self._path.signalConnected(name)

    def disconnectNotify(self, signal: QMetaMethod) -> None:
        """The other way round. Qt holds locks here, so that who is left is asked later."""
        if signal.isValid() and self._path is not None:
            self._path.signalDisconnected()

    def _reviewHeard(self) -> None:
        """Somebody has disconnected a signal; messages for which nobody listens any more are queued."""
        for name, signature in _MESSAGE_SIGNALS.items():
            if name in self._heard and not self.receivers(signature):
                self._heard.discard(name)
                if self._path is not None:
                    self._path.heard.discard(name)


Status = PeerBase.Status
