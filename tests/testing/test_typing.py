"""Typed tests need no exceptions from their types: mypy accepts what the how-to shows, with annotations."""

from __future__ import annotations

from pathlib import Path

import pytest

CODE = """
from typing import Callable

from qtsecure import SslSocket, aio
from qtsecure.testing import DatagramLink, LinkedDevices, LinkedTransports, SignalRecorder, StreamLink, StreamRelay


def test_relay(qtsecure_stream_link: Callable[..., StreamLink]) -> None:
    with StreamRelay(qtsecure_stream_link(), 443) as relay:
        port: int = relay.port
    with LinkedDevices(qtsecure_stream_link()) as devices:
        SslSocket(transport=devices.client)
    with LinkedTransports(DatagramLink()) as transports:
        transports.client.close()


def test_arguments(recorder: SignalRecorder) -> None:
    recorder.of("client.acceptCertificate")[0][0].accept()
    assert recorder.waitFor("bytesWritten")[0] < 10
    assert recorder.records()[0].args[0].value == 1


async def read(socket: SslSocket) -> None:
    async for line in aio.lines(socket):
        line.decode()
    async for data in aio.incoming(socket):
        data.decode()
"""


@pytest.mark.slow
def test_mypy_is_content(tmp_path: Path) -> None:
    """Strictly."""
    api = pytest.importorskip("mypy.api", reason="mypy is not installed")
    (tmp_path / "test_typed.py").write_text(CODE, "utf-8")
    config = tmp_path / "mypy.ini"
    config.write_text(f"[mypy]\nstrict = true\ncache_dir = {tmp_path.as_posix()}/cache\n", "utf-8")
    out, err, status = api.run(["--config-file", str(config), str(tmp_path / "test_typed.py")])
    assert (status, err) == (0, ""), out
