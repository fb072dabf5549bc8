"""The pages of docs/semantics and the tests agree."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "semantics" / "qt.md"
ITEMS = range(1, 110)
SECTION = re.compile(r"^## (\d\.\d) ")
ROW = re.compile(r"^\| (\d+) \|")
TEST = re.compile(r"^ *(?:async )?def (test_qt_1_(\d)_(\d+)_\w+)", re.MULTILINE)


class Row:
    """One item of the page."""

    def __init__(self, section: str, line: str) -> None:
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        self.section = section
        self.cells = cells
        self.number = int(cells[0])
        self.tests = re.findall(r"`(test_\w+)`", cells[-1])


def rows(page: str) -> list[Row]:
    """The items in order."""
    found = []
    section = ""
    for line in page.splitlines():
        if heading := SECTION.match(line):
            section = heading[1]
        elif ROW.match(line):
            found.append(Row(section, line))
    return found


def existingTests() -> dict[str, tuple[str, int]]:
    """Every numbered test of this project, with its section and item."""
    found = {}
    for path in (ROOT / "tests").rglob("test_*.py"):
        for name, section, item in TEST.findall(path.read_text("utf-8")):
            found[name] = (f"1.{section}", int(item))
    return found


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
    assert sorted(existingTests().keys() - named.keys()) == []
    assert [name for name, count in named.items() if count != 1] == []


def test_tables_of_what_is_to_come_name_tests() -> None:
    """A test that was renamed must not lose its mark, nor keep it."""
    for path in (ROOT / "tests" / "semantics").rglob("test_*.py"):
        text = path.read_text("utf-8")
        table = re.search(r"^NOT_YET = \{\n(.*?)^\}", text, re.MULTILINE | re.DOTALL)
        names = re.findall(r'"(test_\w+)":', table[1]) if table else []
        assert [name for name in names if not re.search(rf"^def {name}\(", text, re.MULTILINE)] == []


def test_the_page_is_read_rightly() -> None:
    """The checks above can fail."""
    (row,) = rows("## 1.7 Data\n| 70 | `a()` | b | kept | `test_qt_1_7_70_x` `test_qt_1_7_70_y` |")
    assert (row.section, row.number, row.tests) == ("1.7", 70, ["test_qt_1_7_70_x", "test_qt_1_7_70_y"])
    assert len(row.cells) == 5
