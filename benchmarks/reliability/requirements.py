"""What the tests of the figures cannot even be collected without; the rest they skip by themselves."""

from __future__ import annotations

import importlib.util

__all__ = ["INSTALL", "missing"]

INSTALL = "pip install -e '.[test]'"
_MODULES = {
    "pytest": "pytest",
    "pytest-qt": "pytestqt",
    "pytest-timeout": "pytest_timeout",
    "pytest-xdist": "xdist",
    "hypothesis": "hypothesis",
}


def missing() -> list[str]:
    """The packages that are not installed."""
    return [package for package, module in _MODULES.items() if importlib.util.find_spec(module) is None]
