"""The widgets for forms that are loaded at run time."""

from __future__ import annotations

from typing import Protocol

from PySide6.QtWidgets import QWidget

from qtsecure.widgets.certificate_view import CertificateView
from qtsecure.widgets.connection_badge import ConnectionBadge
from qtsecure.widgets.handshake_log import HandshakeLog
from qtsecure.widgets.psk_form import PskForm

__all__ = ["FORM_WIDGETS", "registerWith"]

FORM_WIDGETS: tuple[type[QWidget], ...] = (ConnectionBadge, CertificateView, HandshakeLog, PskForm)
"""What can be placed in forms."""


class _Loader(Protocol):
    """A QUiLoader; not named, because QtUiTools is loaded only by programs that need it."""

    def registerCustomWidget(self, customWidgetType: object, /) -> None: ...


def registerWith(loader: _Loader) -> None:
    """Teach a QUiLoader the widgets; otherwise it silently makes their base classes.

    Args:
        loader: The ``PySide6.QtUiTools.QUiLoader`` that will load the form.
    """
    for widget in FORM_WIDGETS:
        loader.registerCustomWidget(widget)
