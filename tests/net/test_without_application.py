"""A program that has forgotten its QCoreApplication is told so where it would wait for ever."""

from __future__ import annotations

import pytest

from tests.net.own_process import assertFine

_PROGRAM = """
import os

from qtsecure import DtlsPeer, SocketClient

os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # Qt complains as well, of timers and threads


def operation():
    client = SocketClient()
    return client.connectToHost("127.0.0.1:9", 9).waitForFinished(20_000)


def peer():
    peer = DtlsPeer()
    peer.setPeer("127.0.0.1", 9)
    return peer.waitForHandshake(20_000)


try:
    {}()
except RuntimeError as error:
    assert "QCoreApplication" in str(error), error
    print("fine")
"""


@pytest.mark.parametrize("what", ["operation", "peer"])
def test_waiting_needs_an_application(what: str) -> None:
    """Qt's own loop would run without end and without timers."""
    assertFine(_PROGRAM.format(what))
