"""docs/semantics/gio-socket-client.md and the tests of SocketClient agree."""

from __future__ import annotations

import re
from collections import Counter

from tests.semantics.tables import ROOT

PAGE = ROOT / "docs" / "semantics" / "gio-socket-client.md"
TESTS = ROOT / "tests" / "semantics" / "gio_client"
TEST = re.compile(r"^def (test_gio_s(\d+)_\w+)", re.MULTILINE)


def test_every_item_has_tests_that_exist_and_every_test_is_named() -> None:
    """Each item once and in order, each test once and under its number."""
    rows = re.findall(r"^\| (\d+) \| .+ \| .+ \| .+ \| (.+) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 39))
    named = Counter((name, int(number)) for number, tests in rows for name in re.findall(r"`(\w+)`", tests))
    existing = {
        (name, int(number))
        for path in TESTS.glob("test_*.py")
        for name, number in TEST.findall(path.read_text("utf-8"))
    }
    assert set(named) == existing
    assert set(named.values()) == {1}
    assert {number for _, number in named} == set(range(1, 39))
