"""The example with local sockets."""

from __future__ import annotations

import uuid
from pathlib import Path

from qtsecure.testing.certificates import selfSignedCertificate
from tests.examples.running import certificateFiles, finish, start


def test_conversation(tmp_path: Path) -> None:
    """Two clients one after the other, and one that does not trust the server."""
    certificateFiles(tmp_path)
    name = f"qtsecure-{uuid.uuid4().hex}"
    server = start("local_socket/server.py", tmp_path, name)
    try:
        assert server.stdout is not None
        assert name in server.stdout.readline()
        for word in ("hello", "once more"):
            client = start("local_socket/client.py", tmp_path, word, name)
            assert finish(client) == (0, f"TlsV1_3 -> {word.upper()}\n", "")
        (tmp_path / "server.pem").write_bytes(selfSignedCertificate().chainPem())
        code, _, err = finish(start("local_socket/client.py", tmp_path, "hello", name))
        assert code == 1
        assert "signed" in err or "trusted" in err
        assert server.poll() is None
    finally:
        server.kill()
        assert server.communicate(timeout=120) == ("", "")
    code, _, err = finish(start("local_socket/client.py", tmp_path, "hello", name))
    assert code == 1
    assert err
