"""``PskQuestion``: the question for a pre-shared key, with a way to answer it after the handler."""

from __future__ import annotations

from PySide6.QtCore import QByteArray, QEventLoop, QObject, QTimer, Signal, Slot
from shiboken6 import isValid

from qtsecure.net.values import PreSharedKeyAuthenticator
from qtsecure.qml.qt_property import Property

__all__ = ["PskQuestion"]

_LIMIT_MS = 5 * 60_000
"""How long a deferred question waits at most, as a certificate's does."""
_GRACE_MS = 100
"""Before that the handshake's own deadline has ended it, and said why."""


class PskQuestion(QObject):
    """Which identity and key are for this peer? Answer in the handler, or ``defer()`` there.

    OpenSSL cannot go on without the answer, so a deferred question runs an event loop until it has one;
    this connection stands still meanwhile, everything else goes on. The peer waits too, and the handshake's own
    deadline does not: when it is over, so is the question.
    """

    #: pendingChanged(): it has been answered, or given up.
    pendingChanged = Signal()
    #: cancelled(): the connection is being closed, or the time is up.
    cancelled = Signal()

    def __init__(self, authenticator: PreSharedKeyAuthenticator, parent: QObject) -> None:
        if not isinstance(authenticator, PreSharedKeyAuthenticator):
            raise TypeError(f"authenticator must be a PreSharedKeyAuthenticator, not {type(authenticator).__name__}.")
        super().__init__(parent)
        self._authenticator = authenticator
        # Once the question is over the authenticator is wiped, and refuses to be read.
        self._hint = _text(authenticator.identityHint())
        self._identity = _text(authenticator.identity())
        self._deferred = False
        self._pending = True
        self._loop: QEventLoop | None = None

    def waitIfDeferred(self, handshakeTimeout: int) -> None:
        """After the handlers: wait for the answer if one is to come, then the question is over.

        Args:
            handshakeTimeout: Beyond so many ms no answer helps the handshake; 0 or -1 if it has no deadline.
        """
        if self._deferred and self._pending:
            self._loop = loop = QEventLoop()
            self.destroyed.connect(loop.quit)
            limit = handshakeTimeout + _GRACE_MS if 0 < handshakeTimeout < _LIMIT_MS else _LIMIT_MS
            QTimer.singleShot(limit, loop, loop.quit)
            loop.exec()
            if not isValid(self):
                return
            self._loop = None
        self.giveUp()

    def giveUp(self) -> None:
        """No answer will count any more."""
        if self._pending:
            self._end()
            if isValid(self):
                self.cancelled.emit()

    def isPending(self) -> bool:
        """Whether an answer would still count."""
        return self._pending

    def _end(self) -> None:
        self._pending = False
        if self._loop is not None:
            self._loop.quit()
        self.pendingChanged.emit()

    # ------------------------------------------------------------------------------- for QML

    @Slot()
    def defer(self) -> None:
        """Answer later; only in the handler."""
        self._deferred = True

    @Slot(str, QByteArray, result=str)
    def answer(self, identity: str, key: QByteArray) -> str:
        """Give the key, as an ArrayBuffer or as text; a server's question needs no identity.

        Returns:
            Why it cannot be used, as a sentence; then the question is still pending. Empty if all is well.
        """
        if not self._pending:
            return self.tr("The connection does not wait for a key any more.")
        try:
            if identity and not self._identity:
                self._authenticator.setIdentity(identity)
        except ValueError:
            return self.tr("The identity is too long, or has signs that cannot be sent.")
        try:
            self._authenticator.setPreSharedKey(key)
        except ValueError:
            return self.tr("The key is empty, or too long.")
        self._end()
        return ""

    @Slot(str, str, result=str)
    def answerHex(self, identity: str, key: str) -> str:
        """The same with hexadecimal digits, in any case, with or without spaces and colons."""
        digits = "".join(key.replace(":", " ").split())
        try:
            binary = bytes.fromhex(digits)
        except ValueError:
            return self.tr("The key is not hexadecimal: pairs of the digits 0 to 9 and a to f.")
        return self.answer(identity, QByteArray(binary))

    @Slot()
    def cancel(self) -> None:
        """Go on without a key, which ends the handshake unless a certificate is verified and is good."""
        if self._pending:
            self._end()

    pending = Property(bool, isPending, notify=pendingChanged)
    identityHint = Property(str, lambda self: self._hint, constant=True)
    identity = Property(str, lambda self: self._identity, constant=True)


def _text(data: QByteArray) -> str:
    """What a peer has sent, for display."""
    return bytes(data.data()).decode("utf-8", "replace")
