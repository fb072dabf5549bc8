"""Where users type an identity and its pre-shared key."""

from __future__ import annotations

import binascii

from PySide6.QtCore import Property, QEvent
from PySide6.QtWidgets import QCheckBox, QComboBox, QFormLayout, QHBoxLayout, QLabel, QLineEdit, QSizePolicy, QWidget

from qtsecure.net.arguments import checkBool
from qtsecure.net.qt_objects.qt_signal import Signal
from qtsecure.net.values import PreSharedKeyAuthenticator
from qtsecure.widgets.labels import ToneLabel
from qtsecure.widgets.tones import Tone

__all__ = ["PskForm"]

_LIMITS = PreSharedKeyAuthenticator()
_SHORT_BYTES = 16


class PskForm(QWidget):
    """Identity, key and the form in which the key is typed; tells what is wrong while one types.

    The key is masked. Qt keeps what is typed in memory that cannot be overwritten, as any input field does;
    :meth:`clear` at least lets go of it. Forms of Qt Designer set ``identity`` and ``keyIsText``.

    Args:
        parent: The Qt parent.
    """

    #: completeChanged(complete: bool): whether both can be used as they are.
    completeChanged = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._complete = False
        self._identity, self._key = QLineEdit(self), QLineEdit(self)
        self._key.setEchoMode(QLineEdit.EchoMode.Password)
        self._format, self._shown = QComboBox(self), QCheckBox(self)
        self._format.addItems(["", ""])
        self._remark = ToneLabel(self, Tone.Caution)
        self._remark.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._identityLabel, self._keyLabel = QLabel(self), QLabel(self)
        self._identityLabel.setBuddy(self._identity)
        self._keyLabel.setBuddy(self._key)
        row = QHBoxLayout()
        row.addWidget(self._format)
        row.addWidget(self._shown)
        row.addStretch(1)
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        layout.addRow(self._identityLabel, self._identity)
        layout.addRow(self._keyLabel, self._key)
        layout.addRow("", row)
        layout.addRow("", self._remark)
        self._retranslate()
        self._identity.textChanged.connect(self._check)
        self._key.textChanged.connect(self._check)
        self._format.currentIndexChanged.connect(self._check)
        self._shown.toggled.connect(self._showKey)
        self._check()

    # ---------------------------------------------------------------------------- public

    def setIdentity(self, identity: str) -> None:
        """Set the identity, for example the one used last."""
        self._identity.setText(identity)

    def setKeyIsText(self, isText: bool) -> None:
        """Take the key as text (in UTF-8) instead of hexadecimal digits.

        Raises:
            TypeError: For anything but a bool.
        """
        self._format.setCurrentIndex(int(checkBool(isText, name="isText")))

    def key(self) -> bytearray:
        """Return the key; empty while it cannot be used. Overwrite it after use."""
        return _parse(self._key.text(), self._isKeyText()) or bytearray()

    def isComplete(self) -> bool:
        """Whether identity and key can be used as they are."""
        return self._complete

    def clear(self) -> None:
        """Forget the key."""
        self._key.setText("")  # QLineEdit.clear() can be undone
        self._shown.setChecked(False)

    def identityText(self) -> str:
        """Return what is typed as the identity."""
        return self._identity.text()

    def _isKeyText(self) -> bool:
        return self._format.currentIndex() == 1

    identity = Property(str, identityText, setIdentity)
    keyIsText = Property(bool, _isKeyText, setKeyIsText)

    # ----------------------------------------------------------------------------- inside

    def changeEvent(self, event: QEvent) -> None:
        """Follow the language."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.LanguageChange:
            self._retranslate()
            self._check()

    def _retranslate(self) -> None:
        self._identityLabel.setText(self.tr("&Identity:"))
        self._keyLabel.setText(self.tr("&Key:"))
        self._format.setItemText(0, self.tr("Hexadecimal digits"))
        self._format.setItemText(1, self.tr("Text"))
        self._format.setAccessibleName(self.tr("Form of the key"))
        self._shown.setText(self.tr("&Show key"))

    def _showKey(self, shown: bool) -> None:
        self._key.setEchoMode(QLineEdit.EchoMode.Normal if shown else QLineEdit.EchoMode.Password)

    def _check(self) -> None:
        problem = self._problem()
        key = self.key() if not problem else bytearray()
        remark = problem
        if key and len(key) < _SHORT_BYTES:
            remark = self.tr("This key is short; keys should have 16 bytes or more, chosen at random.")
        self._remark.setText(remark)
        _wipe(key)
        complete = not problem and bool(self._identity.text()) and bool(self._key.text())
        if complete is not self._complete:
            self._complete = complete
            self.completeChanged.emit(complete)

    def _problem(self) -> str:
        """What keeps the input from being used; empty fields are no reason to complain."""
        identity = self._identity.text().encode()
        if len(identity) > _LIMITS.maximumIdentityLength() or 0 in identity:
            return self.tr("The identity is too long, or has signs that cannot be sent.")
        key = _parse(self._key.text(), self._isKeyText())
        if key is None:
            return self.tr("The key has signs that are no hexadecimal digits, or one digit is missing.")
        tooLong = len(key) > _LIMITS.maximumPreSharedKeyLength()
        _wipe(key)
        return self.tr("The key is too long.") if tooLong else ""


def _parse(text: str, isText: bool) -> bytearray | None:
    """The bytes of a key; None if it cannot be read. Spaces and colons between digits do no harm."""
    if isText:
        return bytearray(text.encode())
    try:
        return bytearray(binascii.unhexlify("".join(text.replace(":", " ").split())))
    except ValueError:  # also binascii.Error, and what is not ASCII
        return None


def _wipe(key: bytearray) -> None:
    key[:] = bytes(len(key))
