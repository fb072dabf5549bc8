"""The widgets in Qt Designer: ``qtsecure designer`` starts it with them.

Forms that use them name ``qtsecure.widgets``, so that ``pyside6-uic`` writes the right import.
"""

from __future__ import annotations

from qtsecure.designer.plugin import WidgetPlugin, register

__all__ = ["WidgetPlugin", "register"]
