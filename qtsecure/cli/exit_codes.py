"""What the process returns to the shell."""

from __future__ import annotations

import enum

__all__ = ["ExitCode"]


class ExitCode(enum.IntEnum):
    """The exit codes of every command; scripts rely on them."""

    OK = 0
    """Everything went as it should."""
    INTERNAL_ERROR = 1
    """A defect of qtsecure, or a library that the system lacks."""
    USAGE = 2
    """An unusable argument or input file."""
    WRONG_ANSWER = 3
    """The peer answered something else than expected, or not at all."""
    NOT_CONNECTED = 4
    """No connection could be made, or the port cannot be listened on."""
    TLS_FAILURE = 5
    """The handshake or a certificate failed, or the connection ended without a goodbye."""
    TIMEOUT = 6
    """Something took longer than allowed."""
    INTERRUPTED = 130
    """Ctrl+C; the number that shells use."""
