"""Certificate errors in the language of the user."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from qtsecure.net.certificate_advice import adviceFor
from qtsecure.net.values import SslError
from qtsecure.net.values.distinguished_names import printable

__all__ = ["adviceWords", "errorWords"]


def errorWords(error: SslError) -> str:
    """Return what is wrong, without full stop; in English where it names what only this certificate has."""
    return printable(QCoreApplication.translate("SslError", error.errorString()))


def adviceWords(error: SslError) -> str:
    """Return what to do about it."""
    return QCoreApplication.translate("Advice", adviceFor(error))
