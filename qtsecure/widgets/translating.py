"""The widgets' texts in other languages."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QCoreApplication, QLocale, QTranslator

from qtsecure.errors import SecureError

__all__ = ["installTranslations"]

DIRECTORY = Path(__file__).parent / "translations"


def installTranslations(locale: QLocale | str | None = None) -> bool:
    """Show the widgets in another language from now on; those that exist follow.

    Args:
        locale: Which language, for example ``"de"``; that of the system if None.

    Returns:
        Whether there are texts in that language. English needs none, and gives False.

    Raises:
        SecureError: There is no application yet.
    """
    application = QCoreApplication.instance()
    if application is None:
        raise SecureError(SecureError.Code.InvalidArgument, "Translations need an application: create it first.")
    wanted = QLocale(locale) if locale is not None else QLocale.system()
    translator = QTranslator(application)
    if not translator.load(wanted, "qtsecure", "_", str(DIRECTORY), ".qm"):
        translator.deleteLater()
        return False
    return bool(QCoreApplication.installTranslator(translator))
