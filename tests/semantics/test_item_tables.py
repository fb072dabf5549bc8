"""The pages about DTLS, by Qt's and by Gio's items, and the tests agree."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from tests.semantics.item_tables import PAGES, TABLES, Table, cells, refreshed


def named(table: Table) -> str:
    """In a test's id."""
    return f"{table.page}-{table.section}"


@pytest.fixture(params=TABLES, ids=named)
def table(request: pytest.FixtureRequest) -> Table:
    """Each of them."""
    found: Table = request.param
    return found


def test_every_item_stands_there_once(table: Table) -> None:
    """In order, with five cells, none of them empty."""
    rows = [cells(line) for _, line in table.lines((PAGES / table.page).read_text("utf-8"))]
    assert [int(row[0]) for row in rows] == list(table.items)
    assert [row[0] for row in rows if len(row) != 5 or not all(row)] == []


def test_every_item_has_tests_that_exist_and_every_test_is_named(table: Table) -> None:
    """Each test once and under its number."""
    rows = [cells(line) for _, line in table.lines((PAGES / table.page).read_text("utf-8"))]
    found = Counter((name, int(row[0])) for row in rows for name in re.findall(r"`(test_\w+)`", row[-1]))
    assert set(found) == set(table.tests().items()), "python -m tests.semantics.item_tables"
    assert set(found.values()) == {1}
    assert {item for _, item in found} == set(table.items)


def test_the_checks_can_fail() -> None:
    """A row without tests is found and filled."""
    table = next(table for table in TABLES if table.section == "D")
    page = (PAGES / table.page).read_text("utf-8")
    assert refreshed(page, [table]) == page
    broken = page.replace("`test_gio_d1_a_second_handshake_is_none`", "-")
    assert broken != page
    assert refreshed(broken, [table]) == page
