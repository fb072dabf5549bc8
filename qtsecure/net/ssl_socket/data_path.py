"""The hot path of a connection: ciphertext in and plaintext out, plaintext in and ciphertext out.

Everything that happens for every message is here, and in plain Python: setting an attribute of a
QObject or calling one of its methods costs five to ten times as much as with other objects. The
socket keeps the data path, which knows its socket weakly, and the transport knows the data path
weakly, so that dropping the socket ends all three.

The way of a message: transport -> ``transportLanded`` -> engine -> ``_deliver`` -> ``readyRead``;
and back: ``SslSocket.write`` -> ``flushQueued`` (once the slot has returned) -> engine -> transport.

Writing only queues: nothing of the application may reach OpenSSL before the handshake is
complete, and small writes of one slot share a record. Queued bytes are encrypted a slice at a time
and only while the transport has little left to send, so that memory stays bounded.
"""

from __future__ import annotations

from threading import get_ident
from typing import TYPE_CHECKING, Protocol, cast
from weakref import ref

from PySide6.QtCore import QIODevice, SignalInstance
from PySide6.QtNetwork import QAbstractSocket, QSslSocket
from shiboken6 import isValid

from qtsecure.engine._openssl_pipes import buffers_of_this_thread
from qtsecure.net import values
from qtsecure.net.event_loop.scheduler import schedulerOfThisThread
from qtsecure.net.ssl_socket.after_engine import AfterEngine
from qtsecure.net.ssl_socket.byte_queue import ByteQueue
from qtsecure.net.ssl_socket.unread_answers import UnreadAnswers
from qtsecure.net.transports.stream import HIGH_WATER, StreamTransport
from qtsecure.net.values import default_configuration

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtsecure.engine.tls_stream import TlsStream
    from qtsecure.net.ssl_socket.base import SocketObserver
    from qtsecure.net.values import SslConfiguration

__all__ = ["DataPath", "SocketHolder", "nobody"]

_SLICE = 64 * 1024
"""How much is encrypted at once; the ciphertext of one slice is all that OpenSSL ever holds."""
_SMALL = _SLICE // 2
"""The ciphertext of so much is always handed over in one piece."""
_FLUSH_AT_MOST = 1 << 20
"""How much is encrypted before everybody else gets a turn; one to two milliseconds' work."""
_MOST_ANSWERS = 64 * 1024
"""How much of the engine's own answers (to key updates, for example) may wait for a peer that does not read."""
_NO_LIMIT = 1 << 30
_NOBODY: frozenset[str] = frozenset()
_UNCONNECTED = QAbstractSocket.SocketState.UnconnectedState
_CONNECTED = QAbstractSocket.SocketState.ConnectedState
_CLOSING = QAbstractSocket.SocketState.ClosingState
_UNENCRYPTED = QSslSocket.SslMode.UnencryptedMode
_NO_ERROR = QAbstractSocket.SocketError.UnknownSocketError
_NOT_OPEN = QIODevice.OpenModeFlag.NotOpen
_NOTHING = AfterEngine.NOTHING
_PROGRESS = frozenset({"bytesWritten", "channelBytesWritten", "encryptedBytesWritten"})


class _Socket(Protocol):
    """What the data path asks of its socket, and the signals that it emits for it."""

    channelReadyRead: SignalInstance
    channelBytesWritten: SignalInstance
    bytesWritten: SignalInstance
    encryptedBytesWritten: SignalInstance

    def _checkThread(self, method: str) -> None: ...
    def bytesAvailable(self) -> int: ...
    def _handshakeLanded(self, stream: TlsStream, count: int) -> None: ...
    def _plainLanded(self, data: bytes) -> None: ...
    def _handleEvents(self) -> bool: ...
    def _queueDrained(self) -> None: ...
    def _ticketsLanded(self) -> None: ...
    def _transportConnected(self) -> None: ...
    def _transportEnded(self) -> None: ...
    def _transportFailed(self, error: QAbstractSocket.SocketError, text: str) -> None: ...


class SocketHolder(Protocol):
    """Who keeps a socket for the program."""

    def _socketGone(self) -> None:
        """One of the sockets has been deleted, or is being deleted."""


def nobody() -> None:
    """The observer of a socket that belongs to no server (any more)."""


class DataPath:
    """The buffers of one socket, between its engine and its transport.

    Attributes:
        incoming: Plaintext that the program has not read.
        outgoing: Plaintext that is not yet encrypted.
        stream: The engine, or None while the connection is not encrypted.
        transport: The transport, or None while there is no connection.
        encrypted: The handshake is complete and the connection stands.
        sendsPlain: The connection stands and has no TLS: write() goes out as it is.
        state: Of the socket; SocketBase._setState() changes it and says so.
        mode: Of the socket; SocketBase._setMode() changes it and says so.
        readable: The socket is open for reading; otherwise what arrives is dropped, unannounced.
        writable: The socket is open for writing.
        awaitsTls: TLS is still to begin, on an accepted connection as well as on one that is being made
            for TLS: nothing goes out plain.
        held: What is queued waits although the handshake is complete: it is for another end than this TLS's.
        open: write() may queue: the socket is open for writing and not unconnected.
        outputEnds: shutdownWrite() was called; the socket is told when the queue is empty.
        closing: The connection ends as soon as the queue is empty.
        readLimit: See setReadBufferSize().
        writeLimit: See setWriteBufferLimit().
        scheduler: Of the thread of the connection.
        thread: Python's identifier of it; write() and the reading methods look at it.
        readingPaused: The read limit is reached (or a decision is pending); the peer has to wait.
        unreadAnswers: What the engine has answered by itself on this connection, once it has.
        lastTraffic: When bytes came or went last, by the scheduler's clock; only in a handshake and with a time-out,
            see ``idling``.
        newData: There is data that readyRead has not yet announced.
        announcing: A slot of readyRead is running.
        heard: The names of the signals that somebody has connected; the others are not emitted.
        tellsProgress: A signal about written bytes is among them.
        tellsChannels: channelReadyRead is among them.
        qtHolds: QIODevice may hold bytes in a buffer of its own, for a C++ reader.
        configuration: The socket's own, made by ownConfiguration() when it is first looked at.
        optionsOfServer: It was given as the TlsOptions of a server, with which a client would believe anybody.
        startsWith: What it is copied from; None for the settings of a new SslConfiguration.
        error: The last error of the socket.
        openFor: The open mode as the program sees it.
        untoldPlain: How much was encrypted in slots that hear of the progress before, and is told behind them.
        untoldSent: How much went out there.
        used: There has been a connection, or an attempt.
        afterEngine: What a slot has asked for while OpenSSL was on the stack.
        observer: Gives the server of an accepted socket, which is kept weakly: a child must never hold the
            last reference to its parent. It would be dropped in the child's own destructor, whereupon the
            parent deletes the child once more.
        holder: Gives whoever keeps the socket for the program and has to know when it is deleted; likewise.
        noticesDeletion: See ``deletion_notice``.
    """

    __slots__ = (
        "__weakref__",
        "_flushing",
        "_handed",
        "_readyRead",
        "_socket",
        "_telling",
        "afterEngine",
        "announcing",
        "awaitsTls",
        "closing",
        "configuration",
        "encrypted",
        "error",
        "flushScheduled",
        "heard",
        "held",
        "holder",
        "incoming",
        "lastTraffic",
        "mode",
        "newData",
        "noticesDeletion",
        "observer",
        "open",
        "openFor",
        "optionsOfServer",
        "outgoing",
        "outputEnds",
        "qtHolds",
        "readLimit",
        "readable",
        "readingPaused",
        "scheduler",
        "sendsPlain",
        "startsWith",
        "state",
        "stream",
        "tellsChannels",
        "tellsProgress",
        "thread",
        "transport",
        "unreadAnswers",
        "untoldPlain",
        "untoldSent",
        "used",
        "writable",
        "writeLimit",
    )

    def __init__(self, socket: QIODevice) -> None:
        self._socket = ref(cast(_Socket, socket))
        self._readyRead = socket.readyRead  # looking it up takes a fifth of emitting it, and it keeps nothing alive
        self.enterThread()
        self.incoming = ByteQueue()
        self.outgoing = ByteQueue()
        self.stream: TlsStream | None = None
        self.transport: StreamTransport | None = None
        self.state = _UNCONNECTED
        self.mode = _UNENCRYPTED
        self.readable = self.writable = False
        self.awaitsTls = False
        self.encrypted = False
        self.sendsPlain = False
        self.open = False
        self.closing = False
        self.outputEnds = False
        self.readLimit = 0
        self.writeLimit = 0
        self.readingPaused = False
        self.newData = False
        self.lastTraffic = 0.0
        self.heard: frozenset[str] = _NOBODY
        self.tellsProgress = False
        self.tellsChannels = False
        self.qtHolds = False
        self.flushScheduled = False
        self._flushing = False
        self._telling = False
        self.untoldPlain = self.untoldSent = 0
        self.held = False
        self.announcing = False
        self._handed = 0
        self.unreadAnswers: UnreadAnswers | None = None
        self.configuration: SslConfiguration | None = None
        self.optionsOfServer = False
        self.startsWith = default_configuration.chosen
        self.error = _NO_ERROR
        self.openFor = _NOT_OPEN
        self.used = False
        self.afterEngine = _NOTHING
        self.observer: Callable[[], SocketObserver | None] = nobody
        self.holder: Callable[[], SocketHolder | None] = nobody
        self.noticesDeletion = False

    def ownConfiguration(self) -> SslConfiguration:
        """The socket's own configuration."""
        if self.configuration is None:
            self.configuration = values.startingConfiguration(self.startsWith)
        return self.configuration

    def review(self) -> None:
        """What state and modes mean for the hot path; called when one of them has changed."""
        state = self.state
        self.open = self.writable and state is not _UNCONNECTED
        self.sendsPlain = (
            self.mode is _UNENCRYPTED and not self.awaitsTls and (state is _CONNECTED or state is _CLOSING)
        )

    def signalConnected(self, name: str) -> None:
        """Somebody has connected a signal of the socket."""
        self.heard |= {name}
        self.tellsProgress = not self.heard.isdisjoint(_PROGRESS)
        self.tellsChannels = "channelReadyRead" in self.heard

    def enterThread(self) -> None:
        """From now on the data path works in the calling thread: a socket may move before it connects."""
        self.thread = get_ident()
        self.scheduler = schedulerOfThisThread()
        self.flushScheduled = False  # a thread that ends, or a fork, drops its tasks

    def socketDestroyed(self) -> None:
        """C++ has deleted the socket; called in whichever thread has collected the garbage."""
        socket = self._socket()
        if socket is not None and isValid(socket):
            self.noticesDeletion = False  # it lives: somebody has overwritten its property
            return
        if self.scheduler.takesOver(self.socketDestroyed):
            return
        transport, self.transport = self.transport, None
        if transport is not None:
            transport.abort()
        holder = self.holder()
        if holder is not None:
            holder._socketGone()

    # --------------------------------------------------------------------------- receiving

    def transportLanded(self, count: int) -> None:
        """Ciphertext (or plain data) arrived in the landing buffer of this thread."""
        stream = self.stream
        if self.encrypted and stream is not None:
            room = self.room() if self.readLimit else _NO_LIMIT
            data = stream.receive_and_read(count, room)
            if self.readLimit or self.announcing or self.tellsChannels or not (self.readable and stream.quiet):
                self._deliver(stream, data, room)
                return
            # The rest is _deliver() and announce() for the usual case: the hot path.
            socket = self._socket()
            if data and socket is not None:
                self.incoming.append(data)
                self.announcing = True
                try:
                    self._readyRead.emit()
                finally:
                    self.announcing = False
                if self.newData:
                    self.announce()
            return
        socket = self._socket()
        if socket is None or not isValid(socket):
            return
        if stream is not None:
            socket._handshakeLanded(stream, count)
        else:
            socket._plainLanded(bytes(buffers_of_this_thread().landing_view[:count]))

    def decrypt(self) -> None:
        """Decrypt what the engine holds, as far as the read limit goes, and announce it."""
        stream = self.stream
        if stream is None or stream.busy:
            return
        room = self.room()
        self._deliver(stream, stream.read(room) if room > 0 else b"", room)

    def _deliver(self, stream: TlsStream, data: bytes, room: int) -> None:
        """Take over what was decrypted, fetch the rest as far as ``room`` goes, and announce it."""
        while data:
            self.incoming.append(data)
            self.newData = True
            room -= len(data)
            if room <= 0 or not stream.has_more:
                break
            data = stream.read(room)
        if room <= 0:
            self.pauseReading()
        if stream.answered_peer:
            stream.answered_peer = False
            self._sendAnswers(stream)
            socket = self._socket()
            if socket is not None and isValid(socket):
                socket._ticketsLanded()
        if self.newData and not self.announce():
            return
        if stream.events and stream is self.stream:
            socket = self._socket()
            if socket is not None:
                socket._handleEvents()

    def _sendAnswers(self, stream: TlsStream) -> None:
        """Send what OpenSSL answered by itself; a peer that asks on and on has to read the answers."""
        transport = self.transport
        if transport is None:
            return
        before = self._handed
        self.sendOutgoing()
        if self.unreadAnswers is None:
            self.unreadAnswers = UnreadAnswers()
        if self.unreadAnswers.count(before, self._handed, self._handed - transport.unsent) > _MOST_ANSWERS:
            stream.cut_off("the peer asks for one answer after the other and reads none")

    def announce(self) -> bool:
        """Emit readyRead for what is new, never inside itself; False when the socket is gone."""
        socket = self._socket()
        if socket is None or not isValid(socket):
            return False
        if self.announcing:  # readyRead follows when the running slot has returned
            return not (self.tellsChannels and self.newData and self.readable) or self._tellChannel(socket)
        self.announcing = True
        try:
            while self.newData:
                self.newData = False
                if not self.incoming.size:
                    break  # a nested event loop brought it, and the slot has read it
                if not self.readable:
                    self.incoming.clear()
                    break
                self._readyRead.emit()
                if not isValid(socket) or (self.tellsChannels and not self._tellChannel(socket)):
                    return False
        finally:
            self.announcing = False
        return True

    def _tellChannel(self, socket: _Socket) -> bool:
        """Emit channelReadyRead, inside itself and readyRead, too; False when the socket is gone."""
        socket.channelReadyRead.emit(0)
        return isValid(socket)

    def room(self) -> int:
        """How many more bytes may be decrypted now."""
        if not self.readLimit:
            return _NO_LIMIT
        socket = self._socket()
        return max(0, self.readLimit - socket.bytesAvailable()) if socket is not None else 0

    def fitPieces(self) -> None:
        """Without TLS nothing can wait undecrypted in the engine: let no more come at once than there is room for."""
        if self.transport is not None:
            self.transport.setPiece(max(1, self.room()) if self.stream is None else _NO_LIMIT)

    def pauseReading(self) -> None:
        """Let the peer feel that nobody reads."""
        if not self.readingPaused and self.transport is not None:
            self.readingPaused = True
            self.transport.setReading(False)

    def roomMade(self) -> None:
        """Something was read, or the limit was lifted: go on reading, outside of the caller's read."""
        if self.readingPaused and self.room() > 0:
            self.readingPaused = False
            self.scheduler.defer(self.continueReading)

    def continueReading(self) -> None:
        """Decrypt what the engine still holds, then let the transport read on."""
        socket = self._socket()
        if socket is None or not isValid(socket):
            return
        if self.stream is not None and self.stream.busy:
            return  # a slot is asked inside the handshake, after which reading goes on by itself
        if self.encrypted:
            self.decrypt()
            if self.stream is not None and self.stream.has_more:
                return  # a slot has read and made room again, which goes on from there: first what is here already
        if self.transport is not None and not self.readingPaused:
            if self.readLimit:
                self.fitPieces()
            self.transport.setReading(True)

    def readRemaining(self) -> bool:
        """Decrypt everything that is left, whatever the limit; False when the socket is gone."""
        stream = self.stream
        if stream is None or stream.busy:
            return self.announce()
        if stream.has_input or stream.has_more:
            while data := stream.read(_NO_LIMIT):
                self.incoming.append(data)
                self.newData = True
        return self.announce()

    # ----------------------------------------------------------------------------- sending

    def flushQueued(self) -> None:
        """Encrypt the queue as far as the network keeps up, then say how far."""
        self.flushScheduled = False
        transport = self.transport
        stream = self.stream
        if transport is None or self._flushing:
            return
        if self.held:
            if not self.closing:
                return
            self.outgoing.clear()  # it is for an end that will not be reached
        if stream is None:
            if not self.sendsPlain:
                return  # TLS is still to come
        elif not self.encrypted or not stream.established:
            return  # not yet, or not any more
        outgoing = self.outgoing
        plain = outgoing.size
        self._flushing = True
        try:
            if 0 < plain <= _SMALL and stream is not None and not transport.unsent:  # the hot path
                ciphertext = stream.write_and_take(outgoing.takeAll())
                self._handed += len(ciphertext)
                sent = transport.send(ciphertext)
            else:
                plain, sent = self._flushSlices(stream, transport)
        finally:
            self._flushing = False
        if outgoing.size and not self.flushScheduled and transport is self.transport and transport.unsent < HIGH_WATER:
            self.flushScheduled = True  # the device has run an event loop, in which this was written
            self.scheduler.defer(self.flushQueued)
        if self.tellsProgress:
            self.tellProgress(plain, sent)
        if self.closing or self.outputEnds or (stream is not None and stream.events):
            socket = self._socket()
            if socket is not None and isValid(socket):
                socket._queueDrained()

    def sendPlainQueue(self) -> None:
        """TLS is about to begin: what was written before goes out ahead of it, unencrypted as it was meant."""
        transport = self.transport
        if transport is None or not self.sendsPlain or not self.outgoing.size:
            return
        data = self.outgoing.takeAll()
        sent = transport.send(memoryview(data))
        if self.tellsProgress:
            self.tellProgress(len(data), sent)

    def _flushSlices(self, stream: TlsStream | None, transport: StreamTransport) -> tuple[int, int]:
        """Hand on a slice at a time; how much was taken from the queue, and how much went out."""
        outgoing = self.outgoing
        plain = sent = 0
        while outgoing.size and transport.unsent < HIGH_WATER:
            if plain >= _FLUSH_AT_MOST:
                # A peer that reads as fast as we write must not keep the loop from the others.
                self.flushScheduled = True
                self.scheduler.defer(self.flushQueued)
                break
            data = outgoing.takeAll() if outgoing.size <= _SLICE else outgoing.take(_SLICE)
            plain += len(data)
            if stream is None:
                sent += transport.send(memoryview(data))
                continue
            ciphertext = stream.write_and_take(data)
            self._handed += len(ciphertext)
            sent += transport.send(ciphertext)
            if len(ciphertext) >= _SLICE:
                sent += self.sendOutgoing()
            if not stream.established:
                break  # the engine failed; its event tells why
        return plain, sent

    def tellProgress(self, plain: int, sent: int) -> None:
        """Emit bytesWritten, channelBytesWritten and encryptedBytesWritten if somebody listens."""
        socket = self._socket()
        if socket is None or not isValid(socket):
            return
        if self._telling and not self.closing:
            if not self.untoldPlain and not self.untoldSent:
                self.scheduler.defer(self._tellRest)  # a slot that writes and flushes would be called inside of itself
            self.untoldPlain += plain
            self.untoldSent += sent
            return
        plain += self.untoldPlain
        sent += self.untoldSent
        self.untoldPlain = self.untoldSent = 0
        outside, self._telling = self._telling, True
        try:
            if plain and "bytesWritten" in self.heard:
                socket.bytesWritten.emit(plain)
            if plain and "channelBytesWritten" in self.heard and isValid(socket):
                socket.channelBytesWritten.emit(0, plain)
            if sent and "encryptedBytesWritten" in self.heard and isValid(socket):
                socket.encryptedBytesWritten.emit(sent)
        finally:
            self._telling = outside

    def _tellRest(self) -> None:
        """From an event loop, if need be in the slot's own."""
        outside, self._telling = self._telling, False
        self.tellProgress(0, 0)
        self._telling = outside

    def sendOutgoing(self) -> int:
        """Hand the engine's ciphertext to the transport; how many bytes went out at once."""
        stream, transport = self.stream, self.transport
        if stream is None or transport is None:
            return 0
        sent = 0
        while size := len(data := stream.take_outgoing()):
            self._handed += size
            sent += transport.send(data)
            if size < _SLICE:
                break  # the engine gives at least as much at once if it has it
        return sent

    def sendNow(self) -> None:
        """Do not wait for the event loop with what the network takes at once."""
        transport, left = self.transport, _FLUSH_AT_MOST
        while transport is not None and transport is self.transport and transport.unsent and left > 0:
            sent = transport.sendNow()
            if not sent:
                break
            left -= sent
            self.transportSent(sent)  # which hands on more

    # ------------------------------------------------------------------- from the transport

    def transportSent(self, count: int) -> None:
        """The network has taken bytes that had to wait."""
        if not self.encrypted:
            self.lastTraffic = self.scheduler.clock()
        if self.tellsProgress:
            self.tellProgress(0, count)
        transport = self.transport
        if transport is None:
            return
        if self.outgoing.size:
            if transport.unsent < HIGH_WATER // 2:
                self.flushQueued()
        elif (self.closing or self.outputEnds) and not transport.unsent:
            socket = self._socket()
            if socket is not None and isValid(socket):
                socket._queueDrained()

    def _transportConnected(self) -> None:
        """The connection stands."""
        if self.readLimit:
            self.fitPieces()
        socket = self._socket()
        if socket is not None and isValid(socket):
            socket._transportConnected()

    def _transportEnded(self) -> None:
        """The peer sends no more."""
        socket = self._socket()
        if socket is not None and isValid(socket):
            socket._transportEnded()

    def _transportFailed(self, error: QAbstractSocket.SocketError, text: str) -> None:
        """The connection could not be made, or broke."""
        socket = self._socket()
        if socket is not None and isValid(socket):
            socket._transportFailed(error, text)
