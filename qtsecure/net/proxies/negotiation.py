"""What all proxy protocols have in common: bytes in, bytes out, and not one byte too many.

Behind the proxy's last byte begins what the destination sends. So a negotiation says how many of
the bytes that it was shown belong to it, and the others stay where they are. It knows no Qt and no
sockets.
"""

from __future__ import annotations

import ipaddress
import re
from abc import ABC, abstractmethod
from collections.abc import Generator
from dataclasses import dataclass, field

from qtsecure.engine.host_names import InvalidHostName, normalize_host_name
from qtsecure.errors import SecureError

__all__ = ["LINE", "Conversation", "Negotiation", "ProxyRequest", "asciiHost", "limited"]

LINE = 0
"""Yielded by a conversation that wants the bytes up to the next newline."""
_MOST_HEARD = 96 * 1024
"""How much a proxy may say before it has answered; Gio's limit for an HTTP header."""
_LONGEST = 255
_HOST_NAME = re.compile(r"[!-~]+\Z")
_DELIMITERS = re.compile(r"[/?#@:\[\]\\]")

Conversation = Generator[int, bytes, None]
"""Yields how many bytes it wants (or LINE) and is sent exactly these; its end is success."""


@dataclass(frozen=True)
class ProxyRequest:
    """What a proxy is asked for.

    Attributes:
        hostName: The name or IP address to reach.
        port: The port to reach.
        proxy: The proxy for error messages, ``proxy.example:1080``.
        userName: None if there is none; never in the repr.
        password: Likewise.
    """

    hostName: str
    port: int
    proxy: str
    userName: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    @property
    def target(self) -> str:
        """Host and port for error messages; an IPv6 address in brackets."""
        return f"[{self.hostName}]:{self.port}" if ":" in self.hostName else f"{self.hostName}:{self.port}"


class Negotiation(ABC):
    """One conversation with a proxy, up to its answer.

    Args:
        request: What to ask for.

    Raises:
        SecureError: The protocol cannot say what is asked for.

    Attributes:
        complete: The proxy has connected; everything that follows comes from the destination.
    """

    def __init__(self, request: ProxyRequest) -> None:
        self.request = request
        self.complete = False
        self._outgoing = bytearray()
        self._pending = bytearray()
        self._heard = 0
        self._failure: SecureError | None = None
        self._conversation = self._converse_untrusted()
        self._wanted = next(self._conversation)

    def takeOutgoing(self) -> bytes:
        """What to send to the proxy now."""
        data = bytes(self._outgoing)
        self._outgoing.clear()
        return data

    def receive_untrusted(self, data: bytes) -> int:
        """Hear what the proxy says; takeOutgoing() comes first, and again afterwards.

        Returns:
            How many of the bytes are used: all of them, unless the negotiation is complete, and the others
            are the destination's, or there is something to send before the proxy may be heard on.

        Raises:
            SecureError: The proxy refuses, or makes no sense; again with every further call.
        """
        if self._failure is not None:
            raise self._failure  # a generator that has raised would look like one that has come to its end
        taken = 0
        while taken < len(data) and not (self.complete or self._outgoing):
            end = self._endOfWanted(data, taken)
            self._pending += data[taken:end]
            self._heard += end - taken
            taken = end
            try:
                self._advance_untrusted()
            except SecureError as failure:
                self._failure = failure
                raise
        return taken

    def ended(self) -> SecureError:
        """What it means that the proxy has closed the connection now."""
        return self.failure(SecureError.Code.ProxyFailed, "closed the connection before it had answered")

    def failure(self, code: SecureError.Code, what: str) -> SecureError:
        """An error whose sentence begins with the proxy."""
        return SecureError(code, f"The proxy {self.request.proxy} {what}.")

    @abstractmethod
    def _converse_untrusted(self) -> Conversation:
        """The protocol: sends with _send(), yields what it wants to hear, returns when the proxy has connected."""

    def _send(self, data: bytes) -> None:
        self._outgoing += data

    def _endOfWanted(self, data: bytes, start: int) -> int:
        if self._wanted == LINE:
            return data.find(b"\n", start) + 1 or len(data)
        return min(start + self._wanted - len(self._pending), len(data))

    def _advance_untrusted(self) -> None:
        """Let the conversation go on if it has got what it wants."""
        pending = self._pending
        if self._heard > _MOST_HEARD:
            raise self.failure(
                SecureError.Code.ProxyFailed, f"answered with more than {_MOST_HEARD // 1024} KiB, which is no answer"
            )
        if pending[-1:] != b"\n" if self._wanted == LINE else len(pending) < self._wanted:
            return
        said = bytes(pending)
        pending.clear()
        try:
            self._wanted = self._conversation.send(said)
        except StopIteration:
            self.complete = True


def asciiHost(request: ProxyRequest) -> tuple[str, bytes]:
    """The host as ASCII text, and its 4 or 16 bytes if it is an address.

    The scope of an IPv6 address is left out, as it means nothing on another machine.

    Raises:
        SecureError: It is no host name (``InvalidArgument``).
    """
    text = request.hostName
    try:
        packed = ipaddress.ip_address(text).packed
    except ValueError:
        pass
    else:
        return str(ipaddress.ip_address(packed)), packed
    if text.isascii():
        if _HOST_NAME.match(text) and not _DELIMITERS.search(text):
            return text, b""
        why = "The host name contains a character that no host name has."
    else:
        try:
            return normalize_host_name(text).ascii, b""
        except InvalidHostName as error:
            why = str(error)
    raise SecureError(SecureError.Code.InvalidArgument, f"The proxy {request.proxy} was not asked. {why}")


def limited(request: ProxyRequest, text: str, what: str) -> bytes:
    """The text as UTF-8 of at most 255 bytes, which is what SOCKS can say.

    Raises:
        SecureError: It is longer (``ProxyFailed``).
    """
    data = text.encode()
    if len(data) > _LONGEST:
        raise SecureError(
            SecureError.Code.ProxyFailed,
            f"The proxy {request.proxy} was not asked: SOCKS knows no {what} of more than {_LONGEST} bytes.",
        )
    return data
