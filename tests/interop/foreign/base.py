"""What all other implementations can be asked for, whatever they are."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from qtsecure.testing.pki import IssuedCertificate

LINE = b"hello from the client\n"
DTLS = "DTLS 1.2"

Psk = tuple[str, bytes]
_Self = TypeVar("_Self", bound="Foreign")


class UndecipheredAlertError(AssertionError):
    """It could not read the alert."""


def pem(certificate: x509.Certificate) -> bytes:
    """A certificate as text."""
    return certificate.public_bytes(Encoding.PEM)


@dataclass(frozen=True)
class Told:
    """What an end says about its connection; None where it says nothing."""

    version: str | None = None
    """``"1.2"``, ``"1.3"`` or ``"DTLS 1.2"``."""
    certificate: bytes | None = None
    """The other side's as DER; empty when it has shown none."""
    alpn: str | None = None
    """The application protocol; empty when there is none."""
    psk: bool | None = None
    """Whether a pre-shared key of the program was used."""
    resumed: bool | None = None
    """Whether it is the continuation of an earlier connection."""

    def facts(self) -> dict[str, object]:
        """What it says, by name."""
        return {name: value for name, value in vars(self).items() if value is not None}


class Foreign(abc.ABC):
    """Another implementation; a context manager."""

    def __enter__(self: _Self) -> _Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @abc.abstractmethod
    def start(self) -> None:
        """Listen, or connect."""

    @abc.abstractmethod
    def stop(self) -> None:
        """End everything."""

    @abc.abstractmethod
    def told(self) -> Told:
        """What it says about its newest connection, once data has come; to be asked once for each."""

    def waitForAlert(self) -> int:
        """The code of the fatal alert that it received."""
        raise NotImplementedError

    @abc.abstractmethod
    def waitForCleanEnd(self) -> None:
        """Wait until it has got our close_notify."""

    def expectFailure(self) -> None:
        """The handshake fails on its side for a reason of its own; wait for that, if it would be an error here."""
        return


class ForeignServer(Foreign):
    """A server, for one connection after the other.

    Args:
        certificate: Its certificate; None with a key only.
        version: ``"1.2"``, ``"1.3"`` or ``"DTLS 1.2"``, the only one.
        clients: Demands certificates of clients by this authority.
        alpn: Application protocols.
        psk: A pre-shared key.

    Attributes:
        port: Where it listens, once started.
    """

    port = 0

    def __init__(
        self,
        certificate: IssuedCertificate | None,
        version: str,
        *,
        clients: x509.Certificate | None = None,
        alpn: Sequence[str] = (),
        psk: Psk | None = None,
    ) -> None:
        self.certificate = certificate
        self.version = version
        self.clients = clients
        self.alpn = list(alpn)
        self.psk = psk

    def answerTo(self, line: bytes) -> bytes:
        """Let it answer a line that was sent to it; what comes back."""
        return line


class ForeignClient(Foreign):
    """A client that connects when it is entered.

    Args:
        port: Where to.
        version: ``"1.2"``, ``"1.3"`` or ``"DTLS 1.2"``, the only one.
        trust: Verifies the server with this authority, and its name.
        certificate: Its own certificate.
        alpn: Application protocols.
        psk: A pre-shared key.
        resume: Connects twice, the second time with the session of the first.
    """

    def __init__(
        self,
        port: int,
        version: str,
        *,
        trust: x509.Certificate | None = None,
        certificate: IssuedCertificate | None = None,
        alpn: Sequence[str] = (),
        psk: Psk | None = None,
        resume: bool = False,
    ) -> None:
        self.port = port
        self.version = version
        self.trust = trust
        self.certificate = certificate
        self.alpn = list(alpn)
        self.psk = psk
        self.resume = resume

    @abc.abstractmethod
    def send(self, line: bytes) -> None:
        """Send one line when the handshake is complete."""

    @abc.abstractmethod
    def waitForReceived(self, data: bytes) -> None:
        """Wait until it has received and shown this."""

    @abc.abstractmethod
    def close(self) -> None:
        """Send close_notify."""
