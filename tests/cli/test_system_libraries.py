"""Which package brings what is missing."""

from __future__ import annotations

import pytest

from qtsecure.cli.system_libraries import explainImportError, installCommand, missingLibraries, packageOf

LDD = """\
        linux-vdso.so.1 (0x00007ffd)
        libEGL.so.1 => not found
        libQt6Core.so.6 => /opt/lib/libQt6Core.so.6 (0x00007f)
        libxkbcommon.so.0 => not found
        libEGL.so.1 => not found
"""


def test_of_an_import_error() -> None:
    """Python's words."""
    text = "ImportError: libglib-2.0.so.0: cannot open shared object file: No such file or directory"
    assert missingLibraries(text) == ["libglib-2.0.so.0"]
    assert missingLibraries("No module named 'PySide6'") == []


def test_of_ldd() -> None:
    """Each library once, in order."""
    assert missingLibraries(LDD) == ["libEGL.so.1", "libxkbcommon.so.0"]


@pytest.mark.parametrize(
    ("library", "package"),
    [("libEGL.so.1", "libegl1"), ("libgthread-2.0.so.0", "libglib2.0-0"), ("libxcb-cursor.so.0", "libxcb-cursor0")],
)
def test_packages(library: str, package: str) -> None:
    """Debian's names."""
    assert packageOf(library) == package
    assert packageOf("libunheard-of.so.7") is None


def test_command() -> None:
    """Each package once."""
    assert installCommand(["libgl1", "libegl1", "libgl1"]) == "apt-get install libegl1 libgl1"


@pytest.mark.parametrize(
    ("library", "advice"),
    [("libbrotlidec.so.1", "apt-get install libbrotli1"), ("libother.so.3", "package of your distribution")],
)
def test_sentence(library: str, advice: str) -> None:
    """It names the library and what to do."""
    text = explainImportError(ImportError(f"{library}: cannot open shared object file: No such file or directory"))
    assert text is not None
    assert library in text
    assert advice in text


def test_other_import_errors() -> None:
    """A defect of ours is not explained away."""
    assert explainImportError(ImportError("cannot import name 'x' from 'y'")) is None
