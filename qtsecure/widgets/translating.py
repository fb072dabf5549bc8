"""The widgets' texts in other languages."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QCoreApplication, QLocale, QTranslator

from qtsecure.errors import SecureError

__all__ = ["installTranslations"]

DIRECTORY = Path(__file__).parent / "translations"
_NAME = "qtsecure.translations"
"""What our translator is called among the children of the application."""


def installTranslations(locale: QLocale | str | None = None) -> bool:
    """Show the widgets and the parts of QML in another language from now on, in place of the one chosen before.

    Widgets that exist follow; call it before the first engine of QML is made, or its ``retranslate()`` then.

    Args:
        locale: Which language, for example ``"de"``; the first of the user's languages that there is if None.

    Returns:
        Whether there are texts in that language. English needs none, and gives False.

    Raises:
        SecureError: There is no application yet.
        TypeError: ``locale`` is of another type.
    """
    if locale is not None and not isinstance(locale, (str, QLocale)):
        raise TypeError(f"locale must be a QLocale, a str or None, not {type(locale).__name__}.")
    application = QCoreApplication.instance()
    if application is None:
        raise SecureError(SecureError.Code.InvalidArgument, "Translations need an application: create it first.")
    for former in application.findChildren(QTranslator, _NAME):
        QCoreApplication.removeTranslator(former)
        former.deleteLater()
    file = _fileFor(QLocale(locale) if locale is not None else QLocale.system())
    if file is None:
        return False
    translator = QTranslator(application)
    translator.setObjectName(_NAME)
    return translator.load(str(file)) and QCoreApplication.installTranslator(translator)


def _fileFor(locale: QLocale) -> Path | None:
    """The texts of the first language that there is; QTranslator would pass over English to the user's second one."""
    for name in locale.uiLanguages():
        language = name.split("-")[0]
        if language == "en":
            return None
        for candidate in (name.replace("-", "_"), language):
            file = DIRECTORY / f"qtsecure_{candidate}.qm"
            if file.is_file():
                return file
    return None
