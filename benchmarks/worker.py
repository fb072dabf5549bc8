"""One measurement in a process of its own: ``python -m benchmarks.worker JSON``; prints JSON."""

from __future__ import annotations

import contextlib
import json
import os
import sys

from benchmarks import datagrams, workloads
from benchmarks.sides import makeSide, quietStandardError


def main() -> None:
    """Run what the argument describes and print the result as the last line."""
    task = json.loads(sys.argv[1])
    name = task["workload"]
    workload = getattr(datagrams if hasattr(datagrams, name) else workloads, name)
    quiet = quietStandardError() if task["side"] == "qt" else contextlib.nullcontext()
    with quiet:
        result = workload(makeSide(task["side"], task["group"]), task["count"], **task["options"])
    print(json.dumps(result), flush=True)
    os._exit(0)  # thousands of sockets need no orderly end here


main()
