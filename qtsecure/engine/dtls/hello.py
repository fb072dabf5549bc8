"""A client's hello as the association has put it together, read for the name in it."""

from __future__ import annotations

from qtsecure.engine.client_hello import HelloReader, MalformedHello, server_name_untrusted
from qtsecure.engine.dtls.wire import MalformedDatagram, fragment_untrusted, split_records_untrusted

__all__ = ["DatagramHelloReader"]


class DatagramHelloReader(HelloReader):
    """The same for records of DTLS, each with one fragment; they come whole and in order."""

    __slots__ = ("_portions",)

    def __init__(self) -> None:
        super().__init__()
        self._portions: list[bytes] = []

    def add_untrusted(self, data: bytes | memoryview) -> bool:
        """Take one portion of the client's flight.

        Returns:
            Whether the hello has become whole with it.

        Raises:
            MalformedHello: When this is no ClientHello.
        """
        self._portions.append(bytes(data))
        if self.complete:
            return False
        try:
            for record in split_records_untrusted(bytes(data)):
                part = fragment_untrusted(record.payload)
                self._message += part.body
                self.complete = len(self._message) >= part.length
        except MalformedDatagram:
            raise MalformedHello from None
        if self.complete:
            self.server_name = server_name_untrusted(bytes(self._message), datagrams=True)
        return self.complete

    def take(self) -> list[bytes]:
        """The portions that came, for OpenSSL."""
        portions, self._portions = self._portions, []
        return portions
