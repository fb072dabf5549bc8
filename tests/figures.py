"""The figures of the reliability tests: their marker and fixture, and what the scoreboard makes of them.

A test that measures a figure is marked with its name and asks for the fixture ``figure``::

    @pytest.mark.figure("R3")
    def test_r03_failing_clients(figure: Figure) -> None:
        count = figure.size(800, 10_000)
        ...
        figure.atMost("latency of good clients", p99, 100, "ms", noisy=True)

In the ordinary suite it takes the smaller size, and values that other work on the machine changes are
shown and not judged. ``python -m benchmarks.reliability`` runs it with ``--figures``: whole, and every value counts.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from benchmarks.reliability.measurement import Measurement, Sense

__all__ = ["Figure", "plannedFor"]

_MEASUREMENT = "measurement"
_NAME = "figure"
_T = TypeVar("_T")
_key = pytest.StashKey["Figure"]()


class Figure:
    """What a test has measured of its figure. Nothing is judged before the test has come to its end.

    Attributes:
        seed: What all chance has to come from; the same number repeats a run.
        chance: A source of chance of this test.
    """

    def __init__(self, item: pytest.Item) -> None:
        self._item = item
        self._name = _nameOf(item)
        self._whole = _isScoreboard(item.config)
        self._measurements: list[Measurement] = []
        self.seed: int = item.config.getoption("--figure-seed")
        self.chance = random.Random(f"{self.seed} {item.name}")

    def size(self, sample: _T, whole: _T) -> _T:
        """How much to do: a sample in the ordinary suite, the whole on the scoreboard."""
        return whole if self._whole else sample

    def none(self, what: str, count: int, of: int, variant: str = "") -> None:
        """Record how often something was seen that must not be, and in how many cases it was looked for."""
        self._record(what, count, "none", 0, of=of, variant=variant)

    def atMost(
        self,
        what: str,
        value: float,
        limit: float,
        unit: str = "",
        *,
        of: int = 0,
        variant: str = "",
        noisy: bool = False,
    ) -> None:
        """Record a value that must not be greater than the limit."""
        self._record(what, value, "at most", limit, unit=unit, of=of, variant=variant, noisy=noisy)

    def atLeast(
        self,
        what: str,
        value: float,
        limit: float,
        unit: str = "",
        *,
        of: int = 0,
        variant: str = "",
        noisy: bool = False,
    ) -> None:
        """Record a value that must not be smaller than the limit."""
        self._record(what, value, "at least", limit, unit=unit, of=of, variant=variant, noisy=noisy)

    def _record(self, what: str, value: float, sense: Sense, limit: float, **fields: Any) -> None:
        if not self._name:
            raise pytest.UsageError(f'{self._item.nodeid} measures a figure and has no mark such as figure("R3").')
        measurement = Measurement(figure=self._name, what=what, value=value, sense=sense, limit=limit, **fields)
        self._measurements.append(measurement)
        # A property of the test and not a variable: it also comes back from the workers of pytest-xdist.
        self._item.user_properties.append((_MEASUREMENT, json.dumps(measurement.toJson())))

    def judge(self) -> None:
        """Fail the test if a target was missed."""
        missed = [str(each) for each in self._measurements if not each.met and (self._whole or not each.noisy)]
        if missed:
            pytest.fail("\n".join(missed), pytrace=False)


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Figure:
    """The figure that the test measures, which it is marked with."""
    made = request.node.stash[_key] = Figure(request.node)
    return made


def _nameOf(item: pytest.Item) -> str:
    mark = item.get_closest_marker("figure")
    return mark.args[0] if mark is not None else ""


def _isScoreboard(config: pytest.Config) -> bool:
    return config.getoption("--figures") is not None


def pytest_addoption(parser: pytest.Parser) -> None:
    """The scoreboard's options."""
    group = parser.getgroup("figures of reliability")
    group.addoption("--figures", metavar="R1,R2", help="only tests of these figures, whole, and every value counts")
    group.addoption("--figure-seed", metavar="N", type=int, default=0, help="repeat the chance of a run (default 0)")
    group.addoption("--figure-results", metavar="FILE", help="write what the tests measured there, as JSON")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line("markers", "figure(name): the test measures this figure of the reliability scoreboard")
    config.pluginmanager.register(Results(config), "figures of reliability")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """For the scoreboard, leave the tests out that measure none of the figures that it wants."""
    for item in items:
        if name := _nameOf(item):
            item.user_properties.append((_NAME, name))
    if not _isScoreboard(config):
        return
    wanted = config.getoption("--figures").split(",")
    measures = [_nameOf(item) in wanted and "figure" in getattr(item, "fixturenames", ()) for item in items]
    config.hook.pytest_deselected(items=[item for item, kept in zip(items, measures, strict=True) if not kept])
    items[:] = [item for item, kept in zip(items, measures, strict=True) if kept]
    if path := config.getoption("--figure-results"):
        # Only the workers of pytest-xdist know it, and each knows the same.
        _replace(plannedFor(path), {item.nodeid: _nameOf(item) for item in items})


def plannedFor(path: str | Path) -> Path:
    """Where the tests that will run are listed, each with its figure: one that crashes cannot tell it any more."""
    return Path(f"{path}.planned")


def _replace(path: Path, content: object) -> None:
    """Write JSON so that there is always a whole file: the process may crash, and others may do the same."""
    part = path.with_name(f"{path.name}.{os.getpid()}")
    part.write_text(json.dumps(content, indent=1), "utf-8")
    part.replace(path)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[None]:
    """Judge what a test has measured when it has recorded everything."""
    result = yield
    if _key in pyfuncitem.stash:
        pyfuncitem.stash[_key].judge()
    return result


class Results:
    """What the tests of a run have measured, in this process or in workers.

    Attributes:
        tests: By test: its figure (empty if nobody knows), its outcome, the reason of it, its time in seconds and its
            measurements.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self.tests: dict[str, dict[str, Any]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a test has ended: its call, or whatever went wrong before or after."""
        properties = report.user_properties
        figure = next((value for name, value in properties if name == _NAME), None)
        if figure is None or (report.when != "call" and report.outcome == "passed"):
            return
        self.tests[report.nodeid] = {
            "figure": figure,
            "outcome": report.outcome,
            "reason": _reason(report),
            "seconds": round(report.duration, 1),
            "measurements": [json.loads(str(value)) for name, value in properties if name == _MEASUREMENT],
        }
        self._write()

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a file of tests that cannot be read: with pytest-xdist, the tests of the others run all the same."""
        if report.failed:
            self.tests[report.nodeid] = {
                "figure": "",
                "outcome": report.outcome,
                "reason": f"{report.nodeid} cannot be read",
                "seconds": 0.0,
                "measurements": [],
            }
            self._write()

    def pytest_sessionstart(self) -> None:
        """Nothing is left of an earlier run."""
        self._write()

    def _write(self) -> None:
        """Write the file that the scoreboard reads; after each test, as the next one may take the process down."""
        path = self._config.getoption("--figure-results")
        if path and not hasattr(self._config, "workerinput"):
            _replace(Path(path), self.tests)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
        """Show what was measured; the scoreboard has a table of its own."""
        found = [Measurement.fromJson(each) for test in self.tests.values() for each in test["measurements"]]
        if not found or _isScoreboard(config):
            return
        terminalreporter.section("figures of reliability")
        for each in sorted(found, key=lambda each: (int(each.figure[1:]), each.what, each.variant)):
            verdict = "" if each.met else "  only the scoreboard judges this" if each.noisy else "  ** MISSED **"
            terminalreporter.write_line(f"{each}{verdict}")


def _reason(report: pytest.TestReport) -> str:
    """Why a test was skipped or has failed, in a line."""
    if report.outcome == "skipped" and isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    lines = report.longreprtext.strip().splitlines()
    told = [line[1:].strip() for line in lines if line.startswith("E ")]
    return (told or lines or [""])[0]
