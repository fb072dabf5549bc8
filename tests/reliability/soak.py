"""R30: the soak as a function, and as a command: ``python -m tests.reliability.soak [--seconds 480] [--seed N]``.

What happens in it is in tests/reliability/soaking.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

__all__ = ["DURATION_S", "soak"]

DURATION_S = 480
_ROOT = Path(__file__).parents[2]


def soak(seconds: float, seed: int, only: str = "") -> dict[str, Any]:
    """Run the soak in a process of its own.

    Args:
        seconds: How long clients are started, after a round of all kinds.
        seed: Decides all chance, but not the moments of a real network.
        only: Only kinds of clients with this in their name, for example ``"DTLS awful"``.

    Returns:
        ``episodes``, ``bytes``, ``resumed``, ``outcomes``, ``serverErrors``; a count and examples of what was
        ``corrupted``, ``stuck`` and ``unexplained``; and what is ``left`` of everything that was counted.
    """
    process = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-m", "tests.reliability.soaking.worker", str(seconds), str(seed), only],
        cwd=_ROOT,
        env=os.environ | {"QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=seconds + 240,
        check=False,
    )
    if process.returncode:
        raise AssertionError(f"the soak ended with {process.returncode}:\n{process.stderr[-4000:]}")
    report: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    return report


def main() -> int:
    """Run and print everything; 1 if there is a problem."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=DURATION_S)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="only kinds of clients with this in their name")
    arguments = parser.parse_args()
    report = soak(arguments.seconds, arguments.seed, arguments.only)
    print(json.dumps(report, indent=2))
    return 1 if any(report[name][0] for name in ("corrupted", "stuck", "unexplained")) else 0


if __name__ == "__main__":
    sys.exit(main())
