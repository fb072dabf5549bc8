"""``python -m benchmarks.reliability [R1 R7 ...]``: measures the figures of reliability, each with its target.

Ends with 1 when a target was missed, and with 2 when nothing could be run. Times count, so the machine should have
nothing else to do.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import secrets
import sys
import time
from pathlib import Path

from benchmarks.reliability import machine
from benchmarks.reliability.catalog import FIGURES
from benchmarks.reliability.requirements import INSTALL, missing
from benchmarks.reliability.tables import Circumstances, asJson, asText, hasTable, replaceTable
from benchmarks.reliability.verdicts import MET, MISSED, judge

CHAOS = "R30"
REPEATS = 20
"""How often the suite is run in an order by chance for the whole of CHAOS."""


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reliability", description=__doc__)
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help="of R1 to R30; all but the soak by default")
    parser.add_argument("--list", action="store_true", help="show what there is and run nothing")
    parser.add_argument("--seed", type=int, default=None, help="repeat the chance of an earlier run")
    parser.add_argument("--soak", action="store_true", help=f"also {CHAOS}, which takes eight minutes")
    parser.add_argument(
        "--repeats", type=int, default=0, metavar="N", help=f"also run the whole suite N times ({CHAOS})"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every measurement there")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="replace the table in this document")
    options = parser.parse_args(arguments)
    options.figures = [name.upper() for name in options.figures]
    unknown = [name for name in options.figures if name not in FIGURES]
    if unknown:
        parser.error(f"no such figure: {', '.join(unknown)}")
    if options.markdown and options.figures:
        parser.error("--markdown is for all figures")
    if options.markdown and not hasTable(options.markdown):
        parser.error(f"{options.markdown} has no place for the table")
    if options.json and not options.json.parent.is_dir():
        parser.error(f"{options.json} has no directory to be in")
    if options.repeats < 0:
        parser.error("--repeats is a number of times")
    if options.seed is None:
        options.seed = secrets.randbelow(1 << 31)
    return options


def commandOf(options: argparse.Namespace) -> str:
    """What does the same again."""
    words = ["python -m benchmarks.reliability", *options.figures, f"--seed {options.seed}"]
    words += ["--soak"] if options.soak else []
    words += [f"--repeats {options.repeats}"] if options.repeats else []
    return " ".join(words)


def unasked(names: list[str], repeats: int) -> list[str]:
    """Which of the two parts of CHAOS nobody has asked for: what is met is only the other."""
    parts = ["without the soak: --soak"] if CHAOS not in names else []
    return parts + ([f"without {REPEATS} repeats of the suite: --repeats"] if repeats < REPEATS else [])


def main(arguments: list[str]) -> int:
    """The command."""
    options = parse(arguments)
    if options.list:
        for name, entry in FIGURES.items():
            print(f"{name:4} {entry.title}: {entry.method}")
        return 0
    if packages := missing():
        print(f"not run: {', '.join(packages)} cannot be imported; install them with {INSTALL}", file=sys.stderr)
        return 2
    from benchmarks.reliability.runs import repeatSuite, run  # they need these packages, too

    names = [*options.figures] or [name for name in FIGURES if name != CHAOS]
    names += [CHAOS] if options.soak and CHAOS not in names else []
    print(f"seed {options.seed}", file=sys.stderr)
    date, before, begun = dt.date.today(), machine.load(), time.monotonic()  # noqa: DTZ011 - the reader's day
    tests = run(names, options.seed)
    if options.repeats:
        tests.append(repeatSuite(CHAOS, options.repeats, options.seed))
    shown = [name for name in FIGURES if not options.figures or name in names or (name == CHAOS and options.repeats)]
    verdicts = [
        judge(
            name,
            FIGURES[name],
            [test for test in tests if test["figure"] == name],
            asked=name in names or (name == CHAOS and options.repeats > 0),
        )
        for name in shown
    ]
    for verdict in verdicts:
        if verdict.name == CHAOS and verdict.result == MET:
            verdict.reasons += unasked(names, options.repeats)
    circumstances = Circumstances(
        command=commandOf(options),
        date=date.isoformat(),
        machine=machine.describe(),
        load=f"{before} before and {machine.load()} after",
        seed=options.seed,
        seconds=round(time.monotonic() - begun, 1),
    )
    print(asText(verdicts, circumstances))
    if options.json:
        options.json.write_text(json.dumps(asJson(verdicts, circumstances), indent=2) + "\n", "utf-8")
    if options.markdown:
        replaceTable(options.markdown, verdicts, circumstances)
    return 1 if any(verdict.result == MISSED for verdict in verdicts) else 0


if __name__ == "__main__":
    try:
        code = main(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read it has seen enough, such as "head"; the interpreter must not flush once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    sys.exit(code)
