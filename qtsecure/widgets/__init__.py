"""Widgets that show how secure a connection is, and ask what only users can decide.

The names below are loaded when they are first used; nothing else of qtsecure loads QtWidgets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtsecure.late_modules import lateAttributes

if TYPE_CHECKING:
    from qtsecure.widgets.certificate_dialog import CertificateDialog
    from qtsecure.widgets.certificate_view import CertificateView
    from qtsecure.widgets.connection_badge import ConnectionBadge
    from qtsecure.widgets.connection_watch import ConnectionState
    from qtsecure.widgets.handshake_log import HandshakeLog
    from qtsecure.widgets.handshake_log_model import HandshakeLogModel, LogEntry
    from qtsecure.widgets.pre_shared_keys import PreSharedKeys
    from qtsecure.widgets.psk_form import PskForm
    from qtsecure.widgets.psk_prompt import PskPrompt
    from qtsecure.widgets.symbols import Symbol, symbolIcon
    from qtsecure.widgets.translating import installTranslations
    from qtsecure.widgets.trust_dialog import TrustDialog
    from qtsecure.widgets.trust_prompter import TrustPrompter
    from qtsecure.widgets.ui_loader import registerWith

__all__ = [
    "CertificateDialog",
    "CertificateView",
    "ConnectionBadge",
    "ConnectionState",
    "HandshakeLog",
    "HandshakeLogModel",
    "LogEntry",
    "PreSharedKeys",
    "PskForm",
    "PskPrompt",
    "Symbol",
    "TrustDialog",
    "TrustPrompter",
    "installTranslations",
    "registerWith",
    "symbolIcon",
]

_MODULES = {
    "CertificateDialog": "qtsecure.widgets.certificate_dialog",
    "CertificateView": "qtsecure.widgets.certificate_view",
    "ConnectionBadge": "qtsecure.widgets.connection_badge",
    "ConnectionState": "qtsecure.widgets.connection_watch",
    "HandshakeLog": "qtsecure.widgets.handshake_log",
    "HandshakeLogModel": "qtsecure.widgets.handshake_log_model",
    "LogEntry": "qtsecure.widgets.handshake_log_model",
    "PreSharedKeys": "qtsecure.widgets.pre_shared_keys",
    "PskForm": "qtsecure.widgets.psk_form",
    "PskPrompt": "qtsecure.widgets.psk_prompt",
    "Symbol": "qtsecure.widgets.symbols",
    "TrustDialog": "qtsecure.widgets.trust_dialog",
    "TrustPrompter": "qtsecure.widgets.trust_prompter",
    "installTranslations": "qtsecure.widgets.translating",
    "registerWith": "qtsecure.widgets.ui_loader",
    "symbolIcon": "qtsecure.widgets.symbols",
}

__getattr__, __dir__ = lateAttributes(__name__, _MODULES)
