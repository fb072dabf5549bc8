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
    return subprocess.Popen(
        [sys.executable, "-u", str(ROOT / "examples" / example), *arguments],
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Wait for the end: exit code and both outputs."""
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err
