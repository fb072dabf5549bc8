"""docs/semantics/godot.md and the tests of Godot's items agree."""

from __future__ import annotations

import re
from collections import Counter

from tests.semantics.tables import ROOT, sourcesOfTests

PAGE = ROOT / "docs" / "semantics" / "godot.md"
TEST = re.compile(r"^ *def (test_godot_(\d+)_\w+)", re.MULTILINE)


def test_every_item_has_tests_that_exist_and_every_test_is_named() -> None:
    """Each item once and in order, each test once and under its number."""
    rows = re.findall(r"^\| (\d+) \| .+ \| .+ \| .+ \| (.+) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 50))
    named = Counter((name, int(number)) for number, tests in rows for name in re.findall(r"`(\w+)`", tests))
    existing = {(name, int(number)) for text in sourcesOfTests() for name, number in TEST.findall(text)}
    assert set(named) == existing
    assert set(named.values()) == {1}
