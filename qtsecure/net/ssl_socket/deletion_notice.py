"""How a socket's data path learns that C++ has deleted the socket, to which Python may still refer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

if TYPE_CHECKING:
    from qtsecure.net.ssl_socket.data_path import DataPath

__all__ = ["noticeDeletion"]

_setProperty = QObject.setProperty
_PROPERTY = "_q_qtsecureEnd"  # Qt reserves the prefix for what is nobody's business


def noticeDeletion(socket: QObject, dataPath: DataPath) -> None:
    """Have ``dataPath.socketDestroyed()`` called when the socket goes."""
    if not dataPath.noticesDeletion:
        dataPath.noticesDeletion = True
        _setProperty(socket, _PROPERTY, _End(dataPath))


class _End:
    """The value of a property, which goes with the socket; connecting ``destroyed`` would take three times as long.

    It keeps the data path, too, until then.
    """

    __slots__ = ("_dataPath",)

    def __init__(self, dataPath: DataPath) -> None:
        self._dataPath = dataPath

    def __del__(self) -> None:
        self._dataPath.socketDestroyed()
