"""Pausing on certificate errors, until the program has made up its mind (QAbstractSocket::setPauseMode).

A pause is a certificate decision that the program has deferred: the engine holds the flight that
would complete the handshake, the handshake's deadline stands still, and the decision has a limit of
its own. resume() answers.
"""

from __future__ import annotations

from PySide6.QtNetwork import QAbstractSocket
from shiboken6 import isValid

from qtsecure.net import late
from qtsecure.net.ssl_socket.waiting import Waiting

__all__ = ["Pausing"]

_PauseMode = QAbstractSocket.PauseMode


class Pausing(Waiting):
    """The pausing methods of SslSocket."""

    def pauseMode(self) -> QAbstractSocket.PauseMode:
        """When the socket pauses (QAbstractSocket::pauseMode)."""
        return _PauseMode.PauseOnSslErrors if self._pausesOnErrors else _PauseMode.PauseNever

    def setPauseMode(self, pauseMode: QAbstractSocket.PauseMode) -> None:
        """With PauseOnSslErrors, stop after sslErrors until resume(); set it before connecting.

        Nothing is read and nothing fails meanwhile, for at most five minutes. acceptCertificate is not
        emitted: resume() is the answer.

        Raises:
            TypeError: For anything but a QAbstractSocket.PauseMode.
        """
        if not isinstance(pauseMode, _PauseMode):
            raise TypeError(f"pauseMode must be a QAbstractSocket.PauseMode, not {type(pauseMode).__name__}.")
        self._pausesOnErrors = pauseMode == _PauseMode.PauseOnSslErrors

    def resume(self) -> None:
        """Go on after a pause, from the event loop: with the connection if the errors are ignored by now.

        Call ignoreSslErrors() before; otherwise the handshake fails (QAbstractSocket::resume). Without
        a pause this does nothing.
        """
        self._dataPath.scheduler.defer(self._resumed)

    def _resumed(self) -> None:
        if not isValid(self):
            return
        request = self._attempt.request
        if request is None or not self._attempt.paused:
            return
        if late.allIgnored(self):
            request.accept()
        else:
            request.reject()
