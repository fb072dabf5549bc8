"""Qt's classes and ours tell the same in the same order, apart from what is documented."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QCoreApplication
from PySide6.QtNetwork import QSslSocket

from tests.interop.signal_scenarios import SCENARIOS
from tests.interop.signal_sequences import DOCUMENTED, Place, differences, documented, unexplained


def test_signal_sequences(qapp: QCoreApplication) -> None:
    """Whatever differs stands in the table, line by line; and what stands there does differ."""
    if not QSslSocket.supportsSsl():
        pytest.skip("Qt finds no OpenSSL here")
    problems = unexplained(differences())
    assert not problems, "\n".join(problems)


def test_the_table_is_sound() -> None:
    """It names scenarios and items that exist, and each place once."""
    assert len(SCENARIOS) >= 15
    assert len(documented()) == sum(
        1 if len(where.split()) == 3 else len(SCENARIOS[where.split()[0]][1])
        for difference in DOCUMENTED
        for where in difference.where
    )
    assert all(1 <= item <= 109 for difference in DOCUMENTED for item in difference.items)


def test_what_is_not_documented_is_found() -> None:
    """The check can fail."""
    place = Place("echo", "1.3", "client")
    problems = unexplained({place: (["encrypted"], ["encrypted", "encrypted"])})
    assert any("echo 1.3 client differs" in problem for problem in problems)
    assert any("is gone" in problem for problem in problems)
