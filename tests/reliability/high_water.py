"""How much memory a process has had at most since some moment."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

__all__ = ["HighWater"]


class HighWater:
    """Remembers the highest memory from its making on.

    Linux can begin the mark anew; elsewhere growth below an earlier high is not seen.
    """

    def __init__(self) -> None:
        self._resets = sys.platform == "linux"
        if self._resets:
            Path("/proc/self/clear_refs").write_text("5", "ascii")
        self._before = self._mark()

    def growth(self) -> int:
        """By how many bytes the highest memory exceeds what there was in the beginning."""
        return self._mark() - self._before

    def _mark(self) -> int:
        if self._resets:
            for line in Path("/proc/self/status").read_text("ascii", "replace").splitlines():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
        # KiB, but bytes on macOS.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
