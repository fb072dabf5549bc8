"""Runs a target with its corpus and mutants, and tells what came out of it that should not."""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass, field

from tests.fuzz.mutations import Mutator
from tests.fuzz.targets import Target

__all__ = ["Findings", "fuzz", "isTooSlow"]

SLOW = 0.5
"""Seconds of processor time that no input of a few KiB may take."""
_MOST_FINDINGS = 10


@dataclass
class Findings:
    """What a run has found.

    Attributes:
        executions: How many inputs were run.
        seconds: How long that took.
        failures: The shortest input of each kind, and what happened.
    """

    executions: int = 0
    seconds: float = 0.0
    failures: dict[str, tuple[bytes, str]] = field(default_factory=dict)

    def add(self, kind: str, data: bytes, text: str) -> None:
        known = self.failures.get(kind)
        if (known is None and len(self.failures) < _MOST_FINDINGS) or (known and len(data) < len(known[0])):
            self.failures[kind] = (data, text)

    def __str__(self) -> str:
        return "\n".join(f"{data!r}\n{text}" for data, text in self.failures.values())


def fuzz(target: Target, mutants: int, seed: int = 0) -> Findings:
    """Run the corpus, and so many mutants of it."""
    findings = Findings()
    corpus = target.corpus()
    mutator = Mutator(corpus, target.words, der=target.der, seed=seed)
    begin = time.perf_counter()
    for number in range(len(corpus) + mutants):
        _once(target, corpus[number] if number < len(corpus) else mutator.next(), findings)
    findings.seconds = time.perf_counter() - begin
    return findings


def _once(target: Target, data: bytes, findings: Findings) -> None:
    findings.executions += 1
    begin = time.process_time()
    try:
        target.outcome(data)
    except KeyboardInterrupt:
        raise
    # Also what is no Exception: a panic of Rust, for instance.
    except BaseException as error:  # noqa: BLE001 - reported as a finding
        place = traceback.extract_tb(error.__traceback__)[-1]
        findings.add(f"{type(error).__name__} {place.filename}:{place.lineno}", data, traceback.format_exc())
    else:
        if time.process_time() - begin > SLOW and isTooSlow(target, data):
            findings.add("slow", data, f"An input of {len(data)} bytes takes more than {SLOW} s.")


def isTooSlow(target: Target, data: bytes, limit: float = SLOW) -> bool:
    """Whether it is too slow each time, and not because something was imported or collected."""
    return min(_duration(target, data) for _ in range(3)) > limit


def _duration(target: Target, data: bytes) -> float:
    begin = time.process_time()
    target.outcome(data)
    return time.process_time() - begin
