"""Certificate errors in the language of the user."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from qtsecure.net.questions.certificate_advice import adviceFor
from qtsecure.net.values import SslError
from qtsecure.net.values.distinguished_names import printable

__all__ = ["adviceWords", "errorWords"]


_NAMES = "; it is for "


def errorWords(error: SslError) -> str:
    """Return what is wrong, without full stop."""
    # The engine puts the certificate's names behind its sentence, which is translated without them.
    sentence, _, names = error.errorString().partition(_NAMES)
    text = QCoreApplication.translate("SslError", sentence)
    if names:
        clause = QCoreApplication.translate("SslError", "it is for %1")
        text = f"{text}; {clause.replace('%1', names)}"
    return printable(text)


def adviceWords(error: SslError) -> str:
    """Return what to do about it."""
    return QCoreApplication.translate("Advice", adviceFor(error))
