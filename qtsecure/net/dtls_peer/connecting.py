"""A client's way from a host name to an association: look-up, one address after the other."""

from __future__ import annotations

from PySide6.QtCore import QThread
from PySide6.QtNetwork import QHostAddress
from shiboken6 import isValid

from qtsecure.engine.dtls import DtlsAssociation
from qtsecure.errors import SecureError
from qtsecure.net.datagrams.choice import makeDatagramSocket
from qtsecure.net.dtls.path import DtlsPath
from qtsecure.net.dtls_peer.attempt import Attempt
from qtsecure.net.dtls_peer.base import Status, Wish
from qtsecure.net.dtls_peer.configuring import Configuring
from qtsecure.net.event_loop.scheduler import schedulerOfThisThread
from qtsecure.net.native_sockets.addresses import Ends, checkPort
from qtsecure.net.native_sockets.name_lookup import NameLookup
from qtsecure.net.native_sockets.socket_errors import refusedText, socketError
from qtsecure.net.questions.handshake_questions import ProgramDecisions
from qtsecure.net.values import ConfigurationSource

__all__ = ["Connecting"]

_SILENCE_MS = 3000
"""After which the next address is tried, if there is one."""
_Code = SecureError.Code
_Host = str | QHostAddress | QHostAddress.SpecialAddress
_EVERYBODY = tuple(
    QHostAddress(each).toString() for each in (QHostAddress.SpecialAddress.AnyIPv4, QHostAddress.SpecialAddress.AnyIPv6)
)


class Connecting(Configuring):
    """The connecting methods of DtlsPeer."""

    def connectToHost(
        self,
        host: _Host,
        port: int,
        peerVerifyName: str = "",
        configuration: ConfigurationSource | None = None,
    ) -> None:
        """Look up the host and make an association with it; ``encrypted`` tells when it stands.

        Args:
            host: A name or an address; also what the certificate must prove.
            port: 1 to 65535.
            peerVerifyName: Another name that the certificate must prove instead.
            configuration: What setSslConfiguration() takes; None for what it was given.

        Raises:
            TypeError, ValueError: For an unusable argument.
            SecureError: ``Pending`` when there is an association already; another code when the
                configuration, or the session of setSession(), cannot be used. Network faults arrive in errorOccurred.
        """
        goal = self._checkGoal("connectToHost", host, port, peerVerifyName)
        if configuration is not None:
            self.setSslConfiguration(configuration)
        self._begin(goal)

    def setPeer(self, host: _Host, port: int, peerVerifyName: str = "") -> None:
        """Say with whom to make an association, and make none yet (QDtls::setPeer).

        startHandshake() makes it, and so does the first call that needs one: receiveMessages(),
        sendMessages(), conditionWait(), createNotifier(), handshake(), waitForHandshake(). Everything else
        can be set before.

        Args:
            host: What connectToHost() takes.
            port: The same.
            peerVerifyName: The same.

        Raises:
            TypeError, ValueError: For an unusable argument.
            SecureError: ``Pending`` when there is an association already.
        """
        changes = self._replaceAttempt(self._checkGoal("setPeer", host, port, peerVerifyName))
        if self._setStatus(Status.Disconnected):
            self._tellChanges(changes)

    def startHandshake(self) -> None:
        """Begin with the association that setPeer() was told about (Gio.DtlsConnection.handshake_async).

        Harmless when the handshake is under way or complete, and on a server. ``encrypted`` tells that
        it is complete, errorOccurred that it failed.

        Raises:
            SecureError: ``Closed`` after close(), when the association is over, or without setPeer();
                the error of the association when it has failed; another code when the configuration
                cannot be used.
        """
        if self._status in (Status.Handshaking, Status.Connected):
            return
        if not self._isStartable():
            raise self._whyOver() or SecureError(
                _Code.Closed, "startHandshake(): there is nobody to make an association with; call setPeer() before."
            )
        earlier = self._attempt
        attempt = Attempt(earlier.hostName, earlier.port, verifyName=earlier.verifyName, named=True)
        attempt.readShut, attempt.writeShut = earlier.readShut, earlier.writeShut
        self._begin(attempt)

    def _isStartable(self) -> bool:
        """Whether there is a goal, and nothing was sent to it yet: what failed before may be tried again."""
        attempt, path = self._attempt, self._path
        return (
            attempt.named
            and not attempt.closedHere
            and self._status not in (Status.Handshaking, Status.Connected)
            and (path is None or path.association is None or not path.association.statistics.datagrams_sent)
        )

    def _whyOver(self) -> SecureError | None:
        """What stands against any use of the association; None when it has ended in good order, or not at all."""
        if self._attempt.closedHere:
            return SecureError(_Code.Closed, "The association was closed here; connect anew.")
        return self._error

    def _checkGoal(self, method: str, host: _Host, port: int, peerVerifyName: str) -> Attempt:
        if isinstance(host, (QHostAddress, QHostAddress.SpecialAddress)):
            host = QHostAddress(host).toString()
        if not isinstance(host, str):
            raise TypeError(f"host must be a str or a QHostAddress, not {type(host).__name__}.")
        if not host or "\0" in host:
            raise ValueError("host must be a host name or an address, and not empty.")
        if not isinstance(peerVerifyName, str):
            raise TypeError(f"peerVerifyName must be a str, not {type(peerVerifyName).__name__}.")
        checkPort(port, lowest=1)
        literal = QHostAddress()
        if literal.setAddress(host.strip("[]")) and not _isOnePeer(literal):
            raise ValueError(f"host must be the address of one peer, not {host!r}.")
        if self._status in (Status.Handshaking, Status.Connected) or (self._path is not None and self._path.busy):
            raise SecureError(
                _Code.Pending, f"{method}(): there is an association already; close() it, or use another DtlsPeer."
            )
        return Attempt(host, port, verifyName=peerVerifyName, named=True)

    def _identityFor(self, host: str, override: str) -> str:
        """What the server has to prove when the call names nothing else; ``override`` is of TlsOptions."""
        return override or host.strip("[]")

    def _replaceAttempt(self, attempt: Attempt) -> list[str]:
        """Forget the last association; returns the signals of what is not known any more."""
        changes = self._forgetFacts()
        self._attempt = attempt
        if self._carrier is not None:
            self._carrier = None
        if self._error is not None:
            self._error = None
        if self._wish:
            self._wish = Wish.NOTHING
        if self._observerReference is not None:
            self._observer = None  # a server's peer that serves as a client now
        if self._path is not None:
            self._path.forget()
            self._path = None
        return changes

    def _begin(self, attempt: Attempt) -> None:
        host = attempt.hostName
        attempt.nameToProve = self._identityFor(host, self._lend(None))
        if attempt.verifyName:
            attempt.nameToProve = attempt.verifyName
        attempt.engineConfiguration = engineConfiguration = self._configuration.toEngine(
            "client", pskEnabled=self._wantsPreSharedKeys(), datagrams=True
        )
        self._chooseSession(attempt, engineConfiguration)
        changes = self._replaceAttempt(attempt)
        self._limitHandshake()
        if not self._setStatus(Status.Handshaking) or not self._tellChanges(changes):
            return
        if self._status is not Status.Handshaking:
            return  # a slot has closed it
        literal = QHostAddress()
        if literal.setAddress(host.strip("[]")):
            self._found([literal], "")
        else:
            attempt.lookup = NameLookup(self._found)
            attempt.lookup.start(host)

    def moveToThread(self, thread: QThread) -> bool:
        """Move to another thread; only while there is no association.

        Raises:
            SecureError: There is one, or one is being made.
        """
        if self._status in (Status.Handshaking, Status.Connected) or (self._path is not None and self._path.busy):
            raise SecureError(
                _Code.Pending, "An association belongs to its thread's event loop; move the peer before, or close() it."
            )
        return bool(super().moveToThread(thread))

    def peerName(self) -> str:
        """The host name given to connectToHost() or setPeer()."""
        return self._attempt.hostName

    def peerVerifyName(self) -> str:
        """The name that the server has to prove."""
        return self._attempt.nameToProve

    def localAddress(self) -> QHostAddress:
        """The own address; null before there is one, kept after the end."""
        return self._attempt.ends.local()[0]

    def localPort(self) -> int:
        """The own port; 0 before there is one, kept after the end."""
        return self._attempt.ends.local()[1]

    def peerAddress(self) -> QHostAddress:
        """The address of the other side; kept after the end until the next association."""
        return self._attempt.ends.peer()[0]

    def peerPort(self) -> int:
        """The port of the other side; kept after the end until the next association."""
        return self._attempt.ends.peer()[1]

    # ------------------------------------------------------------------------- attempts

    def _found(self, addresses: list[QHostAddress], errorText: str) -> None:
        self._attempt.lookup = None
        if not isValid(self) or self._status is not Status.Handshaking:
            return
        if not addresses:
            reason = errorText.rstrip(".") or "it has no address"
            self._finish(
                Status.Error,
                SecureError(
                    _Code.HostNotFound,
                    f"The host {self._attempt.hostName!r} was not found ({reason}); check the name.",
                ),
            )
            return
        self._attempt.addresses = list(addresses)
        self._connectNext()

    def _connectNext(self) -> None:
        """Try the next address; each is tried once."""
        attempt = self._attempt
        address = attempt.addresses.pop(0)
        path = DtlsPath(self)
        socket = makeDatagramSocket(path)
        try:
            socket.connectTo(address, attempt.port)
        except OSError as error:
            socket.close()
            code = _Code.NetworkUnreachable
            self._addressFailed(SecureError(code, socketError(error.errno or 0)[1]))
            return
        attempt.ends = Ends(socket.ownEnd(), socket.peerEnd())
        assert attempt.engineConfiguration is not None
        path.begin(socket, socket.peerEnd())
        self._use(path)
        if attempt.addresses:
            attempt.addressDeadline = schedulerOfThisThread().callLater(_SILENCE_MS, self._addressSilent)
        try:
            path.association = DtlsAssociation(
                attempt.engineConfiguration,
                server=False,
                peer_name=attempt.nameToProve,
                decisions=ProgramDecisions(self),
                mtu=self._mtu,
                peer_place=attempt.place,
                session=attempt.session,
                chooses=self._choosesCertificate(attempt.engineConfiguration),
                traced=self._traced,
            )
            path.step(path.association.start)
        except SecureError as error:  # OpenSSL refuses something that the configuration let pass
            if self._isStill(attempt) and not path.ended:
                self._finish(Status.Error, error)

    def _networkRefused(self) -> None:
        """Nothing listens there; perhaps at the host's next address."""
        attempt = self._attempt
        self._addressFailed(SecureError(_Code.ConnectionRefused, refusedText(attempt.hostName, attempt.port)))

    def _addressSilent(self) -> None:
        attempt, path = self._attempt, self._path
        attempt.addressDeadline = None
        if path is not None and not path.busy:
            path.hear()
            if not self._isStill(attempt) or path is not self._path:
                return
        association = path.association if path is not None else None
        silent = association is not None and not association.statistics.datagrams_received
        if isValid(self) and self._status is Status.Handshaking and silent:
            self._addressFailed(SecureError(_Code.TimedOut, "The remote host did not answer in time."))

    def _addressFailed(self, error: SecureError) -> None:
        if not self._attempt.addresses:
            self._finish(Status.Error, error)
            return
        self._cancelAddressDeadline()
        if self._path is not None:
            self._path.abandon()
        self._connectNext()


def _isOnePeer(address: QHostAddress) -> bool:
    everybody = address.toString().partition("%")[0] in _EVERYBODY
    return not (everybody or address.isBroadcast() or address.isMulticast())
