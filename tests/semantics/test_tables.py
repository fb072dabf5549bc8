"""The pages of docs/semantics and the tests agree."""

from __future__ import annotations

from collections import Counter

from tests.semantics.tables import ITEMS, PAGE, existingTests, refreshed, rows


def test_every_item_stands_there_once() -> None:
    """In order, with five cells, none of them empty."""
    table = rows(PAGE.read_text("utf-8"))
    assert [row.number for row in table] == list(ITEMS)
    assert [row.number for row in table if len(row.cells) != 5 or not all(row.cells)] == []


def test_every_item_has_tests_that_exist() -> None:
    """Under its own number and section."""
    existing = existingTests()
    table = rows(PAGE.read_text("utf-8"))
    assert [row.number for row in table if not row.tests] == []
    wrong = [
        (row.number, name) for row in table for name in row.tests if existing.get(name) != (row.section, row.number)
    ]
    assert wrong == []


def test_every_numbered_test_is_named() -> None:
    """Once."""
    named = Counter(name for row in rows(PAGE.read_text("utf-8")) for name in row.tests)
    missing = sorted(existingTests().keys() - named.keys())
    assert missing == [], "python -m tests.semantics.tables adds them"
    assert [name for name, count in named.items() if count != 1] == []


def test_the_page_is_read_rightly() -> None:
    """The checks above can fail."""
    (row,) = rows("## 1.7 Data\n| 70 | `a()` | b | kept | `test_qt_1_7_70_x` `test_qt_1_7_70_y` |")
    assert (row.section, row.number, row.tests) == ("1.7", 70, ["test_qt_1_7_70_x", "test_qt_1_7_70_y"])
    assert len(row.cells) == 5
    page = PAGE.read_text("utf-8")
    assert refreshed(page.replace(" `test_qt_1_1_3_the_backlog_counts_from_listen_on`", "")) == page
