"""What a program may choose while a handshake waits: a server's whole configuration, a client's certificate.

A server's stream that chooses makes no OpenSSL object before the client's hello is there. So the
configuration for the name in it counts whole: certificate, verification, authorities, versions,
cipher suites, application protocols, pre-shared keys and tickets. OpenSSL's own way, to change the
context inside the handshake, changes the certificate and leaves the rest: a host that demands
client certificates would get none. As each configuration has a context of its own, with ticket keys
of its own, no session of one host is resumed at another whose policy differs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from qtsecure.engine import _openssl_identity
from qtsecure.engine.alerts import AlertDescription, AlertLevel
from qtsecure.engine.certificates import Credentials
from qtsecure.engine.client_hello import HelloReader, MalformedHello
from qtsecure.engine.configuration import TlsConfiguration
from qtsecure.engine.contexts import context_for
from qtsecure.engine.events import (
    AlertSent,
    CertificateRequested,
    ConfigurationNeeded,
    Event,
    FailureKind,
    HandshakeMessage,
    StreamFailed,
)
from qtsecure.engine.handshake_messages import message_name
from qtsecure.engine.states import StreamState, Trigger
from qtsecure.engine.stream_facts import StreamFacts
from qtsecure.errors import SecureError

__all__ = ["Choosing"]

_MALFORMED = "Error during SSL handshake: the client's first message is damaged, or far too long."
_UNKNOWN_NAME = "Error during SSL handshake: the client asks for a host that is not served here."
_NO_NAME = "Error during SSL handshake: the client does not say which host it wants."


class Choosing(StreamFacts):
    """A part of TlsStream."""

    __slots__ = (
        "_alert_sent",
        "_certificate_asked",
        "_certificate_chosen",
        "_certificate_requested",
        "_chooses",
        "_hello",
        "_last_words",
        "_traced",
        "configuration",
        "quiet",
    )

    configuration: TlsConfiguration
    events: list[Event]
    quiet: bool
    state: StreamState
    _alert_sent: int | None
    _certificate_asked: bool
    _certificate_chosen: bool
    _certificate_requested: bool
    _chooses: bool
    _fail: Callable[[StreamFailed], None]
    _handshake: Callable[[], None]
    _hello: HelloReader | None
    _last_words: bytes
    _make_pipe: Callable[[], None]
    _move: Callable[[Trigger], None]
    _plain_alert: Callable[[AlertDescription], bytes]
    _refuse_reentrance: Callable[[], None]
    _traced: bool

    # --------------------------------------------------------------------- what front ends call

    def provide_configuration(self, configuration: TlsConfiguration) -> None:
        """Answer ConfigurationNeeded: the handshake goes on with this configuration. Ignored when nothing waits.

        Raises:
            SecureError: OpenSSL refuses a part of it; the handshake goes on waiting.
        """
        self._refuse_reentrance()
        if self.state is not StreamState.CHOOSING or not self.server:
            return
        context_for(configuration, server=True, traced=self._traced)
        assert self._hello is not None
        self.configuration = configuration
        self._move(Trigger.CHOSEN)
        self._make_pipe()
        self._begin_with(self._hello.take())

    def refuse_name(self, unable: str = "") -> None:
        """Answer ConfigurationNeeded with no: the client is told that its host is not served here.

        The alert is unrecognized_name (RFC 6066, section 3), or missing_extension when it has asked
        for none (RFC 8446, section 9.2).

        Args:
            unable: The host is served, but its settings cannot be used, and this sentence says why;
                the alert is internal_error then.
        """
        self._refuse_reentrance()
        if self.state is not StreamState.CHOOSING or not self.server:
            return
        if unable:
            self._refuse_hello(AlertDescription.INTERNAL_ERROR, unable)
            return
        named = self.requested_name is not None
        alert = AlertDescription.UNRECOGNIZED_NAME if named else AlertDescription.MISSING_EXTENSION
        self._refuse_hello(alert, _UNKNOWN_NAME if named else _NO_NAME)

    def provide_certificate(self, credentials: Credentials | None) -> None:
        """Answer CertificateRequested: with a certificate, or with None for none. Ignored when nothing waits.

        Raises:
            SecureError: OpenSSL refuses the certificate; the handshake goes on waiting.
        """
        self._refuse_reentrance()
        if self.state is not StreamState.CHOOSING or self.server:
            return
        assert self._pipe is not None
        if credentials is not None:
            # The whole context, because there is no other way to hand over the intermediates, too. It
            # differs from the present one in the certificate only.
            own = dataclasses.replace(self.configuration, credentials=credentials)
            self._pipe.connection.set_context(context_for(own, server=False, traced=self._traced))
        self._certificate_chosen = True
        self._move(Trigger.CHOSEN)
        self._handshake()

    # ------------------------------------------------------------------- facts for front ends

    @property
    def requested_name(self) -> bytes | None:
        """On a server that chooses: the name in the client's hello, as it was sent; None for none."""
        return self._hello.server_name if self._hello is not None else None

    @property
    def certificate_was_requested(self) -> bool:
        """On a client: whether the server has asked for a certificate."""
        return self._certificate_requested

    def accepted_authorities(self) -> tuple[bytes, ...]:
        """On a client: the names of the authorities (DER) whose certificates the server asked for; none for any."""
        if self._pipe is None or not self._certificate_requested:
            return ()
        return _openssl_identity.accepted_authorities(self._pipe.connection)

    # ------------------------------------------------- what OpenSSL asks (see _openssl.Hooks)

    def server_name_fits(self, name: bytes | None) -> bool:
        """Whether OpenSSL and our own reading of the hello agree; nobody else may have the last word.

        A session of TLS 1.2 that is resumed with another name than it began with fails here, too, as
        RFC 6066 demands: OpenSSL tells the name of the session then.
        """
        return self._hello is None or name == self._hello.server_name

    def certificate_requested(self) -> bool:
        """The server asks for a certificate; False until there is one to send, or certainly none."""
        self._certificate_requested = True
        return not self._chooses or self._certificate_chosen or self.configuration.credentials is not None

    def message_traced(self, sent: bool, kind: int, size: int) -> None:
        """Note a message of the handshake; it becomes an event after the engine call."""
        self.quiet = False
        self.events.append(HandshakeMessage(sent, message_name(kind), size))

    # ------------------------------------------------------------------------------ inside

    def _require_choices(self) -> None:
        """Refuse to choose where OpenSSL could not contradict."""
        if self._chooses and self.server and not _openssl_identity.server_names_supported:
            raise SecureError(
                SecureError.Code.NotSupported,
                "This build of the 'cryptography' package cannot serve several hosts; install a newer one.",
            )

    def _owes_certificate(self) -> bool:
        """On a client: whether the server has asked for a certificate and got none."""
        return (
            self._certificate_requested and self._pipe is not None and self._pipe.connection.get_certificate() is None
        )

    def _hold(self, data: bytes | memoryview) -> None:
        """Keep what the client sends until it is clear which configuration is for it."""
        assert self._hello is not None
        try:
            complete = self._hello.add_untrusted(data)
        except MalformedHello as malformed:
            self._refuse_hello(malformed.alert, _MALFORMED)
            return
        if complete:
            self._ask_for_configuration()

    def _ask_for_configuration(self) -> None:
        self.events.append(ConfigurationNeeded(self.requested_name))
        self._move(Trigger.CHOOSE)

    def _ask_for_certificate(self) -> None:
        self._certificate_asked = True
        self.events.append(CertificateRequested(self.accepted_authorities()))
        self._move(Trigger.CHOOSE)

    def _begin_with(self, portions: list[bytes]) -> None:
        """Give OpenSSL what was held."""
        raise NotImplementedError

    def _refuse_hello(self, alert: AlertDescription, why: str) -> None:
        self._last_words = self._plain_alert(alert)
        self._alert_sent = int(alert)
        self.events.append(AlertSent(int(AlertLevel.FATAL), int(alert)))
        self._fail(StreamFailed(FailureKind.HANDSHAKE, why, int(alert)))
