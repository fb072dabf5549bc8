"""How a worker is told what to do, and how it tells what has happened.

The orders come as JSON; a worker prints lines of JSON: ``{"listening": port}``, ``{"told": {...}}`` when
a handshake is complete, ``{"received": text}`` and ``{"end": "closeNotify"}``. A client sends the lines of
its input, and the end of that tells it to close. Nothing here is slow to import: each worker is a process.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Orders:
    """What a worker is to do."""

    server: bool
    version: str
    alpn: list[str]
    port: int = 0
    """Where to connect."""
    certificate: str = ""
    """The path of its own certificate, and of its key."""
    key: str = ""
    authority: str = ""
    """The path of the authority of the other side's certificate, which is demanded."""
    psk: tuple[str, str] | None = None
    """Identity, and key in hexadecimal digits."""
    resume: bool = False
    """Connect twice, the second time with the session of the first, each time sending a line."""

    @classmethod
    def given(cls) -> Orders:
        """Those of this process."""
        return cls(**json.loads(sys.argv[1]))


def say(**what: Any) -> None:
    """Tell what has happened."""
    print(json.dumps(what), flush=True)


def sayTold(*, version: str, certificate: bytes | None, alpn: str, psk: bool | None, resumed: bool | None) -> None:
    """Tell about a connection, as tests.interop.foreign.Told has it."""
    shown = None if certificate is None else certificate.hex()
    say(told={"version": version, "certificate": shown, "alpn": alpn, "psk": psk, "resumed": resumed})
