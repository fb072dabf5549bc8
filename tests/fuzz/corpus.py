"""Makes the saved corpus anew: ``python -m tests.fuzz.corpus``, or with names of targets only these.

For each target mutants of its seeds are tried, and those are kept with which something new happens: another line of
qtsecure follows upon a line, or the outcome is another. The same seeds give the same files. What is called ``seed-...``
stays as it is: there is a random salt or the time in it; and so does ``found-...``: regression cases.

``--grow SECONDS`` adds to the present corpus instead of beginning anew, with mutants of what is there.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType

from PySide6.QtCore import QCoreApplication

from tests.fuzz.mutations import Mutator
from tests.fuzz.targets import TARGETS, Target
from tests.fuzz.targets.target import CORPUS

_SOURCES = str(Path(__file__).parents[2] / "qtsecure")
_TRIES = 4000
_MOST_FILES = 36
_LARGEST = 4096
_KEPT = ("seed-", "found-")

_DIGITS = re.compile(r"[0-9]+|'.*?'|\".*?\"")

Feature = tuple[object, ...]


class _Coverage:
    """Which line of qtsecure follows upon which, and what comes of it."""

    def __init__(self) -> None:
        self.features: set[Feature] = set()

    def watch(self, target: Target, data: bytes) -> set[Feature]:
        """What one run reaches."""
        self.features = set()
        sys.settrace(self._call)
        try:
            outcome = repr(target.run(data))
        except target.allowed as error:
            # The reasons of cryptography and OpenSSL, whose own lines cannot be seen.
            outcome = _DIGITS.sub("", f"{type(error).__name__} {error} {getattr(error, 'engineReasons', '')}")
        finally:
            sys.settrace(None)
        return self.features | {("outcome", outcome)}

    def _call(self, frame: FrameType, event: str, argument: object) -> Callable[..., object] | None:
        code = frame.f_code
        return _LineTracer(self.features, code) if code.co_filename.startswith(_SOURCES) else None


class _LineTracer:
    def __init__(self, features: set[Feature], code: CodeType) -> None:
        self._features = features
        self._code = code
        self._last = 0

    def __call__(self, frame: FrameType, event: str, argument: object) -> _LineTracer:
        line = frame.f_lineno
        self._features.add((self._code, self._last, line))
        self._last = line
        return self


def make(target: Target, *, begin: list[bytes], tries: int, most: int, seconds: float = float("inf")) -> list[bytes]:
    """The inputs that are worth keeping, those of ``begin`` first."""
    coverage = _Coverage()
    for data in begin:
        target.outcome(data)  # what is cached or imported late is no feature of the input
    seen: set[Feature] = set()
    kept: list[bytes] = []
    mutator = Mutator(begin, target.words, der=target.der, seed=sum(target.name.encode()))
    end = time.monotonic() + seconds
    for number in range(tries + len(begin)):
        if len(kept) >= most or time.monotonic() > end:
            break
        data = begin[number] if number < len(begin) else mutator.next()
        features = coverage.watch(target, data)
        if number < len(begin) or (features - seen and len(data) <= _LARGEST):
            kept.append(data)
            mutator.add(data)
        seen |= features
    return kept


def save(target: Target, inputs: list[bytes], *, keep: bool) -> int:
    """Write the inputs, each under its hash; the number of files."""
    place = CORPUS / target.name
    place.mkdir(parents=True, exist_ok=True)
    for path in [] if keep else target.files():
        if not path.name.startswith(_KEPT):
            path.unlink()
    known = {path.read_bytes() for path in target.files()}
    for data in inputs:
        if data not in known:
            place.joinpath(hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    return len(target.files())


def main() -> None:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", help="names of targets; all of them by default")
    parser.add_argument("--grow", type=float, metavar="SECONDS", help="for each target")
    arguments = parser.parse_args()
    application = QCoreApplication([])
    for target in TARGETS:
        if arguments.targets and target.name not in arguments.targets:
            continue
        if arguments.grow:
            begin = target.corpus()
            inputs = make(target, begin=begin, tries=1 << 40, most=len(begin) + _MOST_FILES, seconds=arguments.grow)
        else:
            tries = max(200, int(_TRIES * min(1.0, target.share)))
            inputs = make(target, begin=list(target.seeds()), tries=tries, most=_MOST_FILES)
        print(f"{target.name:20} {save(target, inputs, keep=bool(arguments.grow)):4} files")
    del application


if __name__ == "__main__":
    main()
