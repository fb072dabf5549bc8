"""``TlsSocket`` and ``TlsConnection``: an SslSocket of QML's own, and one that a server or client has made."""

from __future__ import annotations

from PySide6.QtCore import QByteArray, QObject, Slot
from PySide6.QtNetwork import QAbstractSocket, QSslSocket
from shiboken6 import isValid

from qtsecure.errors import SecureError
from qtsecure.net.qt_objects.plain_slots import plainSlot
from qtsecure.net.qt_objects.qt_signal import Signal
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.qml.connection_facade import ConnectionFacade
from qtsecure.qml.enums import TlsEnums
from qtsecure.qml.qt_property import Property
from qtsecure.qml.tls_configuration import ConfigurationChoice

__all__ = ["TlsConnection", "TlsSocketExtension"]

_State = TlsEnums.State
_SocketState = QAbstractSocket.SocketState
_STATES = {
    _SocketState.UnconnectedState: _State.Unconnected,
    _SocketState.BoundState: _State.Unconnected,
    _SocketState.HostLookupState: _State.LookingUp,
    _SocketState.ConnectingState: _State.Connecting,
    _SocketState.ClosingState: _State.Closing,
}


class SocketFacade(ConnectionFacade):
    """What both have."""

    _end: SslSocket
    _encrypts = False
    """Encryption is on its way: between TCP and the first byte of TLS nothing is plain."""

    #: handshakeTimeoutChanged().
    handshakeTimeoutChanged = Signal()

    def _begin(self, end: SslSocket) -> None:  # type: ignore[override]  # of a pair of classes, only this one is right
        super()._begin(end)
        self._choice = ConfigurationChoice(end.sslConfiguration, end.setSslConfiguration)
        review = plainSlot(self.review)
        for signal in (end.stateChanged, end.modeChanged, end.encrypted, end.disconnected):
            signal.connect(review)
        end.errorOccurred.connect(plainSlot(self.tellError))

    def _currentState(self) -> TlsEnums.State:
        end = self._end
        state = _STATES.get(end.state())
        if state is not None:
            return state
        if end.isEncrypted():
            return _State.Encrypted
        if end.mode() is QSslSocket.SslMode.UnencryptedMode and not self._encrypts:
            return _State.Plain
        return _State.Deciding if self._isAsked() else _State.Handshaking

    def tellError(self, error: QAbstractSocket.SocketError) -> None:
        """errorOccurred: a peer that has said goodbye is no failure."""
        if not isValid(self):
            return
        isEnd = error is QAbstractSocket.SocketError.RemoteHostClosedError and self._end.peerClosedCleanly()
        if not isEnd:
            self._fail(self._end.errorString())

    # ------------------------------------------------------------------------------- for QML

    @Slot(str, int)
    def connectToHostEncrypted(self, hostName: str, port: int) -> None:
        """Connect and encrypt (QSslSocket::connectToHostEncrypted)."""
        if self._prepare():
            self._encrypts = True
            self._end.connectToHostEncrypted(hostName, port)
            self.review()

    @Slot(str, int)
    def connectToHost(self, hostName: str, port: int) -> None:
        """Connect only; see startClientEncryption()."""
        if self._prepare():
            self._encrypts = False
            self._end.connectToHost(hostName, port)
            self.review()

    @Slot()
    def startClientEncryption(self) -> None:
        """Encrypt a connection that stands (STARTTLS)."""
        self._end.startClientEncryption()

    @Slot()
    def disconnectFromHost(self) -> None:
        """Close when everything is written."""
        if self._mayClose():
            self._end.disconnectFromHost()

    @Slot(QByteArray, result=int)
    def write(self, data: QByteArray) -> int:
        """Queue text, as UTF-8, or an ArrayBuffer; how many bytes were taken."""
        return self._end.write(data)

    @Slot(result=QByteArray)
    def readAll(self) -> QByteArray:
        """What has come, as an ArrayBuffer."""
        return self._end.readAll()

    @Slot(result=str)
    def readText(self) -> str:
        """What has come, as text; a character whose bytes have not all come yet waits for them."""
        data = bytes(self._end.peek(self._end.bytesAvailable()).data())
        whole = len(data) - _unfinished(data)
        return bytes(self._end.read(whole).data()).decode("utf-8", "replace") if whole else ""

    @Slot(result=str)
    def readLine(self) -> str:
        """A line without its end, as text; empty also when ``canReadLine()`` is false."""
        if not self._end.canReadLine():
            return ""
        return bytes(self._end.readLine().data()).decode("utf-8", "replace").rstrip("\r\n")

    @Slot(result=bool)
    def canReadLine(self) -> bool:
        """Whether a whole line is there."""
        return self._end.canReadLine()

    def _prepare(self) -> bool:
        """Use the present configuration; what is wrong with it is the connection's failure."""
        self._setMessage("")
        if not isValid(self._end):
            return False
        try:
            self._choice.apply(self._configuration)
        except (SecureError, ValueError) as error:
            self._fail(str(error))
            return False
        return True

    def _setVerifyName(self, name: str) -> None:
        if name != self._end.peerVerifyName():
            self._end.setPeerVerifyName(name)
            self.peerVerifyNameChanged.emit()

    def _setHandshakeTimeout(self, ms: int) -> None:
        if ms != self._end.handshakeTimeout():
            self._end.setHandshakeTimeout(ms)
            self.handshakeTimeoutChanged.emit()

    peerVerifyName = Property(
        str, lambda self: self._end.peerVerifyName(), _setVerifyName, notify=ConnectionFacade.peerVerifyNameChanged
    )
    handshakeTimeout = Property(
        int, lambda self: self._end.handshakeTimeout(), _setHandshakeTimeout, notify=handshakeTimeoutChanged
    )
    negotiatedProtocol = Property(
        str, lambda self: self._end.negotiatedProtocol(), notify=ConnectionFacade.factsChanged
    )


class TlsSocketExtension(SocketFacade, QObject):
    """Added to an SslSocket that QML creates."""

    def __init__(self, end: SslSocket) -> None:
        super().__init__(end)
        self._begin(end)


class TlsConnection(SocketFacade, QObject):
    """An SslSocket that QML has not created; ``socket()`` for Python.

    Belongs to the socket and goes with it. Call ``discard()`` when you are done with it.

    Raises:
        TypeError: ``end`` is something else than an SslSocket.
    """

    #: readyRead(): there is something to read.
    readyRead = Signal()
    #: bytesWritten(bytes: int).
    bytesWritten = Signal("qlonglong", arguments=["bytes"])
    #: disconnected(): the connection is closed.
    disconnected = Signal()

    def __init__(self, end: SslSocket) -> None:
        if not isinstance(end, SslSocket):  # or half of this would stay behind as its child
            raise TypeError(f"end must be an SslSocket, not {type(end).__name__}.")
        super().__init__(end)
        self._begin(end)
        for name in ("readyRead", "bytesWritten", "disconnected"):
            getattr(end, name).connect(getattr(self, name))

    def socket(self) -> SslSocket:
        """The socket of Python."""
        return self._end


def _unfinished(data: bytes) -> int:
    """How many bytes at the end begin a character of UTF-8 whose other bytes are not there."""
    for back in range(1, min(3, len(data)) + 1):
        byte = data[-back]
        if byte >= 0xC0:
            needed = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return back if needed > back else 0
        if byte < 0x80:
            return 0
    return 0
