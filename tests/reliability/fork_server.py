"""Runs many cells, each in a process of its own, forked from one that has everything loaded but no application.

A worker is a module that calls :func:`serve`; its only argument is a file with the cells as JSON.
Results are written as JSON lines: the cell, and what it told; a list of what went wrong if that was nothing else.
"""

from __future__ import annotations

import faulthandler
import gc
import importlib
import json
import os
import pkgutil
import select
import signal as unix_signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import qtsecure.engine
import qtsecure.net
from qtsecure import SslConfiguration
from tests.figures import Figure

CELL_LIMIT = 30.0
"""Seconds after which a cell counts as hanging."""
_START_LIMIT = 60.0
"""Seconds that the loading of everything may take."""

Entry = list[str]
"""A cell."""
RunCell = Callable[[Entry], Any]


# ----------------------------------------------------------------------------- in the test


def run(worker: str, cells: Sequence[Sequence[str]], directory: Path) -> list[tuple[Entry, Any]]:
    """Run the cells by the worker of this module name; each cell with what it told."""
    path = directory / "cells.json"
    path.write_text(json.dumps(cells), "ascii")
    result = subprocess.run(
        [sys.executable, "-m", worker, str(path)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "QT_LOGGING_RULES": "default=false"},
        capture_output=True,
        text=True,
        timeout=_START_LIMIT + CELL_LIMIT + len(cells) * 1.5,
        check=False,
    )
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(lines) == len(cells), result.stderr
    return lines


def judge(results: list[tuple[Entry, Any]], figure: Figure, variant: str) -> None:
    """Put the faults on the scoreboard; there must be none."""
    faults = [(cell, text) for cell, texts in results for text in texts]
    for what, kind in (("crashes", "crash"), ("hangs", "hang")):
        figure.none(what, sum(text.startswith(kind) for _, text in faults), len(results), variant)
    others = sum(not text.startswith(("crash", "hang")) for _, text in faults)
    figure.none("other faults", others, len(results), variant)
    assert not faults, "\n".join(f"{'/'.join(cell)}: {text}" for cell, text in faults)


# --------------------------------------------------------------------------- in the worker


def serve(runCell: RunCell, together: int = 4) -> None:
    """Run the cells given as JSON in the file that is the only argument, so many at a time: cells mostly wait."""
    cells = json.loads(Path(sys.argv[1]).read_text("ascii"))
    _preload()
    for cell, told in _runAll(cells, runCell, together):
        print(json.dumps([cell, told]), flush=True)


def _preload() -> None:
    """Do once what each cell would do anew: load the modules that only connections need, and the authorities."""
    for package in (qtsecure.engine, qtsecure.net):
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            importlib.import_module(module.name)
    SslConfiguration.systemCaCertificates()
    gc.collect()
    gc.freeze()  # else each cell's collections would touch, and so copy, all that it shares with this process


def _child(cell: Entry, out: int, runCell: RunCell) -> None:
    """Never returns."""
    faulthandler.enable()
    try:
        told = runCell(cell)
    except BaseException as error:  # noqa: BLE001 - the parent reports it
        told = [f"the cell itself failed: {error!r}"]
    os.write(out, json.dumps(told).encode())
    os._exit(0)


def _runAll(cells: Iterable[Entry], runCell: RunCell, together: int) -> Iterable[tuple[Entry, Any]]:
    """A few at a time; must be called without an application."""
    waiting = list(cells)[::-1]
    running: dict[int, tuple[Entry, int, float]] = {}  # by the pipe's reading end
    while waiting or running:
        while waiting and len(running) < together:
            cell = waiting.pop()
            reading, writing = os.pipe()
            child = os.fork()
            if child == 0:
                os.close(reading)
                _child(cell, writing, runCell)
            os.close(writing)
            running[reading] = (cell, child, time.monotonic() + CELL_LIMIT)
        ready, _, _ = select.select(list(running), [], [], 0.2)
        for reading in list(running):
            cell, child, end = running[reading]
            if reading in ready:
                yield cell, _collect(reading, child)
            elif time.monotonic() > end:
                os.kill(child, unix_signal.SIGKILL)
                os.waitpid(child, 0)
                os.close(reading)
                yield cell, ["hang: killed"]
            else:
                continue
            del running[reading]


def _collect(reading: int, child: int) -> Any:
    text = b""
    while part := os.read(reading, 65536):
        text += part
    os.close(reading)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return [f"crash: {unix_signal.Signals(os.WTERMSIG(status)).name}"]
    if not text:
        return [f"crash: no result, exit status {os.WEXITSTATUS(status)}"]
    return json.loads(text)
