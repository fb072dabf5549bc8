"""From what the tests have measured to one verdict for each figure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks.reliability.catalog import Entry
from benchmarks.reliability.measurement import Measurement

__all__ = ["MET", "MISSED", "NOT_RUN", "Verdict", "combine", "judge"]

MET, MISSED, NOT_RUN = "met", "MISSED", "not run"


@dataclass(slots=True)
class Verdict:
    """What has come of a figure.

    Attributes:
        name: Of the figure.
        entry: What it is about.
        result: MET, MISSED or NOT_RUN.
        reasons: Why it was missed or not run, where the numbers do not tell.
        lines: What was measured, the tests that measure the same thing in one.
        seconds: How long its tests took.
        tests: Each of them, with every value.
    """

    name: str
    entry: Entry
    result: str
    reasons: list[str] = field(default_factory=list)
    lines: list[Measurement] = field(default_factory=list)
    seconds: float = 0
    tests: list[dict[str, Any]] = field(default_factory=list)


def combine(measurements: Iterable[Measurement]) -> list[Measurement]:
    """One for each thing that was measured: counts are added up, of other values the worst one stays."""
    found: dict[tuple[str, str, float], Measurement] = {}
    for each in measurements:
        key = (each.what, each.sense, each.limit)
        known = found.get(key)
        if known is None:
            found[key] = each
        elif each.sense == "none":
            variant = known.variant if known.value else each.variant
            found[key] = replace(known, value=known.value + each.value, of=known.of + each.of, variant=variant)
        else:
            found[key] = replace(each if each.worse(known) else known, of=known.of + each.of)
    return [replace(each, variant="") if each.sense == "none" and not each.value else each for each in found.values()]


def judge(name: str, entry: Entry, tests: Iterable[dict[str, Any]], *, asked: bool = True) -> Verdict:
    """The verdict on a figure by its tests, as the file of results has them; with whether it should have been run."""
    tests = list(tests)
    result, reasons, lines = _judge(name, entry, tests, asked)
    return Verdict(name, entry, result, reasons, lines, sum(test["seconds"] for test in tests), tests)


def _judge(
    name: str, entry: Entry, tests: list[dict[str, Any]], asked: bool
) -> tuple[str, list[str], list[Measurement]]:
    lines = combine(Measurement.fromJson(each) for test in tests for each in test["measurements"])
    skipped = [test["reason"] for test in tests if test["outcome"] == "skipped"]
    failed = [test["reason"] for test in tests if test["outcome"] == "failed"]
    if failed or not all(each.met for each in lines):
        # Where a number missed its target, the line of it says so already.
        reasons = [reason for reason in failed if not any(reason.startswith(f"{name} {each.what}") for each in lines)]
        return MISSED, sorted(set(reasons)), lines
    if not lines:
        reason = sorted(set(skipped)) or ["no test has measured it" if asked else entry.extra]
        return NOT_RUN if skipped or not asked else MISSED, reason, lines
    if empty := sorted(each.what for each in lines if each.sense == "none" and not each.of):
        return MISSED, [f"no case was looked at: {what}" for what in empty], lines
    cases = max(each.of for each in lines)
    if cases < entry.cases:
        return MISSED, [f"only {cases:,} of {entry.cases:,} cases were looked at"], lines
    return MET, [f"partly skipped: {reason}" for reason in sorted(set(skipped))], lines
