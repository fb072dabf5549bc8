"""stdin beside an event loop."""

from __future__ import annotations

import os
import threading
import weakref

import pytest
from PySide6.QtCore import QCoreApplication

from qtsecure.cli.standard_input import StandardInput


def unexpected(reason: str) -> None:
    """Everything can be read."""
    raise AssertionError(reason)


def test_chunks_and_end(qtbot) -> None:
    """Everything comes, then the end."""
    reading, writing = os.pipe()
    chunks: list[bytes] = []
    ended: list[bool] = []

    def take(data: bytes) -> None:
        chunks.append(data)
        source.proceed()

    source = StandardInput(reading, take, lambda: ended.append(True), unexpected)
    source.start()
    os.write(writing, b"one")
    qtbot.waitUntil(lambda: chunks == [b"one"])
    os.write(writing, b"two")
    os.close(writing)
    qtbot.waitUntil(lambda: bool(ended))
    assert b"".join(chunks) == b"onetwo"
    source.close()
    os.close(reading)


def test_waits_for_the_network(qtbot, tmp_path) -> None:
    """No more than a few chunks are read ahead."""
    file = tmp_path / "large"
    file.write_bytes(bytes(1_000_000))
    descriptor = os.open(file, os.O_RDONLY)
    chunks: list[bytes] = []
    ended: list[bool] = []
    source = StandardInput(descriptor, chunks.append, lambda: ended.append(True), unexpected)
    source.start()
    qtbot.waitUntil(lambda: len(chunks) == 4)
    # The thread has read one more, which it holds until there is room.
    qtbot.waitUntil(lambda: os.lseek(descriptor, 0, os.SEEK_CUR) == 5 * 65536)
    assert len(chunks) == 4
    for _ in range(20):
        source.proceed()
    qtbot.waitUntil(lambda: bool(ended))
    assert sum(map(len, chunks)) == 1_000_000
    source.close()
    os.close(descriptor)


@pytest.mark.skipif(os.name != "posix", reason="folders cannot be opened on Windows")
def test_a_folder(qtbot, tmp_path) -> None:
    """Stands for all that cannot be read, which is not the same as its end."""
    descriptor = os.open(tmp_path, os.O_RDONLY)
    heard: list[str] = []
    source = StandardInput(descriptor, lambda data: heard.append("data"), lambda: heard.append("end"), heard.append)
    source.start()
    qtbot.waitUntil(lambda: bool(heard))
    assert heard == ["Is a directory"]
    source.close()
    os.close(descriptor)


@pytest.mark.skipif(os.name != "posix", reason="pipes cannot be like that on Windows")
def test_a_descriptor_that_does_not_block(qtbot) -> None:
    """What a program that shares the terminal has set: that nothing is there yet is no end."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    chunks: list[bytes] = []
    ended: list[bool] = []
    source = StandardInput(reading, chunks.append, lambda: ended.append(True), unexpected)
    source.start()
    for chunk in (b"one", b"two"):
        qtbot.wait(50)
        assert not ended
        os.write(writing, chunk)
        qtbot.waitUntil(lambda chunk=chunk: chunks[-1:] == [chunk])
    os.close(writing)
    qtbot.waitUntil(lambda: bool(ended))
    source.close()
    os.close(reading)


def test_none(qtbot) -> None:
    """A process without stdin is at its end."""
    ended: list[bool] = []
    source = StandardInput(None, lambda data: None, lambda: ended.append(True), unexpected)
    source.start()
    assert not ended
    qtbot.waitUntil(lambda: ended == [True])
    source.close()


def test_end_of_the_command(qtbot) -> None:
    """What comes after close() reaches nobody, and the thread, which may outlive everything else, keeps nobody alive.

    It used to emit a signal of an object that was being deleted, and the command crashed.
    """
    reading, writing = os.pipe()
    heard: list[bytes] = []
    source = StandardInput(reading, heard.append, lambda: heard.append(b""), unexpected)
    before = set(threading.enumerate())  # that of another test may still be about to end
    source.start()
    [thread] = [thread for thread in threading.enumerate() if thread.name == "stdin" and thread not in before]
    gone = weakref.ref(source)
    source.close()
    del source
    assert gone() is None
    os.write(writing, b"too late")
    os.close(writing)
    thread.join(60)
    assert not thread.is_alive()
    QCoreApplication.processEvents()
    assert not heard
    os.close(reading)


def test_closed_before_it_began() -> None:
    """A command may end before it has connected."""
    StandardInput(None, lambda data: None, lambda: None, unexpected).close()
