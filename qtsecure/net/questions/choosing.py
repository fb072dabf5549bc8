"""What a connection lets the program choose while its handshake waits, and what it tells about the handshake.

The engine says ``ConfigurationNeeded`` or ``CertificateRequested``, and is not on the stack meanwhile. The
questions go to a signal (servers) or to the Interaction (clients); the answer goes back, at once or
later. The deadline of the handshake stands still: the user's time is not the peer's fault.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import SIGNAL, QByteArray, QObject, SignalInstance
from shiboken6 import isValid

from qtsecure.engine.alerts import AlertDescription
from qtsecure.engine.states import StreamState
from qtsecure.errors import SecureError
from qtsecure.net import late, values
from qtsecure.net.arguments import checkBool
from qtsecure.net.event_loop.scheduler import schedulerOfThisThread
from qtsecure.net.qt_objects.thread_guard import checkThread
from qtsecure.net.questions.asked import Questions, cancelDecisionDeadline

if TYPE_CHECKING:  # a program with sockets alone need not load DTLS, and see ``late``
    from qtsecure.engine.certificates import Credentials
    from qtsecure.engine.configuration import TlsConfiguration
    from qtsecure.engine.dtls import DtlsAssociation
    from qtsecure.engine.events import CertificateRequested, ConfigurationNeeded, HandshakeMessage, StreamFailed
    from qtsecure.engine.tls_stream import TlsStream
    from qtsecure.net.questions.choice_requests import ChoiceRequest
    from qtsecure.net.questions.interaction import Interaction
    from qtsecure.net.values import PreSharedKeyAuthenticator, SslConfiguration

__all__ = ["CERTIFICATE_REQUIRED", "Choosing"]

CERTIFICATE_REQUIRED = "certificateRequired"
_SIGNAL = SIGNAL(f"{CERTIFICATE_REQUIRED}(PyObject)")
_FOR_WANT_OF_A_CERTIFICATE = frozenset(
    {
        AlertDescription.HANDSHAKE_FAILURE,
        AlertDescription.BAD_CERTIFICATE,
        AlertDescription.CERTIFICATE_UNKNOWN,
        AlertDescription.ACCESS_DENIED,
        AlertDescription.CERTIFICATE_REQUIRED,
    }
)
"""The alerts of servers that wanted a certificate and got none."""


class Choosing:
    """The methods for that of SslSocket and DtlsPeer."""

    # On the class: setting an attribute of a QObject is slow, and most connections keep these.
    _interaction: Interaction | None = None
    _traced = False
    _hosts: tuple[SslConfiguration, SslConfiguration] | None = None
    _configuration: SslConfiguration
    handshakeMessage: SignalInstance

    # ---------------------------------------------------------------------------- public

    def interaction(self) -> Interaction | None:
        """What setInteraction() was given (g_tls_connection_get_interaction)."""
        return self._interaction

    def setInteraction(self, interaction: Interaction | None) -> None:
        """Let this object answer for the user, from the next handshake on (g_tls_connection_set_interaction).

        On a client without a certificate its requestCertificate() is called when the server asks for one.
        No session is resumed then, nor kept for later: it would answer for the user next time. Its
        requestPreSharedKey(), if it is overridden, is asked where no slot of
        preSharedKeyAuthenticationRequired has given a key.

        Raises:
            RuntimeError: It lives in another thread.
            TypeError: ``interaction`` is of another type.
        """
        if interaction is not None:
            if not isinstance(interaction, late.Interaction):
                raise TypeError(f"interaction must be an Interaction or None, not {type(interaction).__name__}.")
            checkThread(interaction, "requestCertificate")
        self._interaction = interaction

    def acceptedCAs(self) -> list[QByteArray]:
        """On a client: the names (DER) of the authorities whose certificates the server accepts.

        Empty before it has asked for a certificate, when it asks for none, and when it takes any; see
        isCertificateRequested(). (Gio.TlsClientConnection:accepted-cas)
        """
        engine = self._engine()
        return [QByteArray(name) for name in engine.accepted_authorities()] if engine is not None else []

    def acceptedCANames(self) -> list[str]:
        """The same for a human, such as ``"O=Example, CN=Staff CA"``."""
        engine = self._engine()
        return late.readableNames_untrusted(engine.accepted_authorities()) if engine is not None else []

    def isCertificateRequested(self) -> bool:
        """On a client: whether the server has asked for a certificate."""
        engine = self._engine()
        return engine is not None and engine.certificate_was_requested

    def isHandshakeTraceEnabled(self) -> bool:
        """Whether handshakeMessage is emitted."""
        return self._traced

    def setHandshakeTraceEnabled(self, enabled: bool) -> None:
        """Emit handshakeMessage for each message of the handshakes that begin from now on; off by default.

        For debugging. Only connections with the trace pay for it.

        Raises:
            TypeError: For anything but a bool.
        """
        self._traced = checkBool(enabled, name="enabled")

    # ------------------------------------------------------------------ what the classes supply

    @property
    def _questions(self) -> Questions:
        """Those of the present connection."""
        raise NotImplementedError

    def _engine(self) -> TlsStream | DtlsAssociation | None:
        """The engine of the present connection."""
        raise NotImplementedError

    def _tellEngine(self, call: Callable[..., None], *arguments: object) -> None:
        """Let the engine take an answer, and go on with what comes of it; raises what it raises."""
        raise NotImplementedError

    def _ask(self, signal: str, argument: object) -> bool:
        """Emit a signal, here and at the server; False when a slot has ended the connection."""
        raise NotImplementedError

    def _isGoingOn(self) -> bool:
        """After something of the program's: whether it has left this connection alone."""
        raise NotImplementedError

    def _limitHandshake(self, left: float | None = None) -> None:
        """Begin the limit of the handshake, if there is one, or go on with what is left of it, in ms."""
        raise NotImplementedError

    def _toServerEngine(self, configuration: SslConfiguration) -> TlsConfiguration:
        """What the engine makes of it; raises SecureError."""
        raise NotImplementedError

    def _serverAsksForHosts(self) -> bool:
        """Whether the server that owns this connection has somebody who chooses configurations."""
        raise NotImplementedError

    def _hears(self, signal: str) -> bool:
        """Whether somebody has connected a signal of this object, cheaply and with false alarms."""
        raise NotImplementedError

    def _nameToProve(self) -> str:
        raise NotImplementedError

    def _tellServerOfMessage(self, direction: str, name: str, size: int) -> None:
        raise NotImplementedError

    # ---------------------------------------------------------------------------- beginning

    def _asksForHosts(self) -> bool:
        own = self._hears(CERTIFICATE_REQUIRED) and cast(QObject, self).receivers(_SIGNAL) > 0
        return own or self._serverAsksForHosts()

    def _choosesHost(self) -> bool:
        """Whether a server's configuration depends on the client's hello."""
        if self._hosts is not None:
            # A socket is used again: what was chosen for an earlier client does not count for the next.
            before, chosen = self._hosts
            self._hosts = None
            if self._configuration == chosen:
                self._configuration = before
        return self._configuration.hasVirtualHosts() or Choosing._asksForHosts(self)

    def _choosesCertificate(self, configuration: TlsConfiguration) -> bool:
        """Whether a client asks the program when the server wants a certificate."""
        return self._interaction is not None and configuration.credentials is None

    # ---------------------------------------------------------------------------- the questions

    def _interactionHasKeys(self) -> bool:
        """Whether somebody has overridden the question for pre-shared keys."""
        interaction = self._interaction
        return (
            interaction is not None
            and type(interaction).requestPreSharedKey is not late.Interaction.requestPreSharedKey
        )

    def _requestKey(self, authenticator: PreSharedKeyAuthenticator) -> None:
        """No slot may have given a key. OpenSSL is on the stack, as with the slots."""
        interaction = self._interaction
        if interaction is None or not isValid(interaction) or not authenticator.preSharedKey().isEmpty():
            return
        try:
            interaction.requestPreSharedKey(authenticator)
        except (Exception, KeyboardInterrupt):  # noqa: BLE001 - as with a slot: reported, and no answer
            sys.excepthook(*sys.exc_info())

    def _configurationNeeded(self, event: ConfigurationNeeded) -> None:
        """On a server: the client's hello is there."""
        if not self._asksForHosts():
            self._useConfiguration(self._configuration.hostConfiguration_untrusted(event.server_name))
            return
        name = (event.server_name or b"").decode("ascii", "replace")
        request = late.VirtualHostRequest(name, cast(QObject, self))
        self._beginChoice(request)
        if self._ask(CERTIFICATE_REQUIRED, request) and not request._waitsFor(self._hostChosen):
            self._hostChosen(request)

    def _hostChosen(self, request: ChoiceRequest) -> None:
        engine = self._endChoice(request)
        if engine is None:
            return
        if request._answered:
            self._useConfiguration(cast("SslConfiguration | None", request._answer))
        else:
            requested = engine.requested_name
            self._useConfiguration(self._configuration.hostConfiguration_untrusted(requested))

    def _useConfiguration(self, configuration: SslConfiguration | None) -> None:
        engine = self._engine()
        assert engine is not None
        if configuration is None:
            self._tellEngine(engine.refuse_name, "")
            return
        before = self._configuration
        self._configuration = configuration
        self._hosts = (before, values.SslConfiguration(configuration))
        try:
            made = self._toServerEngine(configuration)
            self._tellEngine(engine.provide_configuration, made)
        except SecureError as error:
            if isValid(cast(QObject, self)) and engine.state is StreamState.CHOOSING:
                self._tellEngine(engine.refuse_name, error.message)

    def _certificateRequested(self, event: CertificateRequested) -> None:
        """On a client: the server asks for a certificate, and there is none."""
        request = late.ClientCertificateRequest(event.authorities, self._nameToProve(), cast(QObject, self))
        self._beginChoice(request)
        interaction = self._interaction
        if interaction is not None and isValid(interaction):
            try:
                interaction.requestCertificate(request)
            except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - as with a slot: reported, and no answer
                sys.excepthook(*sys.exc_info())
                if isValid(request):
                    request.fail(f"requestCertificate() has raised {type(error).__name__}.")
        if self._isGoingOn() and not request._waitsFor(self._certificateChosen):
            self._certificateChosen(request)

    def _certificateChosen(self, request: ChoiceRequest) -> None:
        engine = self._endChoice(request)
        if engine is None:
            return
        assert isinstance(request, late.ClientCertificateRequest)
        self._questions.noCertificate = request._trouble
        self._giveCertificate(engine, request._credentials())

    def _giveCertificate(self, engine: TlsStream | DtlsAssociation, credentials: Credentials | None) -> None:
        try:
            self._tellEngine(engine.provide_certificate, credentials)
        except SecureError as error:
            if isValid(cast(QObject, self)) and engine.state is StreamState.CHOOSING:
                self._questions.noCertificate = error.message
                self._tellEngine(engine.provide_certificate, None)

    def _beginChoice(self, request: ChoiceRequest) -> None:
        questions = self._questions
        questions.choice = request
        scheduler = schedulerOfThisThread()
        deadline, questions.handshakeDeadline = questions.handshakeDeadline, None
        if deadline is not None:
            deadline.cancel()
            questions.handshakeLeft = max(0.0, deadline.due - scheduler.clock()) * 1000
        questions.decisionDeadline = scheduler.callLater(late.DECISION_LIMIT_MS, request._expire)

    def _endChoice(self, request: ChoiceRequest) -> TlsStream | DtlsAssociation | None:
        """The answer is there: who waits for it; None when it does not count any more."""
        if not isValid(cast(QObject, self)):
            return None
        questions = self._questions
        if questions.choice is not request:
            return None  # a nested event loop has seen the end of the connection, and perhaps another one
        questions.choice = None
        cancelDecisionDeadline(questions)
        request._release()
        engine = self._engine()
        if engine is None or engine.state is not StreamState.CHOOSING:
            return None
        left, questions.handshakeLeft = questions.handshakeLeft, None
        if left is not None:
            self._limitHandshake(left)
        return engine

    # ---------------------------------------------------------------------------- telling

    def _messageTraced(self, event: HandshakeMessage) -> None:
        direction = "sent" if event.sent else "received"
        self.handshakeMessage.emit(direction, event.name, event.size)
        if isValid(cast(QObject, self)):
            self._tellServerOfMessage(direction, event.name, event.size)

    def _withReason(self, failure: StreamFailed) -> StreamFailed:
        """What went wrong; where the server may have missed a certificate, also why there was none."""
        reason = self._questions.noCertificate
        if not reason or failure.alert not in _FOR_WANT_OF_A_CERTIFICATE:
            return failure
        return late.StreamFailed(
            failure.kind, f"{failure.message} No certificate was sent: {reason}", failure.alert, failure.engine_reasons
        )
