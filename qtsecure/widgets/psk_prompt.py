"""A dialog for a pre-shared key, for use before connecting."""

from __future__ import annotations

from PySide6.QtWidgets import QDialog, QDialogButtonBox, QVBoxLayout, QWidget

from qtsecure.widgets.labels import MutedLabel, TitleLabel, shownName
from qtsecure.widgets.pre_shared_keys import PreSharedKeys
from qtsecure.widgets.psk_form import PskForm

__all__ = ["PskPrompt"]


class PskPrompt(QDialog):
    """Asks for an identity and a key, and puts them into a :class:`PreSharedKeys`.

    ``preSharedKeyAuthenticationRequired`` has to be answered in its slot, where nobody can wait for a
    user without stopping everything else while the peer's patience runs out. So ask before you connect;
    or, when ``PreSharedKeys.keyMissing`` tells that a key was needed, ask then and connect again.

    Args:
        keys: Where the answer goes.
        peerName: Who asks, for the title.
        hint: What the server said about which identity to use.
        parent: The window that it belongs to.

    Raises:
        TypeError: An argument is of another type.
    """

    def __init__(self, keys: PreSharedKeys, peerName: str = "", hint: str = "", parent: QWidget | None = None) -> None:
        if not isinstance(keys, PreSharedKeys):
            raise TypeError(f"keys must be PreSharedKeys, not {type(keys).__name__}.")
        for argument, text in (("peerName", peerName), ("hint", hint)):
            if not isinstance(text, str):
                raise TypeError(f"{argument} must be a str, not {type(text).__name__}.")
        super().__init__(parent)
        self._keys = keys
        self.setWindowTitle(self.tr("Pre-shared key"))
        title = TitleLabel(self)
        name = shownName(peerName)
        title.setText(self.tr("“%1” needs a pre-shared key").replace("%1", name) if name else self.windowTitle())
        explanation = MutedLabel(self)
        explanation.setText(self.tr("Both sides have agreed on it beforehand; it is not sent."))
        self._form = PskForm(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 18, 18, 14)
        layout.setSpacing(10)
        layout.addWidget(title)
        layout.addWidget(explanation)
        if hint:
            hintLabel = MutedLabel(self)
            hintLabel.setText(self.tr("Hint of the server: %1").replace("%1", shownName(hint)))
            layout.addWidget(hintLabel)
        layout.addWidget(self._form)
        buttons = QDialogButtonBox(self)
        self._accept = buttons.addButton(QDialogButtonBox.StandardButton.Ok)
        cancel = buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        cancel.setText(self.tr("Cancel"))  # Qt's own translation may not be loaded
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout.addStretch(1)
        layout.addWidget(buttons)
        self._form.completeChanged.connect(self._accept.setEnabled)
        self._accept.setEnabled(self._form.isComplete())
        self.setMinimumWidth(self.fontMetrics().horizontalAdvance("n") * 60)

    def form(self) -> PskForm:
        """Return the input fields, for example to set the identity that was used last."""
        return self._form

    def done(self, result: int) -> None:
        """Hand the key over after OK, and forget it in any case."""
        if result == QDialog.DialogCode.Accepted:
            if not self._form.isComplete():
                return
            key = self._form.key()
            self._keys.remember(self._form.identityText(), key)
            key[:] = bytes(len(key))
        self._form.clear()
        super().done(result)
