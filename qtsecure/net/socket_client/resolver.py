"""What a SocketClient asks about names, as an interface that programs and tests may supply themselves."""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TypeAlias

from PySide6.QtNetwork import QAbstractSocket, QHostAddress

from qtsecure.errors import SecureError
from qtsecure.net.socket_client.service_records import ServiceRecord

__all__ = ["AddressesFound", "Lookup", "NameResolver", "ServicesFound", "checkedLookup"]

AddressesFound: TypeAlias = Callable[[Sequence[QHostAddress] | SecureError], None]
ServicesFound: TypeAlias = Callable[[Sequence[ServiceRecord] | SecureError], None]


class Lookup(ABC):
    """A question on its way."""

    @abstractmethod
    def abort(self) -> None:
        """The answer is not wanted any more: the callback will not be called. Harmless when it has been."""


class NameResolver(ABC):
    """Answers through callbacks: later, in the calling thread, from its event loop, and once.

    An answer is a list, which may be empty, or a SecureError; ``HostNotFound`` says that there is no such name.
    What a method returns has a method ``abort()`` like Lookup; or it is None, and an answer may come in vain.
    """

    @abstractmethod
    def lookUpAddresses(
        self, host: str, family: QAbstractSocket.NetworkLayerProtocol, finished: AddressesFound
    ) -> Lookup | None:
        """Find the addresses of one family.

        Args:
            host: A name in ASCII, never an address.
            family: IPv4Protocol or IPv6Protocol.
            finished: Called with the addresses, best first, or with an error.
        """

    @abstractmethod
    def lookUpService(self, recordName: str, finished: ServicesFound) -> Lookup | None:
        """Find SRV records.

        Args:
            recordName: Such as ``_imaps._tcp.example.org``.
            finished: Called with the records in any order, or with an error.
        """

    def servicePort(self, service: str, protocol: str) -> int | None:
        """The usual port of a service, from the services database of this machine; None if it has none."""
        try:
            return socket.getservbyname(service, protocol)
        except OSError:
            return None


def checkedLookup(lookup: Lookup | None, method: str) -> Lookup | None:
    """What a resolver has returned, which may be the program's and return anything; TypeError for what is no use."""
    if lookup is not None and not callable(getattr(lookup, "abort", None)):
        raise TypeError(f"{method}() must return a Lookup or None, not {type(lookup).__name__}.")
    return lookup
