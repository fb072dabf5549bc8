"""Proxies that others have written, as processes: dante's danted, and tinyproxy."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.net.test_connecting import freePort

_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"))
_DANTE = """
logoutput: stdout
internal: 127.0.0.1 port = {port}
external: 127.0.0.1
clientmethod: none
socksmethod: {method}
user.unprivileged: {user}
client pass {{ from: 0/0 to: 0/0 }}
socks block {{ from: 0/0 to: 0/0 port = {blocked} }}
socks pass {{ from: 0/0 to: 0/0 command: connect }}
"""
_TINYPROXY = """
Listen 127.0.0.1
Port {port}
Timeout 30
MaxClients 10
LogLevel Info
{more}
"""


@contextmanager
def danted(directory: Path, *, method: str = "none", blocked: int = 9) -> Iterator[int]:
    """A SOCKS server of version 4 and 5; its port.

    Args:
        directory: For its configuration.
        method: How it wants its users to prove who they are.
        blocked: A port that it lets nobody connect to.
    """
    user = getpass.getuser()
    with _running(
        "danted",
        ("-p", str(directory / "pid"), "-f"),
        directory / "danted.conf",
        "running",
        method=method,
        blocked=blocked,
        user=user,
    ) as port:
        yield port


@contextmanager
def tinyproxy(directory: Path, more: str = "") -> Iterator[int]:
    """An HTTP proxy; its port.

    Args:
        directory: For its configuration.
        more: Further lines of that.
    """
    with _running("tinyproxy", ("-d", "-c"), directory / "tinyproxy.conf", "Accepting connections", more=more) as port:
        yield port


@contextmanager
def _running(name: str, options: Sequence[str], file: Path, ready: str, **values: object) -> Iterator[int]:
    program = shutil.which(name, path=_PATH)
    if program is None:
        pytest.skip(f"there is no {name} here")
    template = _DANTE if name == "danted" else _TINYPROXY
    for _ in range(5):  # another process may take the port before it
        port = freePort()
        file.write_text(template.format(port=port, **values), "utf-8")
        with subprocess.Popen(
            [program, *options, str(file)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            try:
                assert process.stdout is not None
                lines = []
                for line in process.stdout:
                    lines.append(line)
                    if ready in line:
                        yield port
                        return
            finally:
                process.terminate()
    pytest.fail(f"{name} did not start:\n{''.join(lines)}")
