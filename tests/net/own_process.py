"""Programs in a process of their own, for what concerns a whole process: its descriptors.

The process of the tests is no place for that: what an earlier test has left may let go of a descriptor at any moment.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_LIMIT = 100


def assertFine(program: str, *arguments: str) -> None:
    """Run a program, with warnings as errors; fail unless it prints "fine" in the end and nothing else."""
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=_ROOT,
        env=os.environ | {"PYTHONPATH": str(_ROOT)},
        check=False,
    )
    assert (result.returncode, result.stdout) == (0, "fine\n"), result.stderr
    assert result.stderr == ""


def useUpDescriptors() -> list[int]:
    """Leave this process without a free descriptor; gives those that it has taken, to be closed again."""
    import resource

    resource.setrlimit(resource.RLIMIT_NOFILE, (_LIMIT, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    taken = []
    with contextlib.suppress(OSError):
        while True:
            taken.append(os.dup(0))
    return taken
