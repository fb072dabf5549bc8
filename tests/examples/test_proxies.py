"""The programs of the page about proxies."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from qtsecure.testing import PublicKeyInfrastructure
from qtsecure.testing.peers import PythonTlsServer
from tests.examples.running import ROOT
from tests.examples.test_docs import DOCS, programs
from tests.net.proxy_servers import Socks5Proxy
from tests.ports import closedPort


def run(code: str, directory: Path) -> tuple[int, str, str]:
    """Exit code, output and errors of a program."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_rules(tmp_path: Path) -> None:
    """It prints what the page says."""
    (expected,) = re.findall(
        r"^```text\n(.*?)^```", (DOCS / "howto-proxies.md").read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    assert run(programs("howto-proxies")["rules"], tmp_path) == (0, expected, "")


@pytest.mark.parametrize("password", ["secret", "wrong"])
def test_tunnel(tmp_path: Path, password: str) -> None:
    """The answer comes through the proxy, or a sentence from it."""
    pki = PublicKeyInfrastructure()
    pki.ca.writeTo(tmp_path, "ca")
    code = programs("howto-proxies")["tunnel"]
    assert code.count("4433") == code.count(":1080") == 1
    with PythonTlsServer(pki.server) as server, Socks5Proxy(user="joe", password=password) as proxy:
        code = code.replace("4433", str(server.port)).replace(":1080", f":{proxy.port}")
        if password == "secret":
            assert run(code, tmp_path) == (0, "answer: how are you?\n", "")
            assert proxy.asked == [("localhost", server.port)]
        else:
            exitCode, out, err = run(code, tmp_path)
            assert (exitCode, out) == (1, "")
            assert err == (
                f"The proxy 127.0.0.1:{proxy.port} does not accept the user name and the password; check them.\n"
            )


def test_tunnel_without_a_proxy(tmp_path: Path) -> None:
    """Nobody listens at the proxy's place: the program says so, and ends."""
    PublicKeyInfrastructure().ca.writeTo(tmp_path, "ca")
    with closedPort() as port:
        code = programs("howto-proxies")["tunnel"].replace(":1080", f":{port}")
        assert run(code, tmp_path) == (1, "", f"Connection refused: nothing listens on port {port} of 127.0.0.1.\n")
