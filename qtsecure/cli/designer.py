"""``qtsecure designer``: starts Qt Designer so that it finds the widgets, which takes more than its name.

The designer of PySide6 embeds a Python that has to find this environment: through ``python3`` on PATH
or through PYTHONPATH (VIRTUAL_ENV is not looked at), and only if there is a shared libpython.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

import qtsecure
from qtsecure.cli.displays import displayProblem
from qtsecure.cli.exit_codes import ExitCode
from qtsecure.cli.output import Output
from qtsecure.cli.system_libraries import NOT_FROM_HERE, pysideFile

__all__ = ["designer", "designerEnvironment", "hasSharedPython", "pluginDirectory"]

_START = "from PySide6.scripts.pyside_tool import designer; designer()"
_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
_DESIGNER = ("designer", "designer.exe", "Designer.app")


def designer(options: argparse.Namespace) -> ExitCode:
    """Run Qt Designer until the user closes it."""
    output = Output("designer")
    form: str | None = options.form
    if form is not None and not os.path.isfile(form):
        output.error("Usage", f"There is no form {form!r}; without a name Designer begins with an empty one.")
        return ExitCode.USAGE
    problem = _problem(os.environ)
    if problem:
        output.error("Missing", problem)
        return ExitCode.INTERNAL_ERROR
    words = [sys.executable, "-c", NOT_FROM_HERE + _START, *([form] if form is not None else [])]
    run = subprocess.run(words, env=designerEnvironment(os.environ), check=False)
    if run.returncode:
        output.error("Failed", f"Qt Designer ended with the code {run.returncode}.")
        return ExitCode.INTERNAL_ERROR
    return ExitCode.OK


def pluginDirectory() -> Path:
    """Return the folder with the script that Designer executes: in the package, or in the checkout."""
    package = Path(qtsecure.__file__).parent
    installed = package / "designer" / "plugins"
    return installed if installed.is_dir() else package.parent / "designer_plugins"


def designerEnvironment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment in which Designer finds this Python, its packages, and the plugins."""
    packages = [path for path in sys.path if path.endswith("-packages") and os.path.isdir(path)]
    search = [str(Path(qtsecure.__file__).parents[1]), *packages]
    return {
        **environment,
        "PATH": _joined([str(Path(sys.executable).parent)], environment.get("PATH")),
        "PYTHONPATH": _joined(list(dict.fromkeys(search)), environment.get("PYTHONPATH")),
        "PYSIDE_DESIGNER_PLUGINS": _joined([str(pluginDirectory())], environment.get("PYSIDE_DESIGNER_PLUGINS")),
    }


def hasSharedPython() -> bool:
    """Whether this Python is there as a library, too; Linux only."""
    directory, machine = (sysconfig.get_config_var(name) or "" for name in ("LIBDIR", "MULTIARCH"))
    return any(Path(place, _sharedPython()).exists() for place in (directory, Path(directory, machine)))


def _sharedPython() -> str:
    return f"libpython{_VERSION}{sys.abiflags}.so"


def _joined(first: list[str], rest: str | None) -> str:
    return os.pathsep.join([*first, *([rest] if rest else [])])


def _problem(environment: Mapping[str, str]) -> str:
    """What keeps Designer from working here, in one sentence with a remedy; empty for nothing."""
    if not any(pysideFile(name) for name in _DESIGNER):
        return "There is no Qt Designer in PySide6; run 'pip install PySide6-Essentials'."
    if sys.platform == "linux" and not hasSharedPython():
        return (
            f"There is no {_sharedPython()}, without which Qt Designer cannot load plugins in Python; on Debian and "
            f"Ubuntu run 'apt-get install libpython{_VERSION}-dev', or build Python with --enable-shared."
        )
    return displayProblem(environment)
