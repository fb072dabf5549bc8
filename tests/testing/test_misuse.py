"""Wrong arguments of the test support raise at once, and say what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import QObject

from qtsecure.testing import DatagramLink, Fault, FaultyServer, SignalRecorder, StreamLink


@pytest.mark.parametrize("wrong", ["Expired", Fault.Expired.value, None, 0], ids=repr)
def test_a_fault_that_is_none(qtsecure_faulty_server: Callable[[Any], FaultyServer], wrong: Any) -> None:
    """Its name is not enough."""
    with pytest.raises(TypeError, match="fault must be one of the catalogue"):
        qtsecure_faulty_server(wrong)


@pytest.mark.parametrize(
    "use",
    [
        lambda link: link.inject("sever", b"x"),
        lambda link: link.send("sever", b"x"),
        lambda link: link.other("sever"),
    ],
    ids=["inject", "send", "other"],
)
@pytest.mark.parametrize("kind", [DatagramLink, StreamLink])
def test_an_end_that_is_none(kind: Callable[[], Any], use: Callable[[Any], object]) -> None:
    """Nothing is carried to nobody."""
    link = kind()
    with pytest.raises(ValueError, match="no end 'sever'; this link's are 'client' and 'server'"):
        use(link)
    assert link.nextDelivery() is None


@pytest.mark.parametrize(
    "use",
    [
        lambda link: link.end("sever"),
        lambda link: link.abort("sever"),
        lambda link: link.onTheWay("sever"),
        lambda link: link.endAt("sever", 1),
        lambda link: link.resetAt("sever", 1),
        lambda link: link.corruptAt("sever", 1),
        lambda link: link.stallAt("sever", 1, seconds=1),
    ],
    ids=["end", "abort", "onTheWay", "endAt", "resetAt", "corruptAt", "stallAt"],
)
def test_an_end_of_a_stream_that_is_none(use: Callable[[StreamLink], object]) -> None:
    """The same for what only streams have."""
    with pytest.raises(ValueError, match="no end 'sever'"):
        use(StreamLink())


@pytest.mark.parametrize("kind", [DatagramLink, StreamLink])
def test_ends_are_two(kind: Callable[..., object]) -> None:
    """One that talks to itself is none."""
    with pytest.raises(ValueError, match="ends must be two different names"):
        kind(ends=("same", "same"))


def test_times_do_not_run_backwards() -> None:
    """A negative delay is a mistake."""
    with pytest.raises(ValueError, match="seconds must not be negative"):
        StreamLink().stallAt("client", 1, seconds=-1)
    with pytest.raises(ValueError, match="delay must not be negative"):
        DatagramLink().inject("client", b"x", delay=-1)


def test_recorders(qapp: object) -> None:
    """Of what is no object, of one text, and waits that could never end well."""
    with pytest.raises(TypeError, match="obj must be a QObject, not str"):
        SignalRecorder("object")  # type: ignore[arg-type]  # that is the test
    watched = QObject()
    with pytest.raises(TypeError, match="names must be a list of names, not the text 'destroyed'"):
        SignalRecorder(watched, "destroyed")
    recorder = SignalRecorder(watched)
    for wrong in (0, -1):
        with pytest.raises(ValueError, match="count must be at least 1"):
            recorder.waitFor("objectNameChanged", count=wrong)
    with pytest.raises(ValueError, match="timeout must be at least 0"):
        recorder.waitFor("objectNameChanged", timeout=-1)
    with pytest.raises(TypeError, match="timeout must be an int"):
        recorder.waitFor("objectNameChanged", timeout=0.5)  # type: ignore[arg-type]  # that is the test
