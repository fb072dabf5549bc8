"""Writes the NSS key log, with which Wireshark can decrypt a capture. Only on explicit request."""

from __future__ import annotations

import os
import stat
import sys

from OpenSSL import SSL

from qtsecure.errors import SecureError
from qtsecure.locks import Lock

__all__ = ["KeyLog"]


class KeyLog:
    """Appends key material to a file that only its owner can read.

    Args:
        path: The file; made with mode 0600 when missing, and brought to it when it is there.

    Raises:
        SecureError: When the file cannot be opened for appending.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = Lock()  # a finalizer that runs inside it may connect, too
        self._broken = False
        try:
            descriptor = self._open()
            try:
                _keep_to_owner(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise SecureError(
                SecureError.Code.InvalidArgument, f"The key log file {path!r} cannot be written: {error.strerror}."
            ) from error

    def write(self, connection: SSL.Connection, line: bytes) -> None:
        """pyOpenSSL's key log callback; whatever it raises would vanish, so it reports by itself."""
        with self._lock:
            try:
                descriptor = self._open()
                try:
                    os.write(descriptor, line + b"\n")  # in one piece: others may append, too
                finally:
                    os.close(descriptor)
            except OSError as error:
                if not self._broken:
                    self._broken = True
                    print(  # noqa: T201  # the callback has nobody else to tell
                        f"qtsecure: the key log {self._path!r} is incomplete: {error.strerror}", file=sys.stderr
                    )

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def _keep_to_owner(descriptor: int) -> None:
    """A file that was there may have been made by somebody with other habits."""
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and status.st_mode & 0o077 and hasattr(os, "fchmod"):
        os.fchmod(descriptor, 0o600)
