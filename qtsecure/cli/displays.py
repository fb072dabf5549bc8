"""Whether windows can be shown here; Qt itself aborts the process where they cannot."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from qtsecure.cli.system_libraries import (
    installCommand,
    missingLibraries,
    packageOf,
    pysideFile,
    unresolvedLibraries,
)

__all__ = ["displayProblem"]

_WINDOW_PLUGIN = "Qt/plugins/platforms/libqxcb.so"


def displayProblem(environment: Mapping[str, str]) -> str:
    """What keeps windows from being shown, in one sentence with a remedy; empty for nothing. Linux only."""
    platform = environment.get("QT_QPA_PLATFORM", "")
    if sys.platform != "linux" or (platform and not platform.startswith(("xcb", "wayland"))):
        return ""  # the others paint into memory, on the screen itself, or into the network
    if environment.get("WAYLAND_DISPLAY"):
        return ""
    if not environment.get("DISPLAY"):
        return "There is no display: neither DISPLAY nor WAYLAND_DISPLAY is set."
    plugin = pysideFile(_WINDOW_PLUGIN)
    missing = missingLibraries(unresolvedLibraries(plugin)) if plugin is not None else []
    if not missing:
        return ""
    packages = [package for library in missing if (package := packageOf(library))]
    advice = f"on Debian and Ubuntu run '{installCommand(packages)}'" if packages else "install it"
    return f"The system lacks {', '.join(missing)}, which windows need; {advice}."
