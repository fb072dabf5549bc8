"""docs/porting/gio-dtls-connection.md: complete, and every counterpart exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PySide6.QtCore import Signal

import qtsecure

ROOT = Path(qtsecure.__file__).parents[1]
PAGE = (ROOT / "docs" / "porting" / "gio-dtls-connection.md").read_text("utf-8")
MEMBERS = Path(__file__).with_name("gio_members.txt").read_text("utf-8")
ROW = re.compile(r"^\| `([\w-]+)` \| (.+?) \| ?(.*?) ?\|$", re.MULTILINE)
COUNTERPART = re.compile(r"`(\w+)\.(\w+)(\(\))?`")


def sections() -> dict[str, list[tuple[str, str, str]]]:
    """The rows of each table of the page, by heading."""
    parts = re.split(r"^## (.+)$", PAGE, flags=re.MULTILINE)[1:]
    return {heading: ROW.findall(text) for heading, text in zip(parts[::2], parts[1::2], strict=True)}


def members() -> dict[str, list[str]]:
    """Gio's members, by the same headings."""
    parts = re.split(r"^# (.+)$", MEMBERS, flags=re.MULTILINE)[1:]
    return {heading: text.split() for heading, text in zip(parts[::2], parts[1::2], strict=True)}


def test_every_member_of_gio_has_a_row() -> None:
    """Once, in its table and in order."""
    assert {heading: [row[0] for row in rows] for heading, rows in sections().items()} == members()


@pytest.mark.parametrize(
    ("owner", "name", "call"),
    sorted({found for rows in sections().values() for row in rows for found in COUNTERPART.findall(" ".join(row[1:]))}),
)
def test_counterparts_exist(owner: str, name: str, call: str) -> None:
    """As a method where the page shows one, as a signal otherwise."""
    member = getattr(getattr(qtsecure, owner), name, None)
    assert member is not None
    assert isinstance(member, Signal) is not bool(call)


def test_every_row_names_a_counterpart() -> None:
    """The check above has something to check."""
    assert [row[0] for rows in sections().values() for row in rows if not COUNTERPART.match(row[1])] == []
