"""Examples that are started without what they need."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.examples.running import finish, start


@pytest.mark.parametrize("example", ["starttls_mail", "local_socket", "custom_datagrams"])
def test_clients_without_a_text(tmp_path: Path, example: str) -> None:
    """They say how they are called, and end."""
    code, out, err = finish(start(f"{example}/client.py", tmp_path))
    assert (code, out) == (2, "")
    assert err.startswith("usage: client.py TEXT [")
    assert len(err.splitlines()) == 1
