"""The scoreboard itself: what is recorded, when it is judged, and what becomes of it."""

from __future__ import annotations

import dataclasses
import json
import math
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.reliability.__main__ import commandOf, parse, unasked
from benchmarks.reliability.catalog import FIGURES, PLACES, Entry
from benchmarks.reliability.measurement import Measurement
from benchmarks.reliability.runs import collect
from benchmarks.reliability.tables import BEGIN, END, Circumstances, asJson, asText, replaceTable
from benchmarks.reliability.verdicts import MET, MISSED, NOT_RUN, Verdict, combine, judge

ROOT = Path(__file__).parents[2]
ENTRY = Entry(title="title", method="method", cases=10)
RUN = Circumstances(command="command", date="today", machine="machine", load="0", seed=1, seconds=60)
MEASURING = """
import pytest

@pytest.mark.figure("R3")
@pytest.mark.parametrize("variant", ["a", "b"])
def test_noisy(figure, variant):
    figure.none("faults", 0, figure.size(2, 50), variant)
    figure.atMost("latency", 229, 100, "ms", variant=variant, noisy=True)

@pytest.mark.figure("R4")
def test_quiet(figure):
    figure.atLeast("rate", {rate}, 20, "/s")
    figure.none("faults", 0, 1)

@pytest.mark.figure("R5")
def test_chance(figure):
    figure.atMost("chance", figure.chance.random(), 1)

@pytest.mark.figure("R3")
def test_that_only_helps():
    raise AssertionError
"""


def counted(value: float, of: int, variant: str = "") -> Measurement:
    return Measurement(figure="R1", what="faults", value=value, sense="none", of=of, variant=variant)


def timed(value: float, variant: str = "") -> Measurement:
    return Measurement(figure="R1", what="time", value=value, sense="at most", limit=10, unit="ms", variant=variant)


def ran(*measurements: Measurement, outcome: str = "passed", reason: str = "") -> dict[str, Any]:
    found = [json.loads(json.dumps(each.toJson())) for each in measurements]
    return {"figure": "R1", "outcome": outcome, "reason": reason, "seconds": 1.0, "measurements": found}


def run(pytester: pytest.Pytester, *arguments: str, rate: int = 30) -> dict[str, Any]:
    """What the tests above have measured, by test."""
    pytester.makepyfile(MEASURING.replace("{rate}", str(rate)))
    results = pytester.path / "results.json"
    pytester.runpytest_inprocess(
        *("-p", "tests.figures", f"--figure-results={results}", *arguments),
        *(word for name in ("randomly", "xdist", "pytest-qt", "cacheprovider") for word in ("-p", f"no:{name}")),
    )
    tests: dict[str, Any] = json.loads(results.read_text("utf-8"))
    return {name.partition("::")[2]: test for name, test in tests.items()}


def test_the_suite_takes_samples_and_judges_no_times(pytester: pytest.Pytester) -> None:
    """A missed latency is shown, a missed rate that nothing but the code can change fails."""
    tests = run(pytester, rate=10)
    assert tests["test_noisy[a]"]["outcome"] == "passed"
    faults, latency = (Measurement.fromJson(each) for each in tests["test_noisy[a]"]["measurements"])
    assert (faults.of, latency.value, latency.met, latency.variant) == (2, 229, False, "a")
    assert tests["test_quiet"]["outcome"] == "failed"
    assert tests["test_quiet"]["reason"] == "R4 rate: 10/s (target: at least 20/s)"
    assert len(tests["test_quiet"]["measurements"]) == 2  # also what was recorded after the miss
    assert "test_that_only_helps" in tests


def test_the_scoreboard_takes_everything_and_judges_it(pytester: pytest.Pytester) -> None:
    """Of the figures that were asked for, and only of tests that measure."""
    tests = run(pytester, "--figures=R3,R9")
    assert sorted(tests) == ["test_noisy[a]", "test_noisy[b]"]
    assert {test["outcome"] for test in tests.values()} == {"failed"}
    assert tests["test_noisy[b]"]["measurements"][0]["of"] == 50


def test_a_seed_repeats_the_chance(pytester: pytest.Pytester) -> None:
    """All chance of a test comes from the seed and its name."""
    (test,) = run(pytester, "--figures=R5", "--figure-seed=5").values()
    assert test["measurements"][0]["value"] == random.Random("5 test_chance").random()


@pytest.mark.parametrize("absent", ["hypothesis", "pytest", "pytest_timeout", "xdist", "pytestqt"])
def test_packages_that_are_missing_are_no_missed_targets(absent: str) -> None:
    """Nothing is run, and it says what to install."""
    code = (
        f"import runpy, sys; sys.modules[{absent!r}] = None; sys.argv[1:] = ['R1'];"
        "import importlib.util as util; find = util.find_spec;"
        f"util.find_spec = lambda name, *more: None if name == {absent!r} else find(name, *more);"
        "runpy.run_module('benchmarks.reliability', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].endswith("cannot be imported; install them with pip install -e '.[test]'")
    assert absent.replace("_", "-").removeprefix("pytest-").removesuffix("qt") in done.stderr
    assert "MISSED" not in done.stderr


def test_a_reader_that_has_seen_enough() -> None:
    """As "head": no traceback."""
    command = [sys.executable, "-m", "benchmarks.reliability", "--list"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
        assert process.wait(60) == 1


def test_counts_are_added_and_of_others_the_worst_stays() -> None:
    """Over all tests that measure the same thing."""
    faults, time = combine([counted(0, 5, "a"), timed(3, "a"), counted(2, 7, "b"), timed(5, "b"), timed(4, "c")])
    assert (faults.value, faults.of, faults.variant, faults.met) == (2, 12, "b", False)
    assert (time.value, time.variant, time.met) == (5, "b", True)


@pytest.mark.parametrize(
    ("tests", "result", "reason"),
    [
        ([ran(counted(0, 5), timed(9)), ran(counted(0, 5))], MET, []),
        ([ran(counted(0, 9), timed(9))], MISSED, ["only 9 of 10 cases were looked at"]),
        ([ran(counted(1, 10), outcome="failed", reason=str(counted(1, 10)))], MISSED, []),
        ([ran(counted(0, 10), outcome="failed", reason="assert []")], MISSED, ["assert []"]),
        ([ran(counted(0, 10)), ran(outcome="failed", reason="no server")], MISSED, ["no server"]),
        ([ran(outcome="skipped", reason="no fork")], NOT_RUN, ["no fork"]),
        ([ran(counted(0, 10)), ran(outcome="skipped", reason="no fork")], MET, ["partly skipped: no fork"]),
        (
            [ran(counted(0, 10), dataclasses.replace(counted(0, 0), what="nothing"))],
            MISSED,
            ["no case was looked at: nothing"],
        ),
        ([ran(dataclasses.replace(counted(0, 10), value=math.nan))], MISSED, []),
        ([ran(counted(0, 10), timed(math.nan))], MISSED, []),
        ([ran(counted(0, 10), timed(1)), ran(timed(math.nan)), ran(timed(2))], MISSED, []),
        ([], MISSED, ["no test has measured it"]),
    ],
)
def test_verdicts(tests: list[dict[str, Any]], result: str, reason: list[str]) -> None:
    """A figure is met if all of its tests are, and have looked at enough."""
    verdict = judge("R1", ENTRY, tests)
    assert (verdict.result, verdict.reasons) == (result, reason)


def test_a_figure_that_waits_to_be_asked_for() -> None:
    """It is not missed; but if it was asked for, silence is no excuse."""
    entry = Entry(title="", method="", extra="--soak")
    verdict = judge("R30", entry, [], asked=False)
    assert (verdict.result, verdict.reasons) == (NOT_RUN, ["--soak"])
    verdict = judge("R30", entry, [])
    assert (verdict.result, verdict.reasons) == (MISSED, ["no test has measured it"])


def test_half_of_a_figure_is_not_shown_as_the_whole() -> None:
    """R30 is the soak and twenty runs of the suite."""
    assert unasked(["R30"], 20) == []
    assert unasked(["R1", "R30"], 0) == ["without 20 repeats of the suite: --repeats"]
    assert unasked(["R1"], 3) == ["without the soak: --soak", "without 20 repeats of the suite: --repeats"]


def test_counts_below_zero_are_none() -> None:
    """They would hide those above it."""
    with pytest.raises(ValueError, match="faults: -1 is no count"):
        counted(-1, 5)


_PLUGINS = [
    *("-p", "tests.figures"),
    *(word for name in ("randomly", "pytest-qt", "cacheprovider", "faulthandler") for word in ("-p", f"no:{name}")),
]
ENDING = """
import os
import pytest

@pytest.mark.figure("R3")
def test_before(figure):
    figure.none("faults", 0, 50)

@pytest.mark.figure("R3")
def test_end(figure):
    {end}

@pytest.mark.figure("R4")
def test_after(figure):
    figure.none("faults", 0, 50)

@pytest.mark.figure("R5")
def test_of_something_else(figure):
    raise AssertionError
"""


@pytest.mark.parametrize(
    ("end", "processes"),
    [("os.kill(os.getpid(), 9)", 0), ("os.kill(os.getpid(), 9)", 1), ("raise KeyboardInterrupt", 0)],
)
def test_a_test_that_takes_its_process_along(pytester: pytest.Pytester, end: str, processes: int) -> None:
    """It reports nothing, and its figure is missed all the same, like those of the tests that had to come after it."""
    pytester.makepyfile(ENDING.replace("{end}", end))
    results = pytester.path / "results.json"
    told = pytester.runpytest_subprocess(
        *_PLUGINS, "-n", str(processes), "--figures=R3,R4", f"--figure-results={results}"
    )
    tests = collect(results, ["R3", "R4"], int(told.ret))
    verdict = judge("R3", dataclasses.replace(ENTRY, cases=0), [test for test in tests if test["figure"] == "R3"])
    assert verdict.result == MISSED
    assert verdict.reasons
    assert "R5" not in {test["figure"] for test in tests}


def test_a_file_of_tests_that_cannot_be_read(pytester: pytest.Pytester) -> None:
    """Nobody knows which figures it would have measured, so all are missed."""
    pytester.makepyfile(test_good=ENDING.replace("{end}", "figure.none('faults', 0, 50)"), test_bad="import nothing")
    results = pytester.path / "results.json"
    for processes in ("0", "1"):  # only with workers the others run
        told = pytester.runpytest_subprocess(*_PLUGINS, "-n", processes, "--figures=R3", f"--figure-results={results}")
        tests = collect(results, ["R3"], int(told.ret))
        assert judge("R3", ENTRY, tests).result == MISSED, tests


def test_a_fixture_that_fails(pytester: pytest.Pytester) -> None:
    """Before or after the test: both are its figure's."""
    pytester.makepyfile(
        """
        import pytest

        @pytest.fixture
        def never():
            raise OSError("no room")

        @pytest.fixture
        def untidy():
            yield
            raise OSError("no broom")

        @pytest.mark.figure("R3")
        def test_setup(figure, never):
            figure.none("faults", 0, 50)

        @pytest.mark.figure("R4")
        def test_teardown(figure, untidy):
            figure.none("faults", 0, 50)
        """
    )
    results = pytester.path / "results.json"
    told = pytester.runpytest_inprocess(*_PLUGINS, "--figures=R3,R4", f"--figure-results={results}")
    tests = collect(results, ["R3", "R4"], int(told.ret))
    found = {test["figure"]: judge(test["figure"], ENTRY, [test]) for test in tests}
    assert {name: verdict.result for name, verdict in found.items()} == {"R3": MISSED, "R4": MISSED}
    assert found["R3"].reasons == ["OSError: no room"]
    assert found["R4"].reasons == ["OSError: no broom"]


def verdicts() -> list[Verdict]:
    return [judge("R1", ENTRY, [ran(counted(0, 1234), timed(11, "qt"))])]


def test_all_tables_tell_the_same(tmp_path: Path) -> None:
    """Text, JSON and Markdown; and the document around the table stays."""
    document = tmp_path / "document.md"
    document.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", "utf-8")
    replaceTable(document, verdicts(), RUN)
    markdown = document.read_text("utf-8")
    assert markdown.startswith(f"before\n{BEGIN}\n| |")
    assert markdown.endswith(f"{END}\nafter\n")
    assert "old" not in markdown
    text = asText(verdicts(), RUN)
    for shown in (markdown, text):
        assert all(part in shown for part in ("R1", "title", "0 of 1,234", "11 ms (qt)", "at most 10 ms", MISSED))
    told = asJson(verdicts(), RUN)
    assert told["run"]["seed"] == 1
    assert told["figures"]["R1"]["result"] == MISSED
    assert [each["met"] for each in told["figures"]["R1"]["measurements"]] == [True, False]


def test_the_file_has_every_value() -> None:
    """Also those that the table leaves out because another one is worse."""
    verdict = judge("R1", ENTRY, [ran(counted(0, 10), timed(3, "reactor")), ran(timed(5, "qt"))])
    found = json.loads(json.dumps(asJson([verdict], RUN)))["figures"]["R1"]
    assert [each["value"] for each in found["measurements"]] == [0, 5]
    values = [each["value"] for test in found["tests"] for each in test["measurements"] if each["what"] == "time"]
    assert values == [3, 5]


def test_the_command_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Names in small letters, and names that are none; without a seed one by chance; what cannot work ends at once."""
    options = parse(["r1", "R7", "--seed", "5", "--soak"])
    assert options.figures == ["R1", "R7"]
    assert commandOf(options) == "python -m benchmarks.reliability R1 R7 --seed 5 --soak"
    assert parse([]).seed != parse([]).seed
    document = tmp_path / "document.md"
    document.write_text("no table", "utf-8")
    for words, told in (
        (["R31"], "no such figure: R31"),
        (["--markdown", str(document)], "has no place for the table"),
        (["R1", "--markdown", str(document)], "--markdown is for all figures"),
    ):
        with pytest.raises(SystemExit):
            parse(words)
        assert told in capsys.readouterr().err


def test_there_is_a_test_for_each_figure() -> None:
    """But for what needs a program of others; and each mark is of a figure that exists."""
    assert list(FIGURES) == [f"R{number}" for number in range(1, 31)]
    sources = [path.read_text("utf-8") for place in PLACES for path in (ROOT / place).rglob("test_*.py")]
    marked = {name for source in sources for name in re.findall(r'mark\.figure\("(R\d+)"\)', source)}
    assert {name for name, entry in FIGURES.items() if not entry.extra} - marked == set()
    assert marked <= set(FIGURES)


def test_the_document_has_each_figure() -> None:
    """``python -m benchmarks.reliability --markdown docs/reliability.md`` was run since they have changed."""
    text = (ROOT / "docs" / "reliability.md").read_text("utf-8")
    for name, entry in FIGURES.items():
        assert f"| {name} | **{entry.title}.** {entry.method} |" in text
