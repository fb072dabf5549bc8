"""The program's standing answers about certificates: which errors to ignore, and whether to pause on them.

What is asked, and when, is in ``handshake_questions``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtNetwork import QAbstractSocket, QSslError

from qtsecure.net import values
from qtsecure.net.questions.asked import Questions

if TYPE_CHECKING:
    from qtsecure.net.values import SslError

__all__ = ["CertificateAnswers"]

_PauseMode = QAbstractSocket.PauseMode


class CertificateAnswers:
    """The methods for that of SslSocket and DtlsPeer."""

    # On the class: setting an attribute of a QObject is slow, and most connections keep these.
    _ignoreList: Sequence[SslError | QSslError] = ()
    _pausesOnErrors = False

    @property
    def _questions(self) -> Questions:
        """Those of the present connection."""
        raise NotImplementedError

    def ignoreSslErrors(self, errors: Sequence[SslError | QSslError] | None = None) -> None:
        """Go on in spite of certificate errors.

        Args:
            errors: Exactly the errors to ignore, each with its certificate; connecting fails if
                there is any other. The list stays for later connections and replaces an earlier
                one. Without it all errors of this connection are ignored, which gives up any
                protection; call it in a slot of sslErrors, because connecting resets it.

        Raises:
            TypeError: ``errors`` holds something else than SslError or QSslError objects.
        """
        if errors is None:
            self._questions.ignoresAll = True
            return
        if not isinstance(errors, Iterable):
            raise TypeError(f"errors must be a list of SslError or QSslError objects, not {type(errors).__name__}.")
        errors = list(errors)
        for error in errors:
            if not isinstance(error, (values.SslError, QSslError)):
                raise TypeError(f"errors must hold SslError or QSslError objects, not {type(error).__name__}.")
        self._ignoreList = errors

    def continueInterruptedHandshake(self) -> None:
        """In a slot of handshakeInterruptedOnError: go on; asked anew for each error."""
        self._questions.goesOn = True

    def sslHandshakeErrors(self) -> list[SslError]:
        """What was wrong with the peer's certificate in this connection."""
        return list(self._questions.sslErrors)

    def pauseMode(self) -> QAbstractSocket.PauseMode:
        """When the handshake pauses (QAbstractSocket::pauseMode)."""
        return _PauseMode.PauseOnSslErrors if self._pausesOnErrors else _PauseMode.PauseNever

    def setPauseMode(self, pauseMode: QAbstractSocket.PauseMode) -> None:
        """With PauseOnSslErrors, stop after sslErrors until the program goes on; set it before connecting.

        ``resume()`` goes on, and on a DtlsPeer ``resumeHandshake()`` or ``abortHandshake()``, as with QDtls.
        Nothing is read and nothing fails meanwhile, for at most five minutes. acceptCertificate is not
        emitted: going on is the answer.

        Raises:
            TypeError: For anything but a QAbstractSocket.PauseMode.
        """
        if not isinstance(pauseMode, _PauseMode):
            raise TypeError(f"pauseMode must be a QAbstractSocket.PauseMode, not {type(pauseMode).__name__}.")
        self._pausesOnErrors = pauseMode == _PauseMode.PauseOnSslErrors
