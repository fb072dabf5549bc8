"""The programs of the how-to talk to each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.examples.running import certificateFiles
from tests.examples.test_docs import converse


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Has the certificate that both programs name."""
    certificateFiles(tmp_path)
    return tmp_path


def test_programs(directory: Path) -> None:
    """One line there, one back."""
    converse(directory, "howto-asyncio", "howto-asyncio", "answer: HOW ARE YOU?\n", "")


def test_without_windows(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same with a QCoreApplication, where no platform plugin could be loaded."""
    monkeypatch.setenv("QT_QPA_PLATFORM", "no-such-platform")
    converse(
        *(directory, "howto-asyncio", "howto-asyncio", "answer: HOW ARE YOU?\n", ""),
        change=lambda code: code.replace("QtWidgets import QA", "QtCore import QCoreA").replace("= QA", "= QCoreA"),
    )
