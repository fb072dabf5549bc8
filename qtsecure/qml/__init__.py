"""The QML module ``QtSecure``: sockets, servers and parts of a user interface for them.

Call :func:`register` before the first engine is made, then ``import QtSecure`` in QML. It is not loaded
by ``import qtsecure``, and nothing of a connection needs it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtQml import QQmlEngine

__all__ = ["IMPORT_PATH", "register"]

IMPORT_PATH = os.path.dirname(os.path.abspath(__file__))
"""Where engines and qmllint (``-I``) find the module's own QML files."""


def register(engine: QQmlEngine | None = None) -> None:
    """Register the types of the module, and show engines where its QML files are.

    Call it without arguments before the first engine is made; types that are registered later disturb
    those of Qt Quick. Harmless when it is called again.

    Args:
        engine: Adds the import path to this engine. Without one the path goes to the environment
            (``QML_IMPORT_PATH``), from which every engine takes it when it is made.
    """
    # Here and not above: only registering needs QtQml.
    import qtsecure.qml.types  # noqa: F401  # its import is what registers

    if engine is not None:
        if IMPORT_PATH not in engine.importPathList():
            engine.addImportPath(IMPORT_PATH)
        return
    paths = [path for path in os.environ.get("QML_IMPORT_PATH", "").split(os.pathsep) if path]
    if IMPORT_PATH not in paths:
        os.environ["QML_IMPORT_PATH"] = os.pathsep.join([*paths, IMPORT_PATH])
