"""What every source file keeps to: size, documented signals, and no traces of one machine."""

from __future__ import annotations

import ast
import os
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

import qtsecure

PACKAGE = Path(qtsecure.__file__).parent
ROOT = PACKAGE.parent

LARGEST_MODULE = 900
LARGEST_MEDIAN = 250

# Absolute paths that exist on the machine of one person; not a part of a longer path or of a URL.
MACHINE_PATH = re.compile(r"(?<![\w.~/$}-])/(?:work|home|root|tmp|mnt|Users)/\w")
NOT_OURS = {".git", ".venv", "build", "dist", "node_modules"}


def projectFiles() -> Iterator[Path]:
    """Walk over the text files of the project."""
    for directory, names, files in os.walk(ROOT):
        names[:] = [
            name
            for name in names
            if name not in NOT_OURS and not name.endswith(("_cache", "__", ".egg-info")) and name != ".hypothesis"
        ]
        for file in set(files) - NOT_OURS:  # .git is a file in a linked work tree
            path = Path(directory, file)
            if b"\0" not in path.read_bytes():
                yield path


def undocumentedSignals(source: str) -> list[str]:
    """Return the public signals of a module that have no ``#:`` comment above them."""
    lines = source.splitlines()
    found = []
    for definition in ast.walk(ast.parse(source)):
        if not isinstance(definition, ast.ClassDef):
            continue
        for node in definition.body:
            value = getattr(node, "value", None)
            if not (isinstance(value, ast.Call) and ast.unparse(value.func).split(".")[-1] == "Signal"):
                continue
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [ast.unparse(target) for target in targets]
            documented = lines[node.lineno - 2].strip().startswith("#:")
            found += [f"{definition.name}.{name}" for name in names if not name.startswith("_") and not documented]
    return found


def test_no_module_is_too_long() -> None:
    """One idea each."""
    sizes = {path: len(path.read_text("utf-8").splitlines()) for path in PACKAGE.rglob("*.py")}
    assert {str(path): size for path, size in sizes.items() if size > LARGEST_MODULE} == {}
    assert statistics.median(size for size in sizes.values() if size) < LARGEST_MEDIAN


@pytest.mark.parametrize(
    "path",
    sorted([*PACKAGE.glob("net/**/*.py"), *PACKAGE.glob("widgets/**/*.py")]),
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_signals_are_documented(path: Path) -> None:
    """Qt's signals have no argument names at run time; the comment above names them."""
    assert undocumentedSignals(path.read_text("utf-8")) == []


def test_undocumented_signals_are_found() -> None:
    """The check above can fail."""
    source = (
        "class A:\n    #: Known.\n    a = Signal()\n    b = QtCore.Signal(int)\n    _c = Signal()\n    d: X = Signal()"
    )
    assert undocumentedSignals(source) == ["A.b", "A.d"]


def test_no_file_names_a_path_of_one_machine() -> None:
    """The project works anywhere."""
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in projectFiles()
        # Inputs of the fuzzers need not be text.
        for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]
    assert found == []


@pytest.mark.parametrize("directory", ["work", "home", "root", "tmp"])
def test_machine_paths_are_found(directory: str) -> None:
    """The check above can fail, and lets URLs and longer paths through."""
    assert MACHINE_PATH.search(f"open('/{directory}/someone/file')")
    assert not MACHINE_PATH.search(f"https://example.org/{directory}/page")
    assert not MACHINE_PATH.search(f"tests/{directory}/page")
