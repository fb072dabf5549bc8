"""What pyproject.toml requires, and the reasons for it in SECURITY.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

tomllib = pytest.importorskip("tomllib", reason="Python has it from 3.11 on")

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| `([^`]+)`([^|]*)\| (.+) \|$", re.MULTILINE)


def required() -> dict[str, str]:
    """The requirements of the package, each with its marker."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    found = {}
    for line in project["dependencies"]:
        requirement, _, marker = line.partition(";")
        found[requirement.strip()] = marker.strip()
    return found


def explained() -> dict[str, tuple[str, str]]:
    """The requirements of the table, each with its condition and its reason."""
    table = (ROOT / "SECURITY.md").read_text("utf-8").partition("## Dependencies and their floors")[2]
    return {requirement: (condition.strip(), reason) for requirement, condition, reason in ROW.findall(table)}


def test_each_floor_has_a_reason() -> None:
    """The two lists are the same, and so are the conditions."""
    assert explained().keys() == required().keys()
    for requirement, marker in required().items():
        condition, reason = explained()[requirement]
        assert len(reason) > 30
        assert bool(marker) is bool(condition)
        if marker:
            assert re.findall(r"[\d.]+", marker) == re.findall(r"[\d.]+", condition)


def test_the_table_is_read() -> None:
    """So that the comparison above cannot succeed with nothing."""
    assert len(explained()) >= 5
    assert explained()["PySide6-Essentials!=6.12.0"][0] == "on Python before 3.12"


def test_the_readme_names_the_same_versions() -> None:
    """Its table of versions and platforms."""
    text = (ROOT / "README.md").read_text("utf-8")
    for requirement, marker in required().items():
        name, version = re.split(r"[>!]=", requirement)
        if name != "idna":
            assert name in text
            assert version in text, (requirement, marker)


def test_figures_that_promises_refer_to_exist() -> None:
    """Each is in the catalog, and has a test."""
    from benchmarks.reliability.catalog import FIGURES

    promises = (ROOT / "SECURITY.md").read_text("utf-8").partition("## What is promised")[2].partition("\n## ")[0]
    named = set(re.findall(r"\bR\d+\b", promises))
    assert named <= FIGURES.keys()
    assert len(named) >= 20
