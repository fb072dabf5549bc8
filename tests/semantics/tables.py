"""Reads the pages of docs/semantics; ``python -m tests.semantics.tables`` renews their column of tests."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "semantics" / "qt.md"
ITEMS = range(1, 110)
SECTION = re.compile(r"^## (\d\.\d) ")
ROW = re.compile(r"^\| (\d+) \|")
TEST = re.compile(r"^ *(?:async )?def (test_qt_1_(\d)_(\d+)_\w+)", re.MULTILINE)


class Row:
    """One item of the page."""

    def __init__(self, section: str, line: int, text: str) -> None:
        cells = [cell.strip() for cell in text.strip().strip("|").split(" | ")]
        self.section = section
        self.line = line
        self.cells = cells
        self.number = int(cells[0])
        self.tests = re.findall(r"`(test_\w+)`", cells[-1])


def rows(page: str) -> list[Row]:
    """The items in order."""
    found = []
    section = ""
    for number, line in enumerate(page.splitlines()):
        if heading := SECTION.match(line):
            section = heading[1]
        elif ROW.match(line):
            found.append(Row(section, number, line))
    return found


@cache
def sourcesOfTests() -> tuple[str, ...]:
    """The text of every module with tests, in the order of the files."""
    return tuple(path.read_text("utf-8") for path in sorted((ROOT / "tests").rglob("test_*.py")))


def existingTests() -> dict[str, tuple[str, int]]:
    """Every numbered test of this project, with its section and item."""
    found = {}
    for text in sourcesOfTests():
        for name, section, item in TEST.findall(text):
            found[name] = (f"1.{section}", int(item))
    return found


def refreshed(page: str) -> str:
    """The page with the tests that exist now, in the order of their files."""
    tests: dict[tuple[str, int], list[str]] = {}
    for name, item in existingTests().items():
        tests.setdefault(item, []).append(name)
    lines = page.splitlines(keepends=True)
    for row in rows(page):
        names = " ".join(f"`{name}`" for name in tests.get((row.section, row.number), []))
        lines[row.line] = f"| {' | '.join([*row.cells[:-1], names])} |\n"
    return "".join(lines)


if __name__ == "__main__":
    PAGE.write_text(refreshed(PAGE.read_text("utf-8")), "utf-8")
