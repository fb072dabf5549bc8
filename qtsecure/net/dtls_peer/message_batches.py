"""Messages in batches, with time-outs (Gio.DatagramBased): receiveMessages() and sendMessages()."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QByteArray

from qtsecure.errors import SecureError
from qtsecure.net.arguments import checkInt, checkLeast, checkWait
from qtsecure.net.cancellable import Cancellable, refuseCancelled
from qtsecure.net.datagram_based import MESSAGE_TRUNCATED, DtlsMessage, OutgoingMessage
from qtsecure.net.dtls.path import DtlsPath
from qtsecure.net.dtls_connection_interface import DtlsConnectionInterface
from qtsecure.net.dtls_peer.attempt import Attempt
from qtsecure.net.dtls_peer.base import Status
from qtsecure.net.dtls_peer.waiting import Limit, Waiting, noAssociation

__all__ = ["MessageBatches"]

_Code = SecureError.Code


class MessageBatches(Waiting, DtlsConnectionInterface):
    """The batches of DtlsPeer."""

    def receiveMessages(
        self,
        maxCount: int = -1,
        flags: int = 0,
        timeout: int = 0,
        cancellable: Cancellable | None = None,
        maxSize: int = -1,
    ) -> list[DtlsMessage]:
        """Take messages that have come, or wait for some (g_datagram_based_receive_messages).

        After setPeer() the first call begins the handshake, which counts for the time. While it waits it
        runs an event loop. What a slot of datagramReceived gets does not come here.

        Args:
            maxCount: How many at most; with a time-out they are waited for. -1 for whatever there is,
                and to wait for the first only.
            flags: Must be 0.
            timeout: How long to wait in ms, for all messages together; 0 not at all, -1 for ever.
            cancellable: Ends the wait; messages that have come are not lost.
            maxSize: Cut longer messages to so many bytes, the rest of which is lost; -1 for never.

        Returns:
            The messages; fewer than asked for when the time was up, the other side has ended its
            direction or the association has failed. None at all means that the other side has ended its
            direction (see atEnd()), or that ``maxCount`` was 0.

        Raises:
            SecureError: Only without any message: ``WouldBlock`` (``timeout`` was 0), ``TimedOut``,
                ``Cancelled``, ``Closed`` when receiving was ended or another association begun here,
                ``InvalidArgument`` for flags, ``Pending`` for waiting in a slot that the handshake waits for,
                or why the association failed. When there were messages before, the next call raises it.
            TypeError, ValueError: For an unusable argument.
        """
        checkLeast(maxCount, -1, name="maxCount")
        checkLeast(maxSize, -1, name="maxSize")
        limit = Limit(checkWait(timeout, name="timeout"))
        _refuseFlags(flags)
        refuseCancelled(cancellable)
        if maxCount == 0:
            return []
        self._beginUse()
        attempt = self._attempt
        received: list[DtlsMessage] = []
        while True:
            self._take(received, maxCount, maxSize)
            if len(received) >= abs(maxCount) or self._readingIsOver():
                break
            try:
                if timeout:
                    self._refuseWaiting("receiveMessages")
                if not self._waitUntil(
                    lambda: self._attempt is not attempt or self._hasMessages() or self._readingIsOver(),
                    limit,
                    cancellable,
                ):
                    break
                self._refuseAnother(attempt)
            except SecureError:
                if not received:
                    raise
                break
        if not received:
            self._refuseNothing(timeout)
        return received

    def sendMessages(
        self,
        messages: Iterable[OutgoingMessage],
        flags: int = 0,
        timeout: int = 0,
        cancellable: Cancellable | None = None,
    ) -> int:
        """Send each message as one datagram (g_datagram_based_send_messages).

        After setPeer() the first call begins the handshake. Waiting is for the handshake only, and runs an
        event loop; afterwards the network takes a datagram at once, or it is lost and counted in statistics().

        Args:
            messages: Each as bytes, or as a list of parts, which arrive as one message. All are looked at
                before the first is sent.
            flags: Must be 0.
            timeout: How long to wait in ms; 0 not at all, -1 for ever.
            cancellable: Ends the wait.

        Returns:
            How many were sent. Empty ones are not sent, and not counted: DTLS cannot tell them from none.

        Raises:
            SecureError: ``MessageTooLarge``, then none was sent; ``WouldBlock`` before the handshake is
                complete and ``TimedOut`` when it was not in time, ``Cancelled``, ``Closed`` when sending was ended
                or another association begun here, ``InvalidArgument`` for flags, ``Pending`` for waiting
                in a slot that the handshake waits for, or why the association failed.
            TypeError, ValueError: For an unusable argument.
        """
        limit = Limit(checkWait(timeout, name="timeout"))
        gathered = [_gathered(message, index) for index, message in enumerate(_listed(messages))]
        _refuseFlags(flags)
        refuseCancelled(cancellable)
        if not gathered:
            return 0
        self._beginUse()
        if timeout and self._status is Status.Handshaking:
            self._refuseWaiting("sendMessages")
        attempt = self._attempt
        self._waitUntil(
            lambda: self._attempt is not attempt or self._canWrite() or self._writingIsOver(), limit, cancellable
        )
        self._refuseAnother(attempt)
        path = self._path
        if path is None or not path.writable:
            raise self._whyNotSent(timeout)
        _refuseTooLarge(gathered, path)
        return _sendAll(gathered, path)

    def _refuseAnother(self, attempt: Attempt) -> None:
        """SecureError when the peer has begun anew during a wait: the call was about the association before."""
        if self._attempt is not attempt:
            raise SecureError(_Code.Closed, "Another association was begun while the program waited for this one.")

    # -------------------------------------------------------------------------- receiving

    def _hasMessages(self) -> bool:
        return self._path is not None and bool(self._path.messages) and not self._attempt.closedHere

    def _readingIsOver(self) -> bool:
        attempt = self._attempt
        return (
            attempt.readEnded
            or attempt.readShut
            or attempt.closedHere
            or self._status not in (Status.Handshaking, Status.Connected)
        )

    def _take(self, received: list[DtlsMessage], maxCount: int, maxSize: int) -> None:
        """Move what waits to be read, up to the wanted number."""
        path = self._path
        if path is None or not self._hasMessages():
            return
        waiting, arrivals = path.messages, path.arrivals
        while len(arrivals) > len(waiting):
            arrivals.popleft()  # of messages that were read in another way
        address = self._attempt.ends.peer()
        while waiting and (maxCount < 0 or len(received) < maxCount):
            data = waiting.popleft()
            cut = 0 <= maxSize < len(data)
            received.append(
                DtlsMessage(
                    data[:maxSize] if cut else data, cut, MESSAGE_TRUNCATED if cut else 0, address, arrivals.popleft()
                )
            )

    def _refuseNothing(self, timeout: int) -> None:
        """Raise why there is no message; an end by the other side is no error."""
        attempt = self._attempt
        if attempt.readShut or attempt.closedHere:
            raise SecureError(_Code.Closed, "Receiving was ended here; connect anew.")
        if self._error is not None:
            raise self._error
        if attempt.readEnded:
            return
        if self._readingIsOver():
            raise noAssociation()
        raise _notInTime(timeout, "No message has come")

    # ---------------------------------------------------------------------------- sending

    def _canWrite(self) -> bool:
        return self._path is not None and self._path.writable

    def _writingIsOver(self) -> bool:
        attempt = self._attempt
        return attempt.writeShut or self._status not in (Status.Handshaking, Status.Connected)

    def _whyNotSent(self, timeout: int) -> SecureError:
        if self._attempt.writeShut:
            return SecureError(_Code.Closed, "Sending was ended here; connect anew.")
        if self._writingIsOver():
            return self._whyOver() or noAssociation()
        return _notInTime(timeout, "The handshake is not complete")


def _refuseFlags(flags: int) -> None:
    if checkInt(flags, name="flags") != 0:
        raise SecureError(_Code.InvalidArgument, f"flags must be 0: DTLS knows no flags of the system, so not {flags}.")


def _notInTime(timeout: int, what: str) -> SecureError:
    if timeout:
        return SecureError(_Code.TimedOut, f"{what} within {timeout} ms.")
    return SecureError(_Code.WouldBlock, f"{what} yet; wait, or call again later.")


def _listed(messages: Iterable[OutgoingMessage]) -> list[OutgoingMessage]:
    text = (bytes, bytearray, memoryview, QByteArray, str)
    if isinstance(messages, text) or not isinstance(messages, Iterable):
        raise TypeError(f"messages must be a list of messages, not {type(messages).__name__}; put it into a list.")
    return list(messages)


def _gathered(message: OutgoingMessage, index: int) -> bytes:
    """One message out of its parts."""
    if type(message) is bytes:
        return message
    if isinstance(message, (bytes, bytearray, memoryview, QByteArray)):
        message = (message,)
    if not isinstance(message, (list, tuple)):
        raise TypeError(f"messages[{index}] must be bytes or a list of bytes, not {type(message).__name__}.")
    parts = []
    for part in message:
        if isinstance(part, QByteArray):
            parts.append(bytes(part.data()))
        elif isinstance(part, (bytes, bytearray, memoryview)):
            parts.append(bytes(part))
        else:
            raise TypeError(f"A part of messages[{index}] must be bytes, not {type(part).__name__}.")
    return b"".join(parts)


def _refuseTooLarge(messages: list[bytes], path: DtlsPath) -> None:
    assert path.association is not None
    largest = path.association.largest_message
    for index, message in enumerate(messages):
        if len(message) > largest:
            raise SecureError(
                _Code.MessageTooLarge,
                f"messages[{index}] has {len(message)} bytes; the largest that fits into one datagram has {largest}. "
                "None was sent.",
            )


def _sendAll(messages: list[bytes], path: DtlsPath) -> int:
    sent = 0
    for message in messages:
        if not message:
            continue
        try:
            path.write(message)
        except SecureError:
            # The network takes smaller datagrams only, as it has just told; the next call finds that out.
            if not sent:
                raise
            break
        sent += 1
        if not path.writable:
            break
    return sent
