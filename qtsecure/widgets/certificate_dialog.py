"""A window with certificates."""

from __future__ import annotations

from PySide6.QtWidgets import QDialog, QDialogButtonBox, QVBoxLayout, QWidget

from qtsecure.widgets.certificate_view import CertificateView

__all__ = ["CertificateDialog"]


class CertificateDialog(QDialog):
    """Shows a :class:`CertificateView`, and a button that closes it.

    Args:
        parent: The Qt parent.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Certificate"))
        self._view = CertificateView(self)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        buttons.button(QDialogButtonBox.StandardButton.Close).setText(self.tr("Close"))  # also without Qt's translation
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setSpacing(12)
        layout.addWidget(self._view)
        layout.addWidget(buttons)

    def view(self) -> CertificateView:
        """Return what shows the certificates."""
        return self._view
