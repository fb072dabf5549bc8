"""One attempt at a DTLS connection: a TLS stream whose ciphertext is records instead of a byte stream.

Everything that TLS and DTLS have in common (verification, decisions, held flights, pre-shared
keys, alerts, facts) is inherited. Datagrams, timers and forged records are not seen here; that is
the business of the association, which makes a new session when it has to start again.
"""

from __future__ import annotations

from OpenSSL import SSL

from qtsecure.engine import _openssl_dtls
from qtsecure.engine._openssl_pipes import Outcome
from qtsecure.engine.alerts import AlertDescription, AlertLevel
from qtsecure.engine.configuration import TlsConfiguration
from qtsecure.engine.dtls.hello import DatagramHelloReader
from qtsecure.engine.dtls.wire import ALERT, MAX_PLAIN_RECORD, plain_record
from qtsecure.engine.enum_members import members_of
from qtsecure.engine.events import AlertSent, StreamFailed
from qtsecure.engine.failures import explain_handshake_failure
from qtsecure.engine.handshake_decisions import HandshakeDecisions
from qtsecure.engine.protocols import ProtocolVersion
from qtsecure.engine.sessions import Session
from qtsecure.engine.states import StreamState, Trigger
from qtsecure.engine.tls_stream import TlsStream

__all__ = ["DtlsSession"]

_S = members_of(StreamState)


class DtlsSession(TlsStream):
    """A TLS stream over records of DTLS 1.2.

    Args:
        configuration: What to bring along and to demand; its versions are DTLS versions.
        server: Take the server's role.
        peer_name: The name that a server must prove.
        decisions: Who answers the questions inside the handshake.
        mtu: The largest datagram of the handshake, in bytes of UDP payload.
        hello_verified: On a server: the hello bears a cookie, which has been checked already.
        peer_place: On a client: where the server is, for sessions.
        session: On a client: the session to offer.
        chooses: Wait for the program's choices, see TlsStream.
        traced: Tell of each message of the handshake.
    """

    __slots__ = ("_hello_verified", "_mtu", "_read_record")

    _hello_reader = DatagramHelloReader

    def __init__(
        self,
        configuration: TlsConfiguration,
        *,
        server: bool,
        peer_name: str,
        decisions: HandshakeDecisions | None,
        mtu: int,
        hello_verified: bool,
        peer_place: str,
        session: Session | None,
        chooses: bool,
        traced: bool,
    ) -> None:
        super().__init__(
            configuration,
            server=server,
            peer_name=peer_name,
            decisions=decisions,
            peer_place=peer_place,
            session=session,
            chooses=chooses,
            traced=traced,
        )
        self._mtu = mtu
        self._hello_verified = hello_verified

    # ------------------------------------------------------------------ what the association calls

    def start(self) -> None:
        """Begin; a client has its hello to send afterwards."""
        self._move(Trigger.START)
        if self._hello is None:
            self._make_pipe()
        if not self.server:
            self._handshake()

    def feed(self, records: bytes) -> None:
        """Take handshake records, as many as fit into one record's largest size, and go on."""
        self._refuse_reentrance()
        if self._pipe is None:
            self._hold(records)
            return
        _openssl_dtls.feed_records(self._pipe, records)
        if self._hello_verified:
            # DTLSv1_listen() makes OpenSSL expect the numbering of a second hello.
            try:
                self._pipe.connection.DTLSv1_listen()
            except SSL.Error as error:
                reasons = tuple(str(entry[-1]) for entry in error.args[0]) if error.args else ()
                self._fail(explain_handshake_failure(reasons, None, None))
                return
            finally:
                self._hello_verified = False
        if self.state is _S.HANDSHAKING:
            self._handshake()

    def open(self, record: bytes) -> bytes:
        """Decrypt one record of application data (the hot path); nothing when it has none to give."""
        if self.busy:
            self._enter()  # raises
        self.busy = True
        try:
            data = self._read_record(record)
        finally:
            self.busy = False
        if data:
            return data
        pipe = self._pipe
        assert pipe is not None
        if pipe.outcome is not Outcome.WANT_READ or self.raised is not None:
            self._after_read(pipe, b"", 0)
        return b""

    def open_any(self, record: bytes = b"") -> list[bytes]:
        """Feed any record of an established connection; every message that can be read then."""
        pipe = self._pipe
        if not self._readable or pipe is None:
            return []
        self._enter()
        try:
            messages = _openssl_dtls.read_after(pipe, record)
        finally:
            self.busy = False
        if pipe.outcome is not Outcome.WANT_READ or self.raised is not None:
            self._after_read(pipe, b"", 0)
        return messages

    def take_all(self) -> bytes:
        """Every record that is to be sent now."""
        words = self._last_words
        if words:
            self._last_words = b""
        if self._pipe is None or self.state is _S.DECIDING or self.busy:
            return words
        return words + _openssl_dtls.take_records(self._pipe)

    def retransmit(self, mtu: int) -> None:
        """Let OpenSSL repeat its flight with new sequence numbers, if its own timer has run out.

        Its timer starts at one second and cannot be changed or asked for the time: it uses the real clock.
        """
        if self._pipe is None:
            return
        self._pipe.connection.set_ciphertext_mtu(mtu)
        self._enter()
        try:
            self._pipe.connection.DTLSv1_handle_timeout()
        except SSL.Error:
            return  # after a dozen of its timeouts it gives up; the association has its own deadline
        finally:
            self.busy = False

    def alerted(self, level: int, description: int) -> None:
        """An unencrypted alert that is to be believed has arrived."""
        self.alert(False, level, description)
        failure = explain_handshake_failure(
            (),
            self._alert_sent,
            description,
            owes_certificate=self._owes_certificate(),
            psk_enabled=self.configuration.psk_enabled,
        )
        self._fail(failure)

    def abandon(self, failure: StreamFailed) -> None:
        """Fail for a reason that OpenSSL does not see."""
        self._fail(failure)

    def refuse(self, failure: StreamFailed, alert: AlertDescription) -> None:
        """The same, and tell the peer with an unencrypted alert."""
        self._drop_outgoing()
        self._last_words = self._plain_alert(alert)
        self._alert_sent = int(alert)
        self.events.append(AlertSent(int(AlertLevel.FATAL), int(alert)))
        self._fail(failure)

    def largest_message(self, mtu: int) -> int:
        """How many bytes of application data fit into a datagram of this size."""
        assert self._pipe is not None
        connection = self._pipe.connection
        connection.set_ciphertext_mtu(mtu)
        return min(connection.get_cleartext_mtu(), MAX_PLAIN_RECORD)

    @property
    def psk_in_use(self) -> bool:
        """Whether a key was taken for this handshake, which may still be incomplete."""
        return self._psk.given

    def srtp_profile(self) -> bytes:
        """The negotiated SRTP protection profile (RFC 5764), or empty."""
        return self._pipe.connection.get_selected_srtp_profile() if self._pipe is not None else b""

    # ------------------------------------------------------------------ what differs from TLS

    def select_protocol(self, offered: tuple[bytes, ...]) -> bytes | None:
        """Without a common protocol there is none, as in Gio; in TLS the handshake fails (RFC 7301 section 3.2)."""
        return super().select_protocol(offered) or b""

    def protocol_version(self) -> ProtocolVersion:
        """The negotiated version; unknown until the hello was answered."""
        if self._pipe is None or not self._pipe.connection.get_cipher_name():
            return ProtocolVersion.UNKNOWN
        return super().protocol_version()

    def _make_pipe(self) -> None:
        super()._make_pipe()
        assert self._pipe is not None
        self._read_record = _openssl_dtls.record_reader(self._pipe)
        # Without a size of its own OpenSSL asks the memory BIO, and then uses 256 bytes.
        self._pipe.connection.set_options(SSL.OP_NO_QUERY_MTU)
        self._pipe.connection.set_ciphertext_mtu(self._mtu)

    def _begin_with(self, portions: list[bytes]) -> None:
        for portion in portions:
            if self.state is _S.HANDSHAKING:
                self.feed(portion)

    def _plain_alert(self, alert: AlertDescription) -> bytes:
        return plain_record(ALERT, 0, bytes((AlertLevel.FATAL, alert)))

    def handshake_message(self) -> None:
        """After the handshake; the association counts such messages itself."""
        self.answered_peer = True

    def message_traced(self, sent: bool, kind: int, size: int) -> None:
        """DTLSv1_listen() only looks at the hello, which is read again behind it."""
        if not self._hello_verified:
            super().message_traced(sent, kind, size)

    def _discard_flight(self, alert: AlertDescription) -> None:
        super()._discard_flight(alert)
        if not self._last_words and self._complete and not self.server:
            # No transport ends with the association, so the server would go on for ever.
            assert self._pipe is not None
            self._enter()
            try:
                self._pipe.connection.shutdown()
            finally:
                self.busy = False
            # Beside the pipe: whoever leaves a decision drops what that holds.
            self._last_words = _openssl_dtls.take_records(self._pipe)
