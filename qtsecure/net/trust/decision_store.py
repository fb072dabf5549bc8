"""Remembered decisions in a settings file: one entry each, and nothing that is damaged gets lost."""

from __future__ import annotations

import hashlib
import os
import shutil

from PySide6.QtCore import QSettings

from qtsecure.errors import SecureError
from qtsecure.net.trust.trust_decision import Place, TrustDecision, parseDecision_untrusted

__all__ = ["DecisionStore"]

_GROUP = "qtsecure-trust"


class DecisionStore:
    """The entries of one settings file, read each time: another program or object may have written.

    Each access has a QSettings of its own. They share what they have read; but one that has met an
    error tells of no later one, and the program's may be inside a group of its own.

    Args:
        settings: Where they are; other keys in it are not touched.

    Attributes:
        error: What is wrong with the file; None if nothing is.
    """

    def __init__(self, settings: QSettings) -> None:
        self._path = settings.fileName()
        self._format = settings.format()
        self._mayWrite = True
        self.error: SecureError | None = None
        opened = self._open()
        damaged = [key for key in _keys(opened) if _read(opened, key) is None]
        if damaged or settings.status() == QSettings.Status.FormatError:
            self._keepAside(damaged)

    def decisions(self) -> list[TrustDecision]:
        """Return every entry that can be read."""
        settings = self._open()
        found = (_read(settings, key) for key in _keys(settings))
        return [decision for decision in found if decision is not None]

    def find(self, place: Place) -> TrustDecision | None:
        """Return the decision for a place."""
        decision = _read(self._open(), _key(place))
        # The name of an entry is only a hash of the place; what counts is inside.
        return decision if decision is not None and decision.place == place else None

    def write(self, decision: TrustDecision) -> None:
        """Add an entry, or replace the one for the same place.

        Raises:
            SecureError: It could not be written.
        """
        settings = self._openForWriting()
        settings.setValue(_key(decision.place), decision.toText())
        self._save(settings)

    def remove(self, place: Place) -> None:
        """Remove the entry for a place, if there is one.

        Raises:
            SecureError: The settings could not be written.
        """
        settings = self._openForWriting()
        settings.remove(_key(place))
        self._save(settings)

    def _open(self) -> QSettings:
        settings = QSettings(self._path, self._format)
        settings.allKeys()  # without that it is not read yet
        if settings.status() == QSettings.Status.FormatError:
            # It may have been damaged while the program runs; only the first that reads it notices.
            self._keepAside([])
        return settings

    def _openForWriting(self) -> QSettings:
        settings = self._open()
        if not self._mayWrite:
            assert self.error is not None
            raise self.error
        return settings

    def _save(self, settings: QSettings) -> None:
        settings.sync()
        if settings.status() == QSettings.Status.AccessError:
            raise SecureError(
                SecureError.Code.Failed,
                f"The remembered trust decisions cannot be written to {self._path!r}; "
                "check the permissions of the file and its directory, and the free space.",
            )

    def _keepAside(self, damaged: list[str]) -> None:
        """Copy a damaged file before anything is written, and forget what cannot be read.

        Copied and not moved, as it may hold settings of the program that are still good.
        """
        path = self._path
        if not os.path.isfile(path):
            # In the registry of Windows there is nothing to copy, and one entry does not harm another.
            self.error = SecureError(
                SecureError.Code.Failed,
                f"Some remembered trust decisions in {path!r} are damaged; they stay there, and are asked for again.",
            )
            return
        try:
            with open(path, "rb") as file:
                name = f"{path}.damaged-{hashlib.sha256(file.read()).hexdigest()[:8]}"
            if not os.path.exists(name):
                shutil.copy2(path, name)
        except OSError as error:
            self._mayWrite = False
            self.error = SecureError(
                SecureError.Code.Failed,
                f"The file with remembered trust decisions, {path!r}, is damaged, and cannot be copied "
                f"({error.strerror or error}); nothing is written to it. Move it away, and begin anew.",
            )
            return
        settings = QSettings(self._path, self._format)
        for key in damaged:
            settings.remove(key)
        self.error = SecureError(
            SecureError.Code.Failed,
            f"The file with remembered trust decisions, {path!r}, is damaged; a copy is in {name!r}. "
            "Decisions that cannot be read are asked for again.",
        )


def _keys(settings: QSettings) -> list[str]:
    return [key for key in settings.allKeys() if key.startswith(f"{_GROUP}/")]


def _read(settings: QSettings, key: str) -> TrustDecision | None:
    value = settings.value(key)
    if value is None:
        return None
    try:
        return parseDecision_untrusted(value)
    except ValueError:
        return None


def _key(place: Place) -> str:
    host, port, fingerprint = place
    return f"{_GROUP}/{hashlib.sha256(f'{host}|{port}|{fingerprint}'.encode()).hexdigest()}"
