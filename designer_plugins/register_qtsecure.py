"""Executed by Qt Designer, and by QUiLoader, when PYSIDE_DESIGNER_PLUGINS names this folder."""

# Nothing else may be here: the script runs without __file__, and its functions do not see each other.
from qtsecure.designer import register

register()
