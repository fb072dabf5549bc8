"""Runs the files of an example in a directory with a certificate."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import qtsecure
from qtsecure.testing.certificates import selfSignedCertificate

ROOT = Path(qtsecure.__file__).parents[1]


def certificateFiles(directory: Path) -> None:
    """Make server.pem and server-key.pem as the README does."""
    files = selfSignedCertificate().writeTo(directory, "server")
    files.key.rename(directory / "server-key.pem")


def start(example: str, directory: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start one file of an example."""
    return _python(directory, [str(ROOT / "examples" / example), *arguments])


def startOnPort(code: str, directory: Path, port: int, *places: Path) -> subprocess.Popen[str]:
    """Start a program that says 4433 on another port than everybody's.

    Args:
        code: Its source.
        directory: Where it runs.
        port: What it gets instead; 0 lets a server take any.
        places: Where else it finds modules.
    """
    assert code.count("4433") == 1
    return _python(directory, ["-c", code.replace("4433", str(port))], *places)


def startCommand(directory: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start the command qtsecure."""
    return _python(directory, ["-m", "qtsecure", *arguments])


def _python(directory: Path, arguments: list[str], *places: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-u", *arguments],
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (ROOT, *places)))},
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Wait for the end: exit code and both outputs."""
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err
