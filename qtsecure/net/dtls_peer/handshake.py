"""From the engine's events to signals: handshake, certificate errors, keys, alerts, the end.

Slots may do anything. Whatever is emitted here is emitted after the engine has returned, except for
the questions that it waits for (``net.handshake_questions``); after each emit the peer may be gone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import SIGNAL
from PySide6.QtNetwork import QSslError
from shiboken6 import isValid

from qtsecure.engine.configuration import TlsConfiguration
from qtsecure.engine.dtls import AdmittedHello, DtlsAssociation, DtlsListener
from qtsecure.engine.events import (
    AlertReceived,
    AlertSent,
    CertificateProblems,
    CertificateRequested,
    ConfigurationNeeded,
    FailureKind,
    HandshakeCompleted,
    HandshakeMessage,
    PeerClosed,
    StreamFailed,
)
from qtsecure.engine.states import StreamState
from qtsecure.engine.verification import VerificationIssue
from qtsecure.errors import SecureError
from qtsecure.net.arguments import checkTimeout
from qtsecure.net.channel_bindings import ChannelBindings
from qtsecure.net.dtls.path import DtlsPath
from qtsecure.net.dtls_peer.attempt import Attempt
from qtsecure.net.dtls_peer.base import PeerObserver, Status
from qtsecure.net.dtls_peer.resuming import Resuming
from qtsecure.net.event_loop.standstill import PeerDeadline
from qtsecure.net.failures import tlsFailure
from qtsecure.net.native_sockets.addresses import Ends
from qtsecure.net.native_sockets.socket_errors import refusedText, socketError
from qtsecure.net.questions.asked import Questions, cancelDecisionDeadline
from qtsecure.net.questions.certificate_answers import CertificateAnswers
from qtsecure.net.questions.choosing import Choosing
from qtsecure.net.questions.handshake_questions import (
    ProgramDecisions,
    alertArguments,
    allIgnored,
    judgeCertificate,
)
from qtsecure.net.values import SslConfiguration

__all__ = ["Handshake"]

_PSK_SIGNAL = SIGNAL("preSharedKeyAuthenticationRequired(PyObject)")
_Code = SecureError.Code


class Handshake(CertificateAnswers, ChannelBindings, Choosing, Resuming):
    """The handshake methods of DtlsPeer."""

    _handshakeTimeout = 30_000

    # ---------------------------------------------------------------------------- public

    def handshakeTimeout(self) -> int:
        """How long the handshake may take in all, in ms; 0 or -1 for no limit."""
        return self._handshakeTimeout

    def setHandshakeTimeout(self, ms: int) -> None:
        """Limit the whole handshake, from connectToHost() on; takes effect with the next one.

        Progress does not extend it. But when the program itself has stood still, in a busy slot for example, a
        peer whose answer came in time gets as long as that lasted once more.

        Raises:
            TypeError: For anything but an int.
            ValueError: For a negative number other than -1.
        """
        self._handshakeTimeout = checkTimeout(ms, name="ms")

    def idleTimeout(self) -> int:
        """After how long without a message the association ends, in ms; 0 or -1 for never."""
        return self._idleTimeout

    def setIdleTimeout(self, ms: int) -> None:
        """End the association, with an error, when nothing authentic comes for so long.

        Nothing else tells that the other side has vanished: ICMP can be forged, and counts in the handshake
        only. Off by default on a client. The time begins anew with this call.

        Raises:
            TypeError: For anything but an int.
            ValueError: For a negative number other than -1.
        """
        self._idleTimeout = checkTimeout(ms, name="ms")
        if self._path is not None:
            self._path.setIdleTimeout(ms)

    def resumeHandshake(self) -> bool:
        """Go on with a handshake that waits for a decision about the certificate (QDtls::resumeHandshake).

        A handshake waits with PauseOnSslErrors, and after ``request.defer()`` in a slot of
        acceptCertificate. Call ignoreSslErrors() first: errors that are not ignored are not accepted,
        and it goes on waiting.

        Returns:
            Whether the handshake goes on.
        """
        request = self._attempt.request
        if request is None or not request.isPending() or not allIgnored(self):
            return False
        request._accept()
        return True

    def abortHandshake(self) -> bool:
        """Refuse a certificate that waits for a decision, or end a handshake under way (QDtls::abortHandshake).

        The other side is told, where Qt leaves it waiting.

        Returns:
            Whether there was a handshake.
        """
        if self._status is not Status.Handshaking:
            return False
        request = self._attempt.request
        if request is not None and request.isPending():
            request._reject()
        else:
            self.close()
        return True

    # ------------------------------------------------------------------------- beginning

    def _wantsPreSharedKeys(self) -> bool:
        if "preSharedKeyAuthenticationRequired" in self._heard and self.receivers(_PSK_SIGNAL) > 0:
            return True
        if self._interactionHasKeys():
            return True
        return self._observer is not None and self._observer._wantsPreSharedKeys()

    def _limitHandshake(self, left: float | None = None) -> None:
        milliseconds = self._handshakeTimeout if left is None else left
        if left is not None or milliseconds > 0:
            self._attempt.handshakeDeadline = PeerDeadline(
                milliseconds, self._handshakeTimedOut, self._lookWhatWaits, most=self._handshakeTimeout
            )

    def _adopt(
        self,
        path: DtlsPath,
        observer: PeerObserver,
        configuration: SslConfiguration,
        ends: Ends,
        *,
        timeouts: tuple[int, int],
    ) -> None:
        """Become the end of a client's association; a server does this.

        Args:
            path: Of the client's datagrams.
            observer: The server.
            configuration: What the association begins with.
            ends: Both addresses.
            timeouts: For the handshake and for silence, in ms.
        """
        self._observer = observer
        self._configuration = configuration
        self._handshakeTimeout, self._idleTimeout = timeouts
        self._attempt.ends = ends
        self._use(path)
        self._status = Status.Handshaking
        self._limitHandshake()

    def _beginAsServer(self, listener: DtlsListener, hello: AdmittedHello, mtu: int = 0) -> None:
        """Answer the client's hello, which the listener has admitted.

        Args:
            listener: Of the server.
            hello: What it has admitted.
            mtu: The largest datagram, in bytes of UDP payload; 0 for the server's.
        """
        path = self._path
        assert path is not None
        decisions, chooses, traced = ProgramDecisions(self), self._choosesHost(), self._traced
        try:
            path.make(lambda now: listener.accept(hello, now, decisions, mtu=mtu, chooses=chooses, traced=traced))
        except SecureError as error:
            if isValid(self) and not path.ended:
                self._finish(Status.Error, error)

    def _lookWhatWaits(self, due: float) -> bool | None:
        """For the limit of the handshake: see ``event_loop.standstill``."""
        path = self._path
        if not isValid(self) or (path is not None and path.busy):
            return False
        if path is None or not path.hear():
            return None
        return path.lastHeard >= due

    def _handshakeTimedOut(self) -> None:
        if not isValid(self) or self._status is not Status.Handshaking:
            return
        attempt, path = self._attempt, self._path
        attempt.handshakeDeadline = None
        if path is not None and path.association is not None and not path.ended and not path.busy:
            path.step(path.association.give_up)
        if self._isStill(attempt) and self._status is Status.Handshaking:
            if path is not None and path.busy:
                self._limitHandshake()  # the program is being asked
                return
            text = f"The host {attempt.hostName!r} could not be found in time; check the network's name service."
            self._finish(Status.Error, SecureError(_Code.TimedOut, text))

    # ------------------------------------------------------- what the path tells (net.dtls)

    def _handleEvents(self) -> None:
        """Turn each event into signals; a nested event loop in a slot handles the following ones."""
        path = self._path
        while isValid(self) and path is not None and path is self._path and not path.ended:
            association = path.association
            event = association.next_event() if association is not None else None
            if event is None:
                return
            match event:
                case HandshakeCompleted():
                    self._handshakeCompleted(path)
                case PeerClosed():
                    self._peerClosed(path)
                case AlertSent(level, description):
                    self._alert(True, level, description)
                case AlertReceived(level, description):
                    self._alert(False, level, description)
                case CertificateProblems(issues, decision_needed):
                    self._certificateProblems(path, issues, decision_needed)
                case ConfigurationNeeded():
                    self._configurationNeeded(event)
                case CertificateRequested():
                    self._certificateRequested(event)
                case HandshakeMessage():
                    self._messageTraced(event)
                case StreamFailed():
                    self._failed(path, self._withReason(event))

    def _idledOut(self) -> None:
        """The other side has been silent for too long."""
        path, attempt = self._path, self._attempt
        assert path is not None
        path.sayGoodbye()
        if self._isStill(attempt) and not path.ended:
            text = f"The peer sent nothing for {self._idleTimeout} ms; it may be gone, or the network between."
            self._endWithoutGoodbye(SecureError(_Code.TimedOut, text))

    def _socketLost(self) -> None:
        """The program has deleted the socket below."""
        code = _Code.UncleanClose if self.isEncrypted() else _Code.Closed
        self._endWithoutGoodbye(SecureError(code, "What carried the association was closed, shut down or deleted."))

    def _endWithoutGoodbye(self, error: SecureError) -> None:
        """The other side cannot be heard any more: an error, or the quiet end that the configuration asks for."""
        if self._complete() is None or self._configuration.requireCloseNotify():
            self._finish(Status.Error, error)
            return
        self._attempt.readEnded = True
        self._finish(Status.Disconnected, None)

    def _replaced(self) -> None:
        """The client of this end has begun a new association."""
        text = "The client has begun a new association from the same address and port, which replaces this one."
        self._finish(Status.Disconnected, SecureError(_Code.Closed, text))

    # ---------------------------------------------------------------------------- events

    def _alert(self, sent: bool, level: int, description: int) -> None:
        name = "alertSent" if sent else "alertReceived"
        if name not in self._heard and self._observer is None:
            return  # close_notify comes in every association
        arguments = alertArguments(level, description)
        getattr(self, name).emit(*arguments)
        if isValid(self) and self._observer is not None:
            self._observer._peerAlert(self, sent, *arguments)

    def _handshakeCompleted(self, path: DtlsPath) -> None:
        attempt, association = self._attempt, path.association
        assert association is not None
        self._cancelHandshakeDeadline()
        self._cancelAddressDeadline()
        path.establish()
        path.writable = not attempt.writeShut
        self._keepSession()
        if not self._tellFacts() or path.ended or not self._setStatus(Status.Connected) or path.ended:
            return
        if "encrypted" in self._heard:
            self.encrypted.emit()
            if not self._isStill(attempt) or path.ended:
                return
        if self._observer is not None:
            self._observer._peerEncrypted(self)
            if not self._isStill(attempt) or path.ended:
                return
        if attempt.writeShut:
            path.endWriting()  # shutdown() was called before
            if not self._isStill(attempt) or path.ended:
                return
        # What overtook the end of the handshake.
        if messages := association.take_messages():
            path.deliver(messages)

    def _failed(self, path: DtlsPath, failure: StreamFailed) -> None:
        status = Status.Error
        if failure.kind is FailureKind.CERTIFICATE_REJECTED:
            errors = {error.error() for error in self._attempt.sslErrors}
            if errors == {QSslError.SslError.HostNameMismatch}:
                status = Status.ErrorHostnameMismatch
            elif errors == {QSslError.SslError.NoPeerCertificate} and self._observer is not None:  # on a server
                failure = replace(failure, kind=FailureKind.CERTIFICATE_REQUIRED)
        self._forgetSessions()
        self._finish(status, _explain(failure, path, self._attempt))

    def _certificateProblems(self, path: DtlsPath, issues: tuple[VerificationIssue, ...], decisionNeeded: bool) -> None:
        if self._attempt.request is not None:
            return  # asked inside the handshake, and the answer was deferred
        verdict = judgeCertificate(self, issues, decisionNeeded)
        if not isValid(self) or path is not self._path or path.ended or not decisionNeeded or verdict is None:
            return
        self._answerCertificate(path, verdict)

    def _answerCertificate(self, path: DtlsPath, accepted: bool) -> None:
        association = path.association
        assert association is not None
        path.step(association.accept_certificate if accepted else association.reject_certificate)

    # ------------------------------------------------------------ what may be chosen (choosing)

    def _engine(self) -> DtlsAssociation | None:
        return self._path.association if self._path is not None else None

    def _tellEngine(self, call: Callable[..., None], *arguments: object) -> None:
        if self._path is not None:
            self._path.step(call, *arguments)

    def _isGoingOn(self) -> bool:
        return self._stillDeciding(self._attempt)

    def _toServerEngine(self, configuration: SslConfiguration) -> TlsConfiguration:
        return configuration.toEngine("server", pskEnabled=self._wantsPreSharedKeys(), datagrams=True)

    def _serverAsksForHosts(self) -> bool:
        return self._observer is not None and self._observer._wantsHostChoices()

    def _hears(self, signal: str) -> bool:
        return signal in self._heard

    def _tellServerOfMessage(self, direction: str, name: str, size: int) -> None:
        if self._observer is not None:
            self._observer._peerTraced(self, direction, name, size)

    # ---------------------------------------------------- what is asked (handshake_questions)

    @property
    def _questions(self) -> Questions:
        return self._attempt

    def _takesBinaryIdentity(self) -> bool:
        return False  # DTLS 1.2 carries C strings

    def _stillDeciding(self, attempt: Attempt) -> bool:
        """After a slot: whether it has left this association (and no other) for the decision."""
        return (
            isValid(self)
            and self._attempt is attempt
            and self._path is not None
            and not self._path.ended
            and not self._wish
        )

    def _ask(self, signal: str, argument: object) -> bool:
        attempt = self._attempt
        getattr(self, signal).emit(argument)
        if not self._stillDeciding(attempt):
            return False
        if self._observer is not None:
            self._observer._peerAsks(self, signal, argument)
        return self._stillDeciding(attempt)

    def _beginAsking(self) -> bool:
        return self._stillDeciding(self._attempt)

    def _endAsking(self) -> bool:
        return self._stillDeciding(self._attempt)

    def _nameToProve(self) -> str:
        return self._attempt.nameToProve

    def _portAsked(self) -> int:
        return self._attempt.port

    def _decided(self, accepted: bool) -> None:
        """The deferred answer."""
        attempt, path = self._attempt, self._path
        attempt.request = None
        cancelDecisionDeadline(attempt)
        if not isValid(self) or path is None or path.ended or path.association is None:
            return
        if path.association.state is not StreamState.DECIDING:
            return
        if accepted:
            self._limitHandshake()
        self._answerCertificate(path, accepted)


def _explain(failure: StreamFailed, path: DtlsPath, attempt: Attempt) -> SecureError:
    """What went wrong, for the program; a silence may have its reason in the network."""
    if failure.kind is FailureKind.TIMED_OUT and path.refusals:
        return SecureError(_Code.ConnectionRefused, refusedText(attempt.hostName, attempt.port))
    if failure.kind is FailureKind.TIMED_OUT and path.trouble:
        return SecureError(_Code.HostUnreachable, socketError(path.trouble)[1])
    return tlsFailure(failure)
