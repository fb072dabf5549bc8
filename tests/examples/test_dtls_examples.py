"""The examples of DTLS run as their users would run them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import qtsecure
from qtsecure.testing.pki import PublicKeyInfrastructure

ROOT = Path(qtsecure.__file__).parents[1]
EXAMPLES = ROOT / "examples"
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}
TIMEOUT_S = 120
AFTER_SECONDS = "    QTimer.singleShot(int(seconds * 1000), end)\n"
WHEN_ALL_ARE_SEEN = (
    "    steps.timeout.connect(lambda: end() if all(len(each.seen) == many for each in players) else None)\n"
)


@contextmanager
def running(*words: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server, and the port that it tells."""
    process = subprocess.Popen(
        [sys.executable, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise AssertionError(process.communicate(timeout=TIMEOUT_S)[1])
        yield process, line.split()[-1]
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=TIMEOUT_S)


def run(*words: object) -> subprocess.CompletedProcess[str]:
    """A client, to its end."""
    return subprocess.run(
        [sys.executable, *map(str, words)],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        timeout=TIMEOUT_S,
        check=False,
    )


def test_sensor_and_collector() -> None:
    """The collector prints what the sensor has measured."""
    with running(EXAMPLES / "dtls_sensor" / "collector.py", 0) as (collector, port):
        done = run(EXAMPLES / "dtls_sensor" / "sensor.py", port, 3)
        assert (done.returncode, done.stderr) == (0, "")
        assert collector.stdout is not None
        lines = [collector.stdout.readline() for _ in range(3)]
    assert all(line.startswith("kitchen {'celsius': ") for line in lines), lines


@pytest.mark.slow
def test_sensor_whose_collector_vanishes() -> None:
    """Nobody says goodbye: the sensor misses the answers, and finds the collector that takes the port over."""
    collecting, sensor = EXAMPLES / "dtls_sensor" / "collector.py", EXAMPLES / "dtls_sensor" / "sensor.py"
    with running(collecting, 0) as (collector, port):
        words = [sys.executable, str(sensor), port]
        measuring = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
        try:
            assert collector.stdout is not None
            assert collector.stdout.readline().startswith("kitchen")
            collector.kill()
            collector.wait(TIMEOUT_S)
            with running(collecting, port) as (other, _):
                assert other.stdout is not None
                assert other.stdout.readline().startswith("kitchen")
        finally:
            measuring.kill()
            measuring.communicate(timeout=TIMEOUT_S)


def test_state_sync(tmp_path: Path) -> None:
    """Twelve players see each other, however long that takes here."""
    pki = PublicKeyInfrastructure()
    files = pki.server.writeTo(tmp_path, "server")
    directory = EXAMPLES / "dtls_state_sync"
    with running(directory / "server.py", files.certificate, files.key, 0) as (_, port):
        code = (directory / "player.py").read_text("utf-8")
        assert code.count(AFTER_SECONDS) == 1
        code = code.replace(AFTER_SECONDS, WHEN_ALL_ARE_SEEN)
        done = run("-c", code, pki.ca.writeTo(tmp_path, "ca"), port, 12, 60)
        short = run(directory / "player.py", tmp_path / "ca.pem", port, 1, 0.1)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"players seen: {[12] * 12}\n"
    assert (short.returncode, short.stderr) == (0, "")
    assert short.stdout.startswith("players seen: [")
