"""``python -m benchmarks [ROW ...] [--repeats N] [--json FILE] [--plot FILE.png]``.

Runs each row on Qt's side and on ours in turn, every measurement in a fresh process, and prints the
medians, their spread and the ratio beside what the ratio must be.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import textwrap
from dataclasses import asdict
from typing import Any

from benchmarks.rows import ROWS, Row


def measure(row: Row, side: str) -> dict[str, Any]:
    """One run of one side in a fresh process."""
    task = {**asdict(row), "side": side}
    finished = subprocess.run(
        [sys.executable, "-m", "benchmarks.worker", json.dumps(task)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if finished.returncode or not finished.stdout.strip():
        raise SystemExit(f"{row.title} ({side}) failed:\n{finished.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(finished.stdout.strip().splitlines()[-1])
    return result


class Outcome:
    """The measurements of one row."""

    def __init__(self, name: str, row: Row) -> None:
        self.name, self.row = name, row
        self.figures: dict[str, list[float]] = {"qt": [], "qtsecure": []}
        self.facts: dict[str, str] = {}
        self.unit = row.unit

    def add(self, side: str, result: dict[str, Any]) -> None:
        """Note one measurement."""
        self.figures[side].append(result[self.row.figure])
        self.facts[side] = result["facts"]
        self.unit = self.unit or result.get("unit", "")

    def median(self, side: str) -> float | None:
        """The median of a side, if it was run."""
        return statistics.median(self.figures[side]) if self.figures[side] else None

    def ratio(self, outcomes: dict[str, Outcome]) -> float | None:
        """Ours by Qt's, or by our own of another row."""
        ours, theirs = self.median("qtsecure"), self.median("qt")
        if self.row.own:
            theirs = outcomes[self.row.own].median("qtsecure") if self.row.own in outcomes else None
        return ours / theirs if ours is not None and theirs else None

    def verdict(self, outcomes: dict[str, Outcome]) -> str:
        """Whether the row reaches what it must."""
        bound = self.row.must
        figure = self.median("qtsecure") if self.row.absolute else self.ratio(outcomes)
        if bound is None or figure is None:
            return ""
        if self.row.baseline in outcomes:
            figure -= outcomes[self.row.baseline].median("qtsecure") or 0
        reached = figure <= bound if self.row.lower else figure >= bound
        return "reached" if reached else "MISSED"


def spread(figures: list[float]) -> str:
    """Minimum to maximum, in percent of the median."""
    if len(figures) < 2:
        return ""
    middle = statistics.median(figures)
    return f"{(min(figures) / middle - 1) * 100:+.0f}..{(max(figures) / middle - 1) * 100:+.0f} %"


def number(value: float | None) -> str:
    """Three or four digits that matter."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def show(outcomes: dict[str, Outcome]) -> bool:
    """Print the table; whether every bound was reached."""
    print(f"{'row':22} {'Qt':>12} {'ours':>12} {'unit':6} {'ratio':>7} {'must':>6} {'goal':>6}  spread of ours")
    reached = True
    for name, outcome in outcomes.items():
        verdict = outcome.verdict(outcomes)
        reached = reached and verdict != "MISSED"
        row = outcome.row
        ratio = outcome.ratio(outcomes)
        shown = f"{ratio:.2f}" if ratio is not None else "-"
        print(
            f"{name:22} {number(outcome.median('qt')):>12} {number(outcome.median('qtsecure')):>12} "
            f"{outcome.unit:6} {shown:>7} {row.must or '':>6} {row.goal or '':>6}  "
            f"{spread(outcome.figures['qtsecure']):14} {verdict}"
        )
    print()
    for name, outcome in outcomes.items():
        print(f"{name}: {outcome.row.title}")
        for side, facts in outcome.facts.items():
            if facts:
                print(f"    {side}: {facts}")
    return reached


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    # argparse's own lines end at hyphens, in the middle of a name.
    rows = textwrap.fill(f"of {', '.join(ROWS)}; all of them by default", 80, break_on_hyphens=False)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=rows)
    parser.add_argument("--repeats", type=int, default=3, help="runs of each side (default 3)")
    parser.add_argument("--json", metavar="FILE", help="write every measurement there")
    parser.add_argument("--plot", metavar="FILE.png", help="also measure and draw ping-pong against idle pairs")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.rows if name not in ROWS]
    if unknown:
        parser.error(f"no such row: {', '.join(unknown)}")
    names = arguments.rows or list(ROWS)
    outcomes = {name: Outcome(name, ROWS[name]) for name in names}
    for repeat in range(arguments.repeats):
        done: dict[tuple[Any, ...], dict[str, Any]] = {}  # several rows may be figures of the same work
        for name in names:
            row = ROWS[name]
            sides = ["qt", "qtsecure"] if repeat % 2 == 0 else ["qtsecure", "qt"]
            for side in sides:
                work = row.workload, row.count, row.group, tuple(row.options.items()), side
                if work not in done:
                    print(f"{repeat + 1}/{arguments.repeats} {name} {side}", file=sys.stderr)
                    done[work] = measure(row, side)
                outcomes[name].add(side, done[work])
    reached = show(outcomes)
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump({name: outcome.figures for name, outcome in outcomes.items()}, file, indent=2)
    if arguments.plot:
        from benchmarks.plot import idlePlot

        idlePlot(arguments.plot, measure)
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
