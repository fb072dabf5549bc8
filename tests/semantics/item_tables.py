"""Tables of numbered items and their tests; ``python -m tests.semantics.item_tables`` renews the column of tests.

One section of a page is one table. A test names its item: ``test_gio_d12_...`` is about item 12 of section D.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.semantics.tables import ROOT, sourcesOfTests

PAGES = ROOT / "docs" / "semantics"
ROW = re.compile(r"^\| (\d+) \|")


@dataclass(frozen=True)
class Table:
    """One section of a page.

    Attributes:
        page: The file name.
        section: The word after ``## `` in its heading.
        items: The numbers of its items.
        prefix: What the names of its tests begin with, before the number.
    """

    page: str
    section: str
    items: range
    prefix: str

    def lines(self, text: str) -> list[tuple[int, str]]:
        """The rows with their line numbers."""
        found = []
        inside = False
        for number, line in enumerate(text.splitlines()):
            if line.startswith("## "):
                inside = line.split()[1] == self.section
            elif inside and ROW.match(line):
                found.append((number, line))
        return found

    def tests(self) -> dict[str, int]:
        """Every test of this project that is named after an item, in the order of the files."""
        pattern = re.compile(rf"^ *(?:async )?def ({self.prefix}(\d+)_\w+)", re.MULTILINE)
        return {name: int(item) for text in sourcesOfTests() for name, item in pattern.findall(text)}


TABLES = (
    Table("qt-dtls.md", "2", range(1, 31), "test_qt_2_"),
    Table("gio.md", "D", range(1, 59), "test_gio_d"),
)


def cells(line: str) -> list[str]:
    """Of one row."""
    return [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split(" |")]


def refreshed(text: str, tables: Iterable[Table]) -> str:
    """The text of a page with the tests that exist now."""
    lines = text.splitlines()
    for table in tables:
        tests = table.tests()
        for position, line in table.lines(text):
            row = cells(line)
            names = " ".join(f"`{name}`" for name, item in tests.items() if item == int(row[0]))
            lines[position] = f"| {' | '.join(row[:-1])} | {names or '-'} |"
    return "\n".join(lines) + "\n"


def main() -> None:
    """Rewrite the pages."""
    for name in dict.fromkeys(table.page for table in TABLES):
        path: Path = PAGES / name
        path.write_text(refreshed(path.read_text("utf-8"), [each for each in TABLES if each.page == name]), "utf-8")


if __name__ == "__main__":
    main()
