"""Ends of a SocketClient's connections that say a few words: none may be lost, invented, or somebody else's."""

from __future__ import annotations

import re
from collections.abc import Callable

from PySide6.QtNetwork import QAbstractSocket
from shiboken6 import isValid

from qtsecure.net.ssl_socket import SslSocket
from tests.fuzz.machines.wires import BLOCK, block

__all__ = ["Talker", "said"]

_WORDS = 3


def said(key: int, blocks: int = _WORDS) -> bytes:
    """So many blocks of whoever has this key."""
    return b"".join(block(key, number) for number in range(blocks))


class Talker:
    """One end, from the moment at which the program has got it.

    Args:
        faults: Where it writes down what it should not have got.
        saidBy: What somebody has said who may be at the other end of one with this role, by his key.
        socket: An encrypted socket.
        role: ``"client"`` or ``"accepted"``.
        key: Is in all that it says.

    Attributes:
        said: What it has said.
        got: What it has received.
        localPort: Its own port.
        peerPort: The port of its peer.
    """

    def __init__(
        self, faults: list[str], saidBy: Callable[[int, str], bytes], socket: SslSocket, role: str, key: int
    ) -> None:
        self.role, self.key = role, key
        self.got = bytearray()
        self.localPort, self.peerPort = socket.localPort(), socket.peerPort()
        self._faults, self._saidBy, self._socket = faults, saidBy, socket
        socket.readyRead.connect(self._read)
        self.said = said(key)
        if socket.write(self.said) != len(self.said):
            faults.append(f"the {role} cannot write although it is encrypted")
        self._read()  # what has come before there was anybody to hear it

    @property
    def stands(self) -> bool:
        """Whether it is still connected in both directions."""
        state = self._socket.state() if isValid(self._socket) else None
        return state is QAbstractSocket.SocketState.ConnectedState and self._socket.isEncrypted()

    def _read(self) -> None:
        if isValid(self._socket) and self._socket.isOpen():
            self.got += bytes(self._socket.readAll().data())
            self.check()

    def check(self) -> None:
        """What came was said by one who may be its partner, from his first byte on."""
        got = bytes(self.got)
        if len(got) < BLOCK:
            return
        key = int(got[6:10], 16) if re.fullmatch(rb"[0-9a-f]{4}", got[6:10]) else 0
        if not self._saidBy(key, self.role).startswith(got):
            self._faults.append(f"the {self.role} got what its partner has not said: {got[:64]!r}")
