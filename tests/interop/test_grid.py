"""R24: every other implementation with ours; grid.py says what a cell has to show."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication

from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.figures import Figure
from tests.interop import grid
from tests.interop.foreign import IMPLEMENTATIONS, Told
from tests.interop.grid import TARGET, Cell, Outcome, cells, rows, run, runAll, summary

DOCUMENT = Path(__file__).parents[2] / "docs" / "interop.md"


@pytest.mark.parametrize("cell", [cell for cell in cells() if not cell.gap], ids=str)
def test_r24_cell(qapp: QCoreApplication, pki: PublicKeyInfrastructure, cell: Cell) -> None:
    """Both ends say the same, data goes both ways, and the end is clean."""
    if reason := IMPLEMENTATIONS[cell.implementation].missing():
        pytest.skip(reason)
    run(cell, pki)


@pytest.mark.figure("R24")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_r24_the_figure(qapp: QCoreApplication, pki: PublicKeyInfrastructure, figure: Figure, name: str) -> None:
    """All cells of one implementation; on the scoreboard, the ordinary suite has a test for each.

    One that is not here is told by the scoreboard: it would be missing among the others without a word.
    """
    if reason := IMPLEMENTATIONS[name].missing():
        pytest.skip(reason)
    possible = [cell for cell in cells() if cell.implementation == name and not cell.gap]
    outcomes = runAll(figure.size(possible[:1], possible), pki)
    bad = [outcome for outcome in outcomes if outcome.problem]
    figure.none("cells that are not good", len(bad), len(outcomes), name)
    assert bad == []
    assert len(outcomes) == figure.size(1, len(possible))


def test_r24_the_document_shows_these_cells() -> None:
    """``python -m tests.interop.grid --markdown docs/interop.md`` was run since the cells have changed."""
    if sys.version_info >= (3, 13):
        pytest.skip("the document is made with a Python whose ssl module has no pre-shared keys")
    expected = rows(Outcome(cell, "") for cell in cells() if not cell.gap)
    text = DOCUMENT.read_text(encoding="utf-8")
    assert "\n".join(expected) in text
    assert sum(line.count("| good") for line in expected) >= TARGET


def test_r24_a_lie_is_found(
    qapp: QCoreApplication, pki: PublicKeyInfrastructure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cell fails if one of the ends tells something else."""
    cell = Cell("python", "1.3", "client", "ALPN")
    monkeypatch.setattr(IMPLEMENTATIONS["python"].server, "told", lambda self: Told(version="1.3", alpn="h3"))
    with pytest.raises(AssertionError, match=r"theirs: told \{'alpn': 'h3'\}"):
        run(cell, pki)
    (outcome,) = runAll([cell], pki)
    assert "h3" in outcome.problem
    assert any("**failed**" in line for line in rows([outcome]))
    assert summary([outcome]).startswith("0 of 1 ")


def test_r24_a_cell_that_was_not_resumed_is_found(
    qapp: QCoreApplication, pki: PublicKeyInfrastructure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session that is not offered."""
    monkeypatch.setattr(grid.OurClient, "connectTo", _withoutSession(grid.OurClient.connectTo))
    with pytest.raises(AssertionError, match=r"ours: told \{'resumed': False\}"):
        run(Cell("python", "1.2", "client", "resumption"), pki)


def _withoutSession(connectTo: Callable[..., None]) -> Callable[..., None]:
    def connect(*arguments: object, session: object = None, **options: object) -> None:
        connectTo(*arguments, **options)

    return connect
