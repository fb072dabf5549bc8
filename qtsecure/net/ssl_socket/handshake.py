"""From the engine's events to signals: handshake, certificate errors, keys, alerts, data.

The way of the data after the handshake is in ``data_path``, that of the questions which the program
has to answer in ``handshake_questions``.

Slots may do anything. Whatever is emitted here is emitted after the engine has returned, except
for the questions that it waits for (``ProgramDecisions``); after each emit the socket may be gone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import SIGNAL
from PySide6.QtNetwork import QAbstractSocket, QSslSocket
from shiboken6 import isValid

from qtsecure.engine.alerts import AlertDescription, AlertLevel, fatal_alert_record
from qtsecure.engine.enum_members import members_of
from qtsecure.engine.protocols import ProtocolVersion
from qtsecure.engine.states import StreamState
from qtsecure.errors import SecureError
from qtsecure.net import late, values
from qtsecure.net.arguments import checkTimeout
from qtsecure.net.channel_bindings import ChannelBindings
from qtsecure.net.event_loop.standstill import PeerDeadline
from qtsecure.net.questions.asked import Questions, cancelDecisionDeadline, cancelRequest
from qtsecure.net.questions.certificate_answers import CertificateAnswers
from qtsecure.net.questions.choosing import Choosing
from qtsecure.net.ssl_socket.attempt import Attempt
from qtsecure.net.ssl_socket.base import SocketBase
from qtsecure.net.ssl_socket.closing import Closing
from qtsecure.net.ssl_socket.resuming import Resuming
from qtsecure.net.ssl_socket.starttls import earlyInputProblem_untrusted, refuseOpenTransaction, takeEarlyInput

if TYPE_CHECKING:
    from qtsecure.engine.configuration import TlsConfiguration
    from qtsecure.engine.events import StreamFailed
    from qtsecure.engine.tls_stream import TlsStream
    from qtsecure.engine.verification import VerificationIssue
    from qtsecure.net.values import SslCertificate, SslConfiguration

__all__ = ["Handshake"]

_State = members_of(QAbstractSocket.SocketState)
_Error = members_of(QAbstractSocket.SocketError)
_SERVER, _CLIENT = QSslSocket.SslMode.SslServerMode, QSslSocket.SslMode.SslClientMode
_PSK_SIGNAL = SIGNAL("preSharedKeyAuthenticationRequired(PyObject)")
_WAITING = frozenset({StreamState.DECIDING, StreamState.CHOOSING})
_HELD_INPUT = 65536
"""How much a peer may send while a decision about its certificate is pending."""

_FAILURES = {
    "TRUNCATED": _Error.RemoteHostClosedError,
    "ENDED_IN_HANDSHAKE": _Error.RemoteHostClosedError,
    "READ": _Error.SslInternalError,
    "WRITE": _Error.SslInternalError,
}
"""What a FailureKind is for Qt, by its name; the others are SslHandshakeFailedError."""


class Handshake(CertificateAnswers, ChannelBindings, Choosing, Resuming):
    """The TLS methods of SslSocket."""

    _handshakeTimeout = 30_000

    # ---------------------------------------------------------------------------- public

    def isEncrypted(self) -> bool:
        """Whether the handshake is complete and the connection stands."""
        return self._dataPath.encrypted

    def startClientEncryption(self) -> None:
        """Begin TLS as the client on a connected socket (QSslSocket::startClientEncryption)."""
        SocketBase._refuseInsideEngine(self, "startClientEncryption")
        if self._mayStartEncryption("startClientEncryption"):
            Handshake._startEncryption(self, server=False)
            if isValid(self) and self._attempt.withheld:
                self._letRead()

    def startServerEncryption(self) -> None:
        """Begin TLS as the server on a connected socket (QSslSocket::startServerEncryption)."""
        SocketBase._refuseInsideEngine(self, "startServerEncryption")
        if self._mayStartEncryption("startServerEncryption"):
            Handshake._startEncryption(self, server=True)

    def handshakeTimeout(self) -> int:
        """How long the handshake may take in all, in ms; 0 or -1 for no limit."""
        return self._handshakeTimeout

    def setHandshakeTimeout(self, ms: int) -> None:
        """Limit the whole handshake, from its first byte; takes effect with the next handshake.

        Progress does not extend it. But when the program itself has stood still, in a busy slot for example, a
        peer whose answer came in time gets as long as that lasted once more.

        Raises:
            ValueError: For a negative number other than -1.
        """
        self._handshakeTimeout = checkTimeout(ms, name="ms")

    def peerVerifyName(self) -> str:
        """The name of setPeerVerifyName()."""
        return self._peerVerifyName

    def setPeerVerifyName(self, hostName: str) -> None:
        """The name that the server's certificate must prove, instead of the host's own."""
        if not isinstance(hostName, str):
            raise TypeError(f"hostName must be a str, not {type(hostName).__name__}.")
        self._peerVerifyName = hostName

    # ------------------------------------------------------------------------- beginning

    def _mayStartEncryption(self, method: str) -> bool:
        if self._mode != QSslSocket.SslMode.UnencryptedMode:
            self._warn(f"{method}() called on a socket that is already in TLS mode.")
            return False
        if self._dataPath.transport is None or self._dataPath.state is not _State.ConnectedState:
            self._warn(f"{method}() called on a socket that is not connected.")
            return False
        refuseOpenTransaction(self, method)
        return True

    def _startEncryption(self, *, server: bool) -> bool:
        """Make the engine and let it begin; False when the socket is gone or cannot do TLS."""
        dataPath = self._dataPath
        mode = _SERVER if server else _CLIENT
        dataPath.sendPlainQueue()
        if not isValid(self):
            return False
        early = takeEarlyInput(self)  # before a slot of modeChanged reads it as data, or closes and so drops it
        if not SocketBase._setMode(self, mode) or dataPath.transport is None:
            return False
        early += takeEarlyInput(self)  # what came in an event loop of such a slot
        problem = earlyInputProblem_untrusted(early, server=server)
        if problem and not self._attempt.withheld:  # else there was no time before TLS: a proxy's answer came with it
            Closing._endWith(self, _Error.SslHandshakeFailedError, problem, viaClosing=False)
            return False
        try:
            if server and Choosing._choosesHost(self):
                configuration, chooses = late.TlsConfiguration(), True  # until the client has named its host
            elif server:
                configuration, chooses = Handshake._toServerEngine(self, dataPath.ownConfiguration()), False
            else:
                configuration = Handshake._toClientEngine(self, pskEnabled=Handshake._wantsPreSharedKeys(self))
                chooses = Choosing._choosesCertificate(self, configuration)
            stream = late.TlsStream(
                configuration,
                server=server,
                peer_name="" if server else Resuming._serverName(self),
                decisions=late.ProgramDecisions(self),
                peer_place="" if server else Resuming._serverPlace(self),
                session=None if server else Resuming._takeSession(self, configuration, shares=not chooses),
                chooses=chooses,
                traced=self._traced,
            )
            dataPath.stream = stream
            if dataPath.readLimit:
                dataPath.fitPieces()
            if self._attempt.handshakeDeadline is None:
                Handshake._limitHandshake(self)
            stream.start()
        except SecureError as error:
            dataPath.stream = None
            Handshake._cancelHandshakeDeadline(self)
            if server:
                self._endUnable(error.message)
            else:
                self._attempt.refused = True
                SocketBase._reportError(self, _Error.SslInvalidUserDataError, error.message)
            return False
        if not isValid(self):  # a slot was asked for a pre-shared key, and has deleted the socket
            return False
        if early:
            stream.receive(early)
        return Handshake._afterEngineCall(self)

    def _endUnable(self, reason: str) -> None:
        """A server without usable settings tells its client so, and the connection is over."""
        alert = AlertDescription.HANDSHAKE_FAILURE
        transport = self._dataPath.transport
        assert transport is not None
        transport.send(memoryview(fatal_alert_record(alert)))
        self._alert(True, AlertLevel.FATAL, alert)
        if isValid(self) and self._dataPath.transport is transport:
            Closing._endWith(self, _Error.SslInvalidUserDataError, reason, viaClosing=False)

    def _wantsPreSharedKeys(self) -> bool:
        if "preSharedKeyAuthenticationRequired" in self._dataPath.heard and self.receivers(_PSK_SIGNAL) > 0:
            return True
        if Choosing._interactionHasKeys(self):
            return True
        observer = self._dataPath.observer()
        return observer is not None and observer._wantsPreSharedKeys()

    # ------------------------------------------------------------------ the way of the data

    def _handshakeLanded(self, stream: TlsStream, count: int) -> None:
        """Handshake messages arrived in the landing buffer of this thread."""
        self._dataPath.lastTraffic = self._dataPath.scheduler.clock()
        stream.receive_landed(count)
        if stream.state in _WAITING:
            self._attempt.heldInput += count
            if self._attempt.heldInput > _HELD_INPUT:
                self._dataPath.pauseReading()
        Handshake._afterEngineCall(self)

    def _plainLanded(self, data: bytes) -> None:
        """Data arrived on a connection without TLS."""
        if self._attempt.refused:
            return  # what comes without TLS must not pass for what came with it
        dataPath = self._dataPath
        dataPath.incoming.append(data)
        dataPath.newData = True
        if dataPath.readLimit:
            if not dataPath.room():
                dataPath.pauseReading()
            dataPath.fitPieces()
        dataPath.announce()

    # --------------------------------------------------------------------------- events

    def _afterEngineCall(self) -> bool:
        """Send what the engine has to say, then tell the program; False when the socket is done."""
        dataPath = self._dataPath
        sent = dataPath.sendOutgoing()
        if dataPath.afterEngine and not self._runAfterEngine():
            return False
        stream = dataPath.stream
        if stream is not None and stream.events and not Handshake._handleEvents(self):
            return False
        if sent and dataPath.tellsProgress:
            dataPath.tellProgress(0, sent)
        return isValid(self) and dataPath.transport is not None

    def _handleEvents(self) -> bool:
        """Turn each event into signals; a nested event loop in a slot handles the following ones."""
        if not isValid(self):
            return False
        dataPath = self._dataPath
        stream = dataPath.stream
        if stream is None or (dataPath.encrypted and self._attempt.withheld):
            return True  # what came behind a proxy's answer, an end too, waits for the program as reading does
        events = stream.events
        # Once the transport is gone the connection is over, and what is left concerns nobody.
        while events and stream is dataPath.stream and dataPath.transport is not None:
            event = events.pop(0)
            match event:
                case late.HandshakeCompleted():
                    Handshake._handshakeCompleted(self)
                case late.AlertSent(level, description):
                    self._alert(True, level, description)
                case late.AlertReceived(level, description):
                    self._alert(False, level, description)
                case late.CertificateProblems(issues, decision_needed):
                    self._certificateProblems(issues, decision_needed)
                case late.PeerClosed():
                    self._peerClosed()
                case late.StreamFailed():
                    Handshake._streamFailed(self, Choosing._withReason(self, event))
                case late.ConfigurationNeeded():
                    self._configurationNeeded(event)
                case late.CertificateRequested():
                    self._certificateRequested(event)
                case late.HandshakeMessage():
                    self._messageTraced(event)
            if not isValid(self):
                return False
        return True

    def _alert(self, sent: bool, level: int, description: int) -> None:
        arguments = late.alertArguments(level, description)
        (self.alertSent if sent else self.alertReceived).emit(*arguments)
        if isValid(self) and (observer := self._dataPath.observer()) is not None:
            observer._socketAlert(self, sent, *arguments)

    def _handshakeCompleted(self) -> None:
        dataPath = self._dataPath
        Handshake._cancelHandshakeDeadline(self)
        dataPath.encrypted = True
        stream = dataPath.stream
        assert stream is not None
        # What the peer sent right behind its Finished is readable when the slots run.
        if stream.has_input and (room := dataPath.room()) and (data := stream.read(room)):
            dataPath.incoming.append(data)
            dataPath.newData = True
        if self._attempt.sharesSessions and stream.protocol_version() is ProtocolVersion.TLS_1_2:
            self._keepSession(stream)  # in TLS 1.3 it comes later, with a ticket
        transport = dataPath.transport
        if "encrypted" in dataPath.heard:
            self.encrypted.emit()
            if not isValid(self) or dataPath.transport is not transport:
                return  # the slot has ended the connection
        observer = dataPath.observer()
        if observer is not None and not dataPath.closing:
            observer._socketEncrypted(self)
            if not isValid(self) or dataPath.transport is not transport:
                return
        if stream.answered_peer:
            stream.answered_peer = False
            dataPath.sendOutgoing()
            self._ticketsLanded()
            if not isValid(self) or dataPath.transport is not transport:
                return
        if dataPath.newData and dataPath.incoming.size and not dataPath.announce():
            return
        dataPath.newData = False
        if stream.has_more:
            dataPath.scheduler.defer(dataPath.continueReading)
        if dataPath.outgoing.size or dataPath.closing or dataPath.outputEnds:
            dataPath.flushScheduled = True
            dataPath.scheduler.defer(dataPath.flushQueued)

    def _peerClosed(self) -> None:
        """close_notify: report it, send what is still queued, and answer it."""
        dataPath = self._dataPath
        transport = dataPath.transport
        if not SocketBase._reportError(
            self, _Error.RemoteHostClosedError, "The TLS/SSL connection has been closed by the peer."
        ):
            return
        if dataPath.transport is not transport or dataPath.state is _State.UnconnectedState:
            return
        self._finishUp()

    def _streamFailed(self, failure: StreamFailed) -> None:
        dataPath, attempt = self._dataPath, self._attempt
        kind = failure.kind
        attempt.failure = failure
        Handshake._cancelHandshakeDeadline(self)
        dataPath.sendOutgoing()
        if kind is not late.FailureKind.TRUNCATED and dataPath.stream is not None:
            self._forgetSessions(dataPath.stream)
        transport = dataPath.transport
        cancelRequest(attempt)
        if not isValid(self) or self._attempt is not attempt or dataPath.transport is not transport:
            return  # a slot has ended the connection, or has begun a new one
        # Qt aborts when the handshake itself fails; it disconnects when the certificate is found
        # wanting afterwards, and when the peer has ended.
        name = kind.name
        judged = kind is late.FailureKind.CERTIFICATE_REJECTED and bool(self._attempt.sslErrors)
        Closing._endWith(
            self,
            _FAILURES.get(name, _Error.SslHandshakeFailedError),
            failure.message,
            viaClosing=judged or name in _FAILURES,
        )

    # -------------------------------------------------------------------------- deadline

    def _cancelHandshakeDeadline(self) -> None:
        attempt = self._attempt
        if attempt.handshakeDeadline is not None:
            attempt.handshakeDeadline.cancel()
            attempt.handshakeDeadline = None

    def _limitHandshake(self, left: float | None = None) -> None:
        milliseconds = self._handshakeTimeout if left is None else left
        if left is not None or milliseconds > 0:
            self._attempt.handshakeDeadline = PeerDeadline(
                milliseconds, self._handshakeTimedOut, self._lookWhatWaits, most=self._handshakeTimeout
            )

    def _handshakeTimedOut(self) -> None:
        if isValid(self) and self._dataPath.state is not _State.UnconnectedState:
            self._attempt.handshakeDeadline = None
            self._giveUpHandshake()

    def _giveUpHandshake(self) -> None:
        attempt = self._attempt
        # As QSslServer does: disconnected first, then the error, unless a slot has begun anew.
        if Closing._drop(self, graceful=True) and self._attempt is attempt:
            SocketBase._reportError(
                self,
                _Error.SocketTimeoutError,
                "The TLS handshake did not complete in time; the peer is too slow, or does not speak TLS.",
            )

    # ------------------------------------------------------------- certificate decisions

    def _certificateProblems(self, issues: tuple[VerificationIssue, ...], decisionNeeded: bool) -> None:
        stream = self._dataPath.stream
        assert stream is not None
        if self._attempt.request is not None:
            return  # asked inside the handshake (TLS 1.3 server), and the answer was deferred
        verdict = late.judgeCertificate(self, issues, decisionNeeded)
        if not isValid(self) or stream is not self._dataPath.stream or not decisionNeeded or verdict is None:
            return
        self._answerCertificate(stream, verdict)

    def _answerCertificate(self, stream: TlsStream, accepted: bool) -> None:
        self._attempt.heldInput = 0
        if accepted:
            stream.accept_certificate()
        else:
            stream.reject_certificate()
        self._dataPath.sendOutgoing()
        self._readAgain()

    def _readAgain(self) -> None:
        if self._dataPath.readingPaused and self._dataPath.transport is not None:
            self._dataPath.readingPaused = False
            self._dataPath.transport.setReading(True)

    def _stillDeciding(self, attempt: Attempt) -> bool:
        """After a slot: whether it has left this connection (and no other) for the decision."""
        return (
            isValid(self)
            and self._attempt is attempt
            and self._dataPath.transport is not None
            and not self._dataPath.afterEngine
        )

    def _decided(self, accepted: bool) -> None:
        """The deferred answer."""
        self._attempt.request = None
        cancelDecisionDeadline(self._attempt)
        stream = self._dataPath.stream
        if not isValid(self) or stream is None or stream.state is not StreamState.DECIDING:
            return
        if accepted:
            Handshake._limitHandshake(self)
        self._answerCertificate(stream, accepted)
        Handshake._afterEngineCall(self)

    # ------------------------------------------------------------ what may be chosen (choosing)

    def _engine(self) -> TlsStream | None:
        return self._dataPath.stream

    def _tellEngine(self, call: Callable[..., None], *arguments: object) -> None:
        self._attempt.heldInput = 0
        call(*arguments)
        if isValid(self) and self._dataPath.transport is not None:
            self._readAgain()
            Handshake._afterEngineCall(self)

    def _isGoingOn(self) -> bool:
        return isValid(self) and self._dataPath.transport is not None and not self._dataPath.afterEngine

    def _toClientEngine(self, *, pskEnabled: bool) -> TlsConfiguration:
        if self._dataPath.optionsOfServer:
            raise SecureError(
                SecureError.Code.InvalidArgument,
                "The socket has the TlsOptions of a server, which verify no server; give it those of a client.",
            )
        return self._dataPath.ownConfiguration().toEngine("client", pskEnabled=pskEnabled)

    def _toServerEngine(self, configuration: SslConfiguration) -> TlsConfiguration:
        return configuration.toEngine("server", pskEnabled=Handshake._wantsPreSharedKeys(self))

    def _serverAsksForHosts(self) -> bool:
        observer = self._dataPath.observer()
        return observer is not None and observer._wantsHostChoices()

    def _hears(self, signal: str) -> bool:
        return signal in self._dataPath.heard

    def _tellServerOfMessage(self, direction: str, name: str, size: int) -> None:
        if (observer := self._dataPath.observer()) is not None:
            observer._socketTraced(self, direction, name, size)

    # ---------------------------------------------------- what is asked (handshake_questions)

    @property
    def _questions(self) -> Questions:
        return self._attempt

    def _ask(self, signal: str, argument: object) -> bool:
        attempt = self._attempt
        getattr(self, signal).emit(argument)
        if not self._stillDeciding(attempt):
            return False
        if (observer := self._dataPath.observer()) is not None:
            observer._socketAsks(self, signal, argument)
        return self._stillDeciding(attempt)

    def _beginAsking(self) -> bool:
        if not isValid(self) or self._dataPath.transport is None or self._dataPath.afterEngine:
            return False
        self._dataPath.transport.setReading(False)
        return True

    def _endAsking(self) -> bool:
        if not isValid(self) or self._dataPath.transport is None:
            return False
        self._dataPath.transport.setReading(True)
        return not self._dataPath.afterEngine

    def _nameToProve(self) -> str:
        return self._peerVerifyName or self._attempt.hostName

    def _portAsked(self) -> int:
        return self._attempt.port

    def _takesBinaryIdentity(self) -> bool:
        # Before the hello TLS 1.3 is possible, which carries any bytes; TLS 1.2 carries C strings.
        stream = self._dataPath.stream
        return stream is not None and stream.protocol_version() is ProtocolVersion.UNKNOWN

    def _peerChain(self) -> list[SslCertificate]:
        certificates = self._dataPath.stream.peer_certificates() if self._dataPath.stream is not None else ()
        return [values.SslCertificate(certificate) for certificate in certificates]
