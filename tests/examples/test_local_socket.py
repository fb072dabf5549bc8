"""The examples with local sockets, as streams and for datagrams."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from qtsecure.testing.certificates import selfSignedCertificate
from tests.examples.running import certificateFiles, finish, start


@pytest.mark.parametrize(("example", "protocol"), [("local_socket", "TlsV1_3"), ("custom_datagrams", "DtlsV1_2")])
def test_conversation(tmp_path: Path, example: str, protocol: str) -> None:
    """Two clients one after the other, and one that does not trust the server."""
    certificateFiles(tmp_path)
    name = f"qtsecure-{uuid.uuid4().hex}"
    server = start(f"{example}/server.py", tmp_path, name)
    try:
        assert server.stdout is not None
        assert name in server.stdout.readline()
        for word in ("hello", "once more"):
            client = start(f"{example}/client.py", tmp_path, word, name)
            assert finish(client) == (0, f"{protocol} -> {word.upper()}\n", "")
        (tmp_path / "server.pem").write_bytes(selfSignedCertificate().chainPem())
        code, _, err = finish(start(f"{example}/client.py", tmp_path, "hello", name))
        assert code == 1
        assert "signed" in err or "trusted" in err
        assert server.poll() is None
    finally:
        server.kill()
        assert server.communicate(timeout=120) == ("", "")
    code, _, err = finish(start(f"{example}/client.py", tmp_path, "hello", name))
    assert code == 1
    assert err
