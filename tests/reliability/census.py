"""What could leak, counted."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import sys
from pathlib import Path

import OpenSSL.SSL
from PySide6.QtCore import QCoreApplication, QEvent, QObject, QSocketNotifier, QTimer

from qtsecure.engine import _openssl
from qtsecure.engine.dtls import DtlsAssociation
from qtsecure.engine.tls_stream import TlsStream
from qtsecure.net.dtls.path import DtlsPath
from qtsecure.net.event_loop.scheduler import schedulerOfThisThread

__all__ = ["census", "memory", "tidy"]


def memory(name: str = "VmRSS") -> int:
    """A line of /proc/self/status, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    raise LookupError(name)


def tidy() -> None:
    """Everything that may go has gone, and the C library has given back what it held for later."""
    for _ in range(3):
        QCoreApplication.processEvents()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def census() -> dict[str, float]:
    """What could leak."""
    tidy()
    alive = gc.get_objects()

    def count(*kinds: type) -> int:
        return sum(isinstance(each, kinds) for each in alive)

    return {
        "rss": memory(),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "objects": count(QObject),
        "timers": count(QTimer),
        "notifiers": count(QSocketNotifier),
        "connections": count(OpenSSL.SSL.Connection),
        "contexts": count(OpenSSL.SSL.Context),
        "streams": count(TlsStream),
        "associations": count(DtlsAssociation, DtlsPath),
        "hooks": len(_openssl._hooks.references),
        "tasks": len(schedulerOfThisThread().tasks),
        "blocks": sys.getallocatedblocks(),
    }
