"""``DtlsPeer`` and ``DtlsConnection`` in QML: a peer of QML's own, and one that a server has made."""

from __future__ import annotations

from PySide6.QtCore import QByteArray, QObject, Signal, Slot
from shiboken6 import isValid

from qtsecure.errors import SecureError
from qtsecure.net.dtls_peer import DtlsPeer
from qtsecure.net.qt_objects.plain_slots import plainSlot
from qtsecure.qml.connection_facade import ConnectionFacade
from qtsecure.qml.enums import TlsEnums
from qtsecure.qml.qt_property import Property
from qtsecure.qml.tls_configuration import ConfigurationChoice

__all__ = ["DtlsConnection", "DtlsPeerExtension"]

_State = TlsEnums.State


class PeerFacade(ConnectionFacade):
    """What both have."""

    _end: DtlsPeer

    #: datagramReceived(data: ArrayBuffer): one whole datagram.
    datagramReceived = Signal(QByteArray, arguments=["data"])

    def _begin(self, end: DtlsPeer) -> None:  # type: ignore[override]  # of a pair of classes, only this one is right
        super()._begin(end)
        self._choice = ConfigurationChoice(end.sslConfiguration, end.setSslConfiguration, datagrams=True)
        self._verifyName = end.peerVerifyName()
        review = plainSlot(self.review)
        for signal in (end.statusChanged, end.encrypted, end.closed, end.disconnected):
            signal.connect(review)
        end.errorOccurred.connect(plainSlot(self.tellError))
        end.datagramReceived.connect(plainSlot(self.tellDatagram))

    def _currentState(self) -> TlsEnums.State:
        end = self._end
        if end.isEncrypted():
            return _State.Encrypted
        if end.status() is not DtlsPeer.Status.Handshaking:
            return _State.Unconnected
        return _State.Deciding if self._isAsked() else _State.Handshaking

    def tellError(self, error: SecureError) -> None:
        """errorOccurred."""
        if isValid(self):
            self._fail(self._end.errorString())

    def tellDatagram(self, data: bytes) -> None:
        """datagramReceived."""
        if isValid(self):
            self.datagramReceived.emit(QByteArray(data))

    # ------------------------------------------------------------------------------- for QML

    @Slot(str, int)
    def connectToHost(self, hostName: str, port: int) -> None:
        """Connect and encrypt."""
        self._setMessage("")
        if not isValid(self._end):
            return
        try:
            self._choice.apply(self._configuration)
        except (SecureError, ValueError) as error:
            self._fail(str(error))
            return
        try:
            self._end.connectToHost(hostName, port, self._verifyName)
        except SecureError as error:
            if error.code is SecureError.Code.Pending:
                raise  # what there is already has not failed
            self._fail(str(error))
            return
        self.review()

    @Slot()
    def close(self) -> None:
        """Say goodbye and close."""
        if self._mayClose():
            self._end.close()

    @Slot(QByteArray, result=int)
    def writeDatagram(self, data: QByteArray) -> int:
        """Send text, as UTF-8, or an ArrayBuffer as one datagram; its size, or -1."""
        return self._end.writeDatagram(data)

    def _setVerifyName(self, name: str) -> None:
        if name != self._verifyName:
            self._verifyName = name
            self.peerVerifyNameChanged.emit()

    peerVerifyName = Property(
        str, lambda self: self._verifyName, _setVerifyName, notify=ConnectionFacade.peerVerifyNameChanged
    )
    maxDatagramSize = Property(int, lambda self: self._end.maxDatagramSize(), notify=ConnectionFacade.factsChanged)


class DtlsPeerExtension(PeerFacade, QObject):
    """Added to a DtlsPeer that QML creates."""

    def __init__(self, end: DtlsPeer) -> None:
        super().__init__(end)
        self._begin(end)


class DtlsConnection(PeerFacade, QObject):
    """A DtlsPeer that QML has not created; ``peer()`` for Python.

    Belongs to the peer and goes with it. Call ``discard()`` when you are done with it.

    Raises:
        TypeError: ``end`` is something else than a DtlsPeer.
    """

    #: disconnected(): the connection is closed.
    disconnected = Signal()

    def __init__(self, end: DtlsPeer) -> None:
        if not isinstance(end, DtlsPeer):  # or half of this would stay behind as its child
            raise TypeError(f"end must be a DtlsPeer, not {type(end).__name__}.")
        super().__init__(end)
        self._begin(end)
        end.disconnected.connect(self.disconnected)

    def peer(self) -> DtlsPeer:
        """The peer of Python."""
        return self._end
