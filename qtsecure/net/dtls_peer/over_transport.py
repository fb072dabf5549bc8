"""A client over something that the program has connected: Godot's connect_to_peer."""

from __future__ import annotations

import enum

from PySide6.QtCore import QEnum, qWarning

from qtsecure.engine.dtls import DtlsAssociation
from qtsecure.errors import SecureError
from qtsecure.net.datagrams.carriers import Carrier, carrierProblem, connectedSocket, mtuOver
from qtsecure.net.datagrams.claims import isClaimed
from qtsecure.net.datagrams.transport_datagrams import TransportDatagrams
from qtsecure.net.dtls.path import DtlsPath
from qtsecure.net.dtls_peer.attempt import Attempt
from qtsecure.net.dtls_peer.base import Status
from qtsecure.net.dtls_peer.connecting import Connecting
from qtsecure.net.native_sockets.addresses import Ends
from qtsecure.net.questions.handshake_questions import ProgramDecisions
from qtsecure.net.shown_names import ShowsItsName
from qtsecure.net.values import ConfigurationSource, TlsOptions, configurationFrom

__all__ = ["OverTransport", "Result"]

_LIVE = (Status.Handshaking, Status.Connected)


class OverTransport(Connecting):
    """The methods of DtlsPeer about transports of the program."""

    class Result(ShowsItsName, enum.IntEnum):
        """How a call ended; the numbers are those of Godot's global Error."""

        Ok = 0
        """It worked."""
        Failed = 1
        """It did not; DtlsPeer.error() or DtlsServer.errorString() tells why."""
        Unconfigured = 3
        """There is no association, or none yet."""
        OutOfMemory = 6
        """A value is larger than encodeBufferMaxSize()."""
        AlreadyInUse = 22
        """There is an association already, or the transport belongs to another one."""
        InvalidData = 30
        """A packet holds no value that getVar() could read."""
        InvalidParameter = 31
        """An argument cannot be used: a transport that is not connected, a packet that is too large."""

    QEnum(Result)

    def connectToPeer(
        self, transport: Carrier | None, hostname: str = "", options: ConfigurationSource | None = None
    ) -> Result:
        """Make an association over a transport (Godot's PacketPeerDTLS.connect_to_peer).

        The ClientHello is on its way when this returns; ``encrypted`` tells when the association
        stands, or status() after poll(). The transport stays the program's, and open at the end;
        leave its reading and writing to the peer until then.

        Args:
            transport: A connected QUdpSocket, a connected UDP socket of Python's, or a DatagramTransport.
            hostname: What the server's certificate must prove; TlsOptions may have another name.
            options: TlsOptions of a client, or a configuration, for this association alone; None for
                what setSslConfiguration() was given, which is to verify with this computer's
                authorities by default.

        Returns:
            ``Ok``. ``InvalidParameter`` for options of a server, and for a transport that is None,
            not connected, closed or of another thread; ``AlreadyInUse`` when there is an association
            already, or the transport belongs to another one: nothing has changed, nothing was sent.
            ``Failed`` when the association has failed at once: error() tells why.

        Raises:
            TypeError: An argument is of another type.
            ValueError: ``hostname`` contains a NUL.
        """
        if not isinstance(hostname, str):
            raise TypeError(f"hostname must be a str, not {type(hostname).__name__}.")
        if "\0" in hostname:
            raise ValueError("hostname must not contain a NUL.")
        if options is not None:
            configurationFrom(options, name="options")  # raises for what is none
        problem = "is None" if transport is None else carrierProblem(transport)
        if problem or transport is None:
            qWarning(f"DtlsPeer: connectToPeer(): the transport {problem}.")
            return self.Result.InvalidParameter
        if isinstance(options, TlsOptions) and options.isServer():
            qWarning("DtlsPeer: connectToPeer(): the options are those of a server.")
            return self.Result.InvalidParameter
        if self._status in _LIVE or (self._path is not None and self._path.busy):
            return self.Result.AlreadyInUse
        if self._path is not None:
            self._path.abandon()  # it may still hold the transport, to repeat its last alert
        if isClaimed(transport):
            return self.Result.AlreadyInUse
        override = self._lend(options)
        attempt = Attempt(hostname)
        attempt.nameToProve = self._identityFor(hostname, override)
        changes = self._replaceAttempt(attempt)
        self._carrier = transport
        try:
            self._beginOver(transport, attempt, changes)
        except Exception as error:
            if self._isStill(attempt):
                self._finish(Status.Error, _asSecureError(error))
            if not isinstance(error, (OSError, SecureError, ValueError)):
                raise  # a fault of the transport's class
            return self.Result.Failed
        return self.Result.Failed if self._isStill(attempt) and self.error() is not None else self.Result.Ok

    def baseTransport(self) -> Carrier | None:
        """The transport below the association; None when there is no association.

        Also None for a peer with a UDP socket of its own, and for one that shares its server's.
        """
        return self._carrier

    # -------------------------------------------------------------------------- internals

    def _beginOver(self, carrier: Carrier, attempt: Attempt, changes: list[str]) -> None:
        """Raises what makes it impossible; whatever happens later is told by signals."""
        attempt.engineConfiguration = self._configuration.toEngine(
            "client", pskEnabled=self._wantsPreSharedKeys(), datagrams=True
        )
        mtu = mtuOver(carrier, self._mtu)
        self._limitHandshake()
        if not self._setStatus(Status.Handshaking) or not self._tellChanges(changes):
            return
        if self._status is not Status.Handshaking:
            return  # a slot has closed it
        path = DtlsPath(self)
        carries = connectedSocket(path, carrier)
        if isinstance(carries, TransportDatagrams):
            carries.discardKept()
        attempt.ends = Ends(carries.localEnd(), carries.peerEnd())
        attempt.port = carries.peerEnd()[1]
        try:
            self._chooseSession(attempt, attempt.engineConfiguration)
        except SecureError:
            carries.close()
            raise
        if not attempt.port:
            attempt.sharesSessions = False  # nobody knows whose they would be
        path.begin(carries, carries.peerEnd())
        self._use(path)
        path.association = DtlsAssociation(
            attempt.engineConfiguration,
            server=False,
            peer_name=attempt.nameToProve,
            decisions=ProgramDecisions(self),
            mtu=mtu,
            peer_place=attempt.place,
            session=attempt.session,
            chooses=self._choosesCertificate(attempt.engineConfiguration),
            traced=self._traced,
        )
        path.step(path.association.start)


def _asSecureError(error: Exception) -> SecureError:
    if isinstance(error, SecureError):
        return error
    text = error.strerror or str(error) if isinstance(error, OSError) else str(error)
    return SecureError(SecureError.Code.Failed, text)


Result = OverTransport.Result
