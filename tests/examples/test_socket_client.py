"""The pages about SocketClient, and its window."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import qtsecure
from qtsecure.testing import PublicKeyInfrastructure
from tests.examples.running import finish, start, startOnPort
from tests.examples.test_docs import DOCS, programs
from tests.net.conversation import settle

BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)

# What Gio's page of the class lists: its methods, properties, signal and virtual method.
METHODS = """
new add_application_proxy connect connect_async connect_finish connect_to_host connect_to_host_async
connect_to_host_finish connect_to_service connect_to_service_async connect_to_service_finish connect_to_uri
connect_to_uri_async connect_to_uri_finish get_enable_proxy get_family get_local_address get_protocol
get_proxy_resolver get_socket_type get_timeout get_tls get_tls_validation_flags set_enable_proxy set_family
set_local_address set_protocol set_proxy_resolver set_socket_type set_timeout set_tls set_tls_validation_flags
do_event event
"""
PROPERTIES = "enable_proxy family local_address protocol proxy_resolver timeout tls tls_validation_flags type"


def test_first_program(tmp_path: Path) -> None:
    """It talks to the server of another page, and tells each step."""
    pki = PublicKeyInfrastructure()
    pki.ca.writeTo(tmp_path, "ca")
    files = pki.server.writeTo(tmp_path, "server")
    files.key.rename(tmp_path / "server-key.pem")
    server = startOnPort(programs("howto-first-server")["server"], tmp_path, 0)
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline().removeprefix("listening on port "))
        client = startOnPort(programs("howto-socket-client")["client"], tmp_path, port)
        out, err = client.communicate(timeout=120)
    finally:
        server.kill()
        server.communicate(timeout=120)
    assert (client.returncode, err) == (0, "")
    assert out.splitlines()[0] == "Looking up localhost"
    assert "answer: HELLO" in out


def test_other_blocks_run(qapp: object) -> None:
    """They are parts of programs, and begin nothing that would have to be waited for."""
    text = (DOCS / "howto-socket-client.md").read_text("utf-8")
    parts = [code for code in BLOCK.findall(text) if "application.exec" not in code]
    assert len(parts) == 3
    for code in parts:
        exec(compile(code, "howto-socket-client.md", "exec"), {"__name__": "part"})
        settle()  # what was begun there was cancelled there


def test_window(tmp_path: Path) -> None:
    """It connects to its own server, without any set-up, and draws itself."""
    picture = tmp_path / "window.png"
    process = start("connect_progress/window.py", tmp_path, "--headless", "--screenshot", str(picture), "--dark")
    code, out, _ = finish(process)
    assert code == 0
    assert out.splitlines()[-2:] == ["The connection is encrypted", "Connected to localhost, encrypted"]
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("target", "text"), [("localhost:1", "refused"), ("localhost:", "port is empty")])
def test_window_that_cannot_connect(tmp_path: Path, target: str, text: str) -> None:
    """It says why."""
    code, out, _ = finish(start("connect_progress/window.py", tmp_path, target, "--headless"))
    assert code == 1
    assert text in out.splitlines()[-1]


def test_every_member_of_gio_has_its_place() -> None:
    """And what stands beside it exists."""
    page = (DOCS / "porting" / "gio-socket-client.md").read_text("utf-8")
    table = page.partition("| Gio.SocketClient |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", table, re.MULTILINE)
    listed = [name for left, _ in rows for name in re.findall(r"`(?:props\.)?(\w+)`", left)]
    wanted = f"{METHODS} {PROPERTIES}".split()
    assert sorted(listed) == sorted(wanted)
    ours = {name for _, right in rows for name in re.findall(r"`(\w+)`", right)}
    assert [name for name in ours if not hasattr(qtsecure.SocketClient, name)] == []
    new = page.partition("What is new:")[2].partition("\n\n")[0]
    assert [name for name in re.findall(r"`(\w+)`", new) if not hasattr(qtsecure.SocketClient, name)] == []
