"""The scoreboard: figures that the reliability tests measured, shown at the end of the run."""

from __future__ import annotations

from collections.abc import Callable

import pytest

_PROPERTY = "reliability figure"
_figures: dict[str, str] = {}


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[[str, str], None]:
    """Put a measured figure on the scoreboard: ``figure("R1", "0 canary bytes in 96 cells (target 0)")``.

    Call it before the assertion, so that a figure that misses its target is shown as well.
    """

    def show(name: str, text: str) -> None:
        # A property of the test and not a variable: it also comes back from the workers of pytest-xdist.
        record_property(_PROPERTY, f"{name} {text}")

    return show


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Collect the figures of a test that has run, in this process or in a worker."""
    if report.when == "call":
        for name, value in report.user_properties:
            if name == _PROPERTY:
                _figures[str(value)] = report.outcome


def _order(line: str) -> tuple[int, str]:
    """Sort by the number in the name: R2 before R14."""
    digits = "".join(filter(str.isdigit, line.split()[0]))
    return int(digits or 0), line


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the scoreboard."""
    if _figures:
        terminalreporter.section("reliability figures")
        for line in sorted(_figures, key=_order):
            terminalreporter.write_line(line if _figures[line] == "passed" else f"{line}  ** {_figures[line]} **")
