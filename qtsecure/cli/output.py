"""What the commands print: one line for each event, for people or (``--json``) for programs.

Text of a peer is untrusted: in lines for people its control characters are escaped, so that it
cannot play tricks on the terminal.
"""

from __future__ import annotations

import json
import os
import select
import sys
from collections.abc import Callable, Mapping
from typing import TextIO, TypeAlias

__all__ = ["Fields", "Output", "flushHelp", "printable"]

Fields: TypeAlias = Mapping[str, "str | int | bool | list[str]"]


_PATIENCE_S = 1
"""How long a reader may take to go on reading, when the command is to end."""


class _UnreadError(Exception):
    """The command is to end, and what it prints cannot be got rid of."""


class Output:
    """Prints to stdout, and errors to stderr.

    Args:
        command: The name of the command, which goes before its errors.
        asJson: Print JSON objects instead of text.
        hidden: Events that are left out of the text, because there are many of them and people do
            not want to see them.
    """

    def __init__(self, command: str, *, asJson: bool = False, hidden: frozenset[str] = frozenset()) -> None:
        self.asJson = asJson
        self.onBrokenPipe: Callable[[], None] | None = None
        self._command = command
        self._hidden = hidden
        self._writingTo: TextIO | None = None

    def event(self, name: str, fields: Fields | None = None, *, source: str = "", note: str = "") -> None:
        """Print one event.

        Args:
            name: The name of a signal, or one of the command's own events.
            fields: Its arguments by name.
            source: Whose event it is, where there are several objects.
            note: What people should know about it.
        """
        fields = fields or {}
        if self.asJson:
            origin = {"source": source} if source else {}
            self._print(json.dumps({"event": name, **origin, **fields}))
        elif name not in self._hidden:
            arguments = ", ".join(f"{key}={_asText(value)}" for key, value in fields.items())
            self._print(f"{source + '  ' if source else ''}{name}({arguments}){note and f'  ({note})'}")

    def line(self, text: str) -> None:
        """Print a line for people."""
        self._print(text)

    def raw(self, data: bytes) -> None:
        """Print bytes as they are."""
        self._write(data)

    def error(self, code: str, text: str) -> None:
        """Say what went wrong: one line on stderr, and an event for programs."""
        if self.asJson:
            self.event("error", {"code": code, "text": text})
        self.warning(text)

    def warning(self, text: str) -> None:
        """Say on stderr what went wrong without ending the command."""
        if sys.stderr is None:  # closed by whoever started the command; print() would take stdout
            return
        try:
            self._writingTo = sys.stderr
            print(f"qtsecure {self._command}: {printable(text)}", file=sys.stderr, flush=True)
        except (OSError, _UnreadError):  # or the disk is full: what the command does goes on
            _silence(sys.stderr)
        finally:
            self._writingTo = None

    def isWriting(self) -> bool:
        """Whether this is asked inside a write, which signals of the system interrupt."""
        return self._writingTo is not None

    def stopWaiting(self) -> None:
        """To be called by the handler of a signal, as its last step: give up a write that waits for a reader."""
        if self._writingTo is not None and not _isReady(self._writingTo):
            raise _UnreadError

    def _print(self, text: str) -> None:
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        self._write(f"{text}\n".encode(encoding, "backslashreplace"))

    def _write(self, data: bytes) -> None:
        if sys.stdout is None:  # closed by whoever started the command: the exit code is all that is wanted
            return
        try:
            self._writingTo = sys.stdout
            _writeAll(sys.stdout, data)
        except BrokenPipeError:
            # The reader (head, less) has seen enough.
            _silence(sys.stdout)
            if self.onBrokenPipe is not None:
                self.onBrokenPipe()
        except _UnreadError:
            _silence(sys.stdout)
        except OSError:  # the disk is full, for example; what the command makes of it is its exit code
            _silence(sys.stdout)
            raise
        finally:
            self._writingTo = None


def flushHelp() -> None:
    """Hand over what argparse has printed, of which a reader may have seen enough."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError:
        _silence(sys.stdout)


def _writeAll(stream: TextIO, data: bytes) -> None:
    """Write to the last byte, also where the descriptor does not block: whoever shares it may want it so."""
    rest = memoryview(data)
    while rest:
        try:
            taken = stream.buffer.write(rest) or 0  # None, or not all: there is no buffer (PYTHONUNBUFFERED)
        except BlockingIOError as error:
            taken = error.characters_written
        rest = rest[taken:]
        if not taken:
            select.select([], [stream], [])
    while True:
        try:
            stream.buffer.flush()
            return
        except BlockingIOError:
            select.select([], [stream], [])


def _isReady(stream: TextIO) -> bool:
    """Whether a stream takes something, soon at least."""
    try:
        return bool(select.select([], [stream], [], _PATIENCE_S)[1])
    except (OSError, ValueError):
        return True  # nothing that could be asked, as on Windows, where no signal interrupts a write either


def _silence(stream: TextIO) -> None:
    """Let it lead to nowhere: Python would complain again when it flushes what is left at its end."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


def printable(text: str) -> str:
    """The text with escapes in place of control characters."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def _asText(value: str | int | bool | list[str]) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_asText, value))}]"
    if not isinstance(value, str):
        return str(value)
    # Words stay as they are; anything with a blank or a comma needs quotes to be read unambiguously.
    if value and all(c.isalnum() or c in "_-.:/[]" for c in value):
        return value
    return "'" + printable(value.replace("\\", "\\\\").replace("'", "\\'")) + "'"
