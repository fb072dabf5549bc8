"""A long hunt: ``python -m tests.fuzz --executions 1000000 --seed 7``, or with names of targets only these.

What it finds is shown, and saved as ``found-...`` in the corpus of the target.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys

from PySide6.QtCore import QCoreApplication

from tests.fuzz.running import fuzz
from tests.fuzz.targets import TARGETS
from tests.fuzz.targets.target import CORPUS


def main() -> int:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", help="names of targets; all of them by default")
    parser.add_argument("--executions", type=int, default=1_000_000, help="of all targets together")
    parser.add_argument("--seed", type=int, default=1, help="another one makes other mutants")
    arguments = parser.parse_args()
    application = QCoreApplication([])
    targets = [target for target in TARGETS if not arguments.targets or target.name in arguments.targets]
    shares = sum(target.share for target in targets)
    executions = failures = 0
    for target in targets:
        found = fuzz(target, int(arguments.executions * target.share / shares), arguments.seed)
        executions += found.executions
        failures += len(found.failures)
        print(f"{target.name:20} {found.executions:9} executions {found.executions / found.seconds:9.0f}/s", flush=True)
        for data, text in found.failures.values():
            name = f"found-{hashlib.sha256(data).hexdigest()[:12]}"
            CORPUS.joinpath(target.name, name).write_bytes(data)
            print(f"{name}: {data!r}\n{text}")
    print(f"{executions} executions, {failures} findings")
    del application
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
