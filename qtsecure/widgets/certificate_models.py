"""What the views of a certificate show: the chain, and the fields of one certificate."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QObject, Qt
from PySide6.QtGui import QFontDatabase, QGuiApplication, QPalette, QStandardItem, QStandardItemModel

from qtsecure.net.values import SslCertificate
from qtsecure.widgets.certificate_facts import Section, daysLeft
from qtsecure.widgets.labels import shownName
from qtsecure.widgets.symbols import Symbol, symbolIcon

__all__ = ["ChainModel", "FieldModel", "nameOf"]

_LEFT_TO_RIGHT = "\u200e"
_READ_ONLY = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable


def nameOf(certificate: SslCertificate) -> str:
    """Return whose certificate it is, in words that are never empty."""
    name = shownName(certificate.subjectDisplayName())
    return name or QCoreApplication.translate("CertificateView", "Certificate without a name")


class ChainModel(QStandardItemModel):
    """A chain as people think of it: the authority on top, below it what it has issued.

    Args:
        parent: The Qt parent.
    """

    PositionRole = Qt.ItemDataRole.UserRole + 1
    """The position in the chain as the peer has sent it; 0 is its own certificate."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._items: list[QStandardItem] = []

    def setChain(self, chain: list[SslCertificate], faulty: set[int], palette: QPalette) -> None:
        """Show a chain, leaf first.

        Args:
            chain: The certificates.
            faulty: The positions of those that something is wrong with.
            palette: For the symbols.
        """
        self.clear()
        self._items = []
        above = self.invisibleRootItem()
        for position, certificate in reversed(list(enumerate(chain))):
            item = QStandardItem(nameOf(certificate))
            item.setFlags(_READ_ONLY)
            item.setData(position, self.PositionRole)
            days = daysLeft(certificate)
            bad = position in faulty or (days is not None and days < 0)
            item.setIcon(symbolIcon(Symbol.Warning if bad else Symbol.Certificate, palette))
            above.appendRow(item)
            self._items.insert(0, item)
            above = item

    def itemAt(self, position: int) -> QStandardItem:
        """Return the item of a position in the chain."""
        return self._items[position]


class FieldModel(QStandardItemModel):
    """Sections with labels and values.

    Args:
        parent: The Qt parent.
    """

    ValueRole = Qt.ItemDataRole.UserRole + 1
    """A value as it is copied: in one line, and without signs that only order it on the screen."""

    def setSections(self, sections: list[Section]) -> None:
        """Show other sections."""
        self.clear()
        self.setColumnCount(2)
        code = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        # In a window from right to left the last sign of a code, such as "=", would jump to its front.
        end = _LEFT_TO_RIGHT if QGuiApplication.isRightToLeft() else ""
        for section in sections:
            title = QStandardItem(section.title)
            title.setFlags(Qt.ItemFlag.ItemIsEnabled)
            font = title.font()
            font.setBold(True)
            title.setFont(font)
            for fact in section.facts:
                shown = f"{fact.value}{end}" if fact.isCode else fact.value
                label, value = QStandardItem(fact.label), QStandardItem(shown)
                label.setFlags(_READ_ONLY)
                label.setTextAlignment(Qt.AlignmentFlag.AlignTop)
                value.setFlags(_READ_ONLY)
                value.setData(f"{fact.label}: {fact.inOneLine()}", Qt.ItemDataRole.AccessibleTextRole)
                value.setData(fact.inOneLine(), self.ValueRole)
                if fact.isCode:
                    value.setFont(code)
                title.appendRow([label, value])
            self.appendRow(title)
