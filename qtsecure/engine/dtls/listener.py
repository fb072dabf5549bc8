"""The door of a DTLS server: no state, no memory and no OpenSSL before a client has shown its address.

A hello without a valid cookie is answered with a HelloVerifyRequest (RFC 6347 section 4.2.1), which
is shorter than the hello. All that has to be known about a hello is in its first fragment, so clients
whose hello needs several datagrams (those that offer post-quantum key exchange) get in as well.

A cookie cannot replace an established association that began after it was made: a copy of an earlier hello
may still be under way, or somebody may have recorded it (section 4.2.8). So a cookie bears a mark of the
association that there was. Where it would replace none, the mark is of no importance: the association may have
ended meanwhile, and many clients take no second cookie.

A front end does this with each datagram::

    current = associations.get(address)
    if current is not None and not is_hello_start_untrusted(datagram):
        current.receive(datagram, now)
    else:
        answer = listener.receive(datagram, address, now, current)
        if isinstance(answer, bytes):
            send(answer, address)
        elif answer is not None:  # it replaces current, if there is one: the client has begun anew
            associations[address] = listener.accept(answer, now, decisions)
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from qtsecure.engine.configuration import TlsConfiguration
from qtsecure.engine.contexts import context_for
from qtsecure.engine.dtls.association import DEFAULT_MTU, DtlsAssociation, require_datagrams
from qtsecure.engine.dtls.cookies import Cookies
from qtsecure.engine.dtls.statistics import DropReason, ListenerStatistics
from qtsecure.engine.dtls.wire import (
    ClientHelloStart,
    MalformedDatagram,
    hello_verify_request,
    parse_hello_start_untrusted,
)
from qtsecure.engine.handshake_decisions import HandshakeDecisions

__all__ = ["AdmittedHello", "DtlsListener"]

_MARK = 4
"""Bytes of a cookie that are the mark; a guess is no use, as the rest depends on it."""


class AdmittedHello(NamedTuple):
    """A hello that may become an association."""

    start: ClientHelloStart
    datagram: bytes


class DtlsListener:
    """Answers the hellos of unknown clients.

    Args:
        configuration: What associations bring along and demand; its versions are DTLS versions.
        cookies: Demand a cookie from every client. Otherwise only from one that wants to replace a
            living association; then anybody can make the server send flights to a stranger.
        mtu: The largest datagram of the associations, in bytes of UDP payload.
        rotation: Seconds after which an own cookie secret is replaced; the one before stays good.

    Raises:
        ValueError: When the versions of ``configuration`` are of TLS.
        SecureError: When OpenSSL refuses a part of it.

    Attributes:
        cookies_required: See ``cookies``; may be changed at any time.
        statistics: Counters.
    """

    __slots__ = ("_configuration", "_cookies", "cookies_required", "mtu", "statistics")

    def __init__(
        self,
        configuration: TlsConfiguration,
        *,
        cookies: bool = True,
        mtu: int = DEFAULT_MTU,
        rotation: float = 60.0,
    ) -> None:
        self.configuration = configuration
        self.cookies_required = cookies
        self.mtu = mtu
        self.statistics = ListenerStatistics()
        self._cookies = Cookies(rotation)

    @property
    def configuration(self) -> TlsConfiguration:
        """What the next associations bring along and demand; others keep what they began with.

        Raises:
            ValueError: When the versions are of TLS.
            SecureError: When OpenSSL refuses a part of it; a hello would be too late to find out.
        """
        return self._configuration

    @configuration.setter
    def configuration(self, configuration: TlsConfiguration) -> None:
        require_datagrams(configuration)
        context_for(configuration, server=True)
        self._configuration = configuration

    def set_secret(self, secret: bytes) -> None:
        """Make cookies with this secret from now on, for instance one that several processes share.

        Cookies of the secret before it stay good.

        Raises:
            ValueError: When it is shorter than 16 bytes.
        """
        self._cookies.set_secret(secret)

    def receive(
        self,
        datagram: bytes,
        address: tuple[object, ...],
        now: float,
        current: DtlsAssociation | None = None,
    ) -> bytes | AdmittedHello | None:
        """Look at a datagram of an unknown client, or at a hello of a known one.

        Args:
            datagram: What came.
            address: Where from: host and port, and whatever else distinguishes clients.
            now: The time in seconds.
            current: The association of this address, if there is one.

        Returns:
            The bytes to send back; or a hello to accept(); or None when there is nothing to do. A
            repetition of the hello that ``current`` began with has been given to it, and is only accepted when
            that turned out to be damaged.
        """
        try:
            hello = parse_hello_start_untrusted(datagram)
        except MalformedDatagram:
            self.statistics.drop(DropReason.MALFORMED)
            return None
        self.statistics.hellos += 1
        if current is not None and current.identity == hello.identity:
            current.receive(datagram, now)
            if not current.began_with_damage:
                return None
        if not self.cookies_required and current is None and not hello.cookie:
            return self._admit(hello, datagram)
        # Who would replace an established association has to receive at its address now. A cookie from before
        # there was that association comes with a hello that is late on its way, or was recorded.
        mark = _mark(current)
        shown = hello.cookie[:_MARK]
        good = self._cookies.check(hello.cookie[_MARK:], _client(address, shown), hello.identity, now)
        if not good or (current is not None and current.established and shown != mark):
            if hello.cookie:
                self.statistics.drop(DropReason.BAD_COOKIE)
            self.statistics.challenges += 1
            cookie = mark + self._cookies.make(_client(address, mark), hello.identity, now)
            return hello_verify_request(cookie, hello.record_sequence)
        if hello.message_number != 1:
            # OpenSSL takes no other number for a hello with a cookie.
            self.statistics.drop(DropReason.UNEXPECTED)
            return None
        return self._admit(hello, datagram)

    def accept(
        self,
        hello: AdmittedHello,
        now: float,
        decisions: HandshakeDecisions | None = None,
        *,
        mtu: int = 0,
        chooses: bool = False,
        traced: bool = False,
    ) -> DtlsAssociation:
        """Make the association of a hello; it has its answer to send, unless more of the hello is to come.

        Args:
            hello: What receive() has admitted.
            now: The time in seconds.
            decisions: Who answers the questions inside the handshake.
            mtu: The largest datagram of this association, in bytes of UDP payload; 0 for that of the others.
            chooses: The configuration is chosen when the name in the hello is known; see DtlsAssociation.
            traced: Tell of each message of the handshake.

        Raises:
            SecureError: When OpenSSL refuses a part of the configuration.
        """
        association = DtlsAssociation(
            self.configuration,
            server=True,
            decisions=decisions,
            mtu=mtu or self.mtu,
            hello=hello.start,
            chooses=chooses,
            traced=traced,
        )
        association.start(now)
        association.receive(hello.datagram, now)
        return association

    def _admit(self, hello: ClientHelloStart, datagram: bytes) -> AdmittedHello | None:
        if not self.cookies_required and not hello.cookie and hello.message_number:
            self.statistics.drop(DropReason.UNEXPECTED)
            return None
        self.statistics.accepted += 1
        return AdmittedHello(hello, datagram)


def _client(address: tuple[object, ...], mark: bytes) -> bytes:
    return repr((address, mark)).encode()


def _mark(current: DtlsAssociation | None) -> bytes:
    """Distinguishes an association from those before and after it at the same address, and from none."""
    return hashlib.blake2b(current.identity if current is not None else b"", digest_size=_MARK).digest()
