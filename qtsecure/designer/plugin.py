"""What Qt Designer asks about each widget."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtDesigner import (
    QDesignerCustomWidgetInterface,
    QDesignerFormEditorInterface,
    QPyDesignerCustomWidgetCollection,
)
from PySide6.QtGui import QGuiApplication, QIcon
from PySide6.QtWidgets import QWidget

from qtsecure.widgets import CertificateView, ConnectionBadge, HandshakeLog, PskForm, Symbol, symbolIcon

__all__ = ["PLUGINS", "WidgetDescription", "WidgetPlugin", "register"]

GROUP = "qtsecure"
_MODULE = "qtsecure.widgets"


@dataclass(frozen=True, slots=True)
class WidgetDescription:
    """One widget as Designer presents it.

    Attributes:
        widget: The class.
        symbol: Its icon in the widget box.
        toolTip: What it is, in a few words.
        whatsThis: What to do with it in code.
        size: The geometry of a new one in a form without layout.
    """

    widget: type[QWidget]
    symbol: Symbol
    toolTip: str
    whatsThis: str
    size: tuple[int, int]


PLUGINS = (
    WidgetDescription(
        ConnectionBadge,
        Symbol.Locked,
        "A lock that shows how secure a connection is",
        "Create the SslSocket or DtlsPeer in code, and give it to setConnection().",
        (190, 28),
    ),
    WidgetDescription(
        CertificateView,
        Symbol.Certificate,
        "A chain of certificates with every field, and what is wrong with it",
        "Give it peerCertificateChain() and sslHandshakeErrors() with setCertificateChain().",
        (560, 420),
    ),
    WidgetDescription(
        HandshakeLog,
        Symbol.Log,
        "A table of signals, alerts and handshake messages",
        "Give it sockets, peers and servers with addConnection().",
        (640, 260),
    ),
    WidgetDescription(
        PskForm,
        Symbol.Key,
        "Input fields for an identity and its pre-shared key",
        "Before connecting, put identityText() and key() into a PreSharedKeys object.",
        (380, 130),
    ),
)


class WidgetPlugin(QDesignerCustomWidgetInterface):
    """Tells Designer about one widget.

    Args:
        description: The widget.
    """

    def __init__(self, description: WidgetDescription) -> None:
        super().__init__()
        self._description = description
        self._core: QDesignerFormEditorInterface | None = None

    def createWidget(self, parent: QWidget) -> QWidget:
        """Make one for a form."""
        return self._description.widget(parent)

    def name(self) -> str:
        """The class."""
        return self._description.widget.__name__

    def group(self) -> str:
        """The heading in the widget box."""
        return GROUP

    def icon(self) -> QIcon:
        """In the colours of Designer."""
        return symbolIcon(self._description.symbol, QGuiApplication.palette())

    def toolTip(self) -> str:
        """In a few words."""
        return self._description.toolTip

    def whatsThis(self) -> str:
        """What to do with it in code."""
        return self._description.whatsThis

    def includeFile(self) -> str:
        """The Python module that uic imports the class from."""
        return _MODULE

    def isContainer(self) -> bool:
        """Nothing can be put into it."""
        return False

    def initialize(self, core: QDesignerFormEditorInterface) -> None:
        """Designer is ready."""
        self._core = core

    def isInitialized(self) -> bool:
        """Whether initialize() was called."""
        return self._core is not None

    def domXml(self) -> str:
        """What a new one looks like in the form's file."""
        name = self.name()
        width, height = self._description.size
        return (
            f'<ui language="c++" displayname="{name}">'
            f'<widget class="{name}" name="{name[0].lower()}{name[1:]}">'
            f'<property name="geometry"><rect><x>0</x><y>0</y><width>{width}</width><height>{height}</height></rect>'
            f"</property></widget></ui>"
        )


def register() -> None:
    """Add all widgets to Designer's collection; also a QUiLoader that runs the plugins takes them from there."""
    for description in PLUGINS:
        QPyDesignerCustomWidgetCollection.addCustomWidget(WidgetPlugin(description))
