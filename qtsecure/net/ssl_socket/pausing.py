"""Pausing on certificate errors, until the program has made up its mind (QAbstractSocket::setPauseMode).

A pause is a certificate decision that the program has deferred: the engine holds the flight that
would complete the handshake, the handshake's deadline stands still, and the decision has a limit of
its own. resume() answers.
"""

from __future__ import annotations

from shiboken6 import isValid

from qtsecure.net import late
from qtsecure.net.ssl_socket.waiting import Waiting

__all__ = ["Pausing"]


class Pausing(Waiting):
    """The pausing methods of SslSocket."""

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
            request._accept()
        else:
            request._reject()
