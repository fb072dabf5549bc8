"""A catalogue of what servers get wrong, to see how a program copes with each."""

from __future__ import annotations

import contextlib
import enum
import ssl
from typing import Any

from qtsecure.testing.peers import (
    AlertingServer,
    GarbageServer,
    PeerError,
    PlainHttpServer,
    PythonTlsServer,
    ResettingServer,
    SilentServer,
    SlowServer,
    TruncatingServer,
)
from qtsecure.testing.peers._threads import ThreadedServer
from qtsecure.testing.pki import PublicKeyInfrastructure

__all__ = ["Fault", "FaultyServer"]

_HANDSHAKE_FAILURE = b"\x15\x03\x03\x00\x02\x02\x28"
"""A fatal alert in plain text, as a server sends it that likes nothing in the client's hello."""


class Fault(enum.Enum):
    """What a server gets wrong; the value says it in words."""

    Silent = "accepts the connection and says nothing"
    Slow = "sends one byte of the handshake now and then, without end"
    PlainHttp = "speaks HTTP without TLS"
    Garbage = "answers with bytes that are not TLS"
    ResetInHandshake = "resets the connection at the first byte of the hello"
    ResetAfterHandshake = "resets the connection at the first byte of data"
    Truncating = "sends data and ends the connection without a goodbye"
    AlertToHello = "answers the hello with the alert handshake_failure"
    AlertInHandshake = "answers the client's second flight with the alert handshake_failure (TLS 1.2)"
    AlertAfterHandshake = "demands a client certificate (the alert comes after the handshake in TLS 1.3)"
    AlertToData = "answers the first data with the alert bad_record_mac"
    OldProtocol = "offers TLS 1.2 only"
    Expired = "shows a certificate that ended yesterday"
    NotYetValid = "shows a certificate that begins tomorrow"
    WrongHost = "shows a certificate for another host"
    SelfSigned = "shows a certificate signed with its own key"
    UnknownAuthority = "shows a certificate of an authority that nobody trusts"
    MissingIntermediate = "leaves the intermediate authority out"
    BadPurpose = "shows a certificate that is for clients only"


_CERTIFICATES = {
    Fault.Expired: "expired",
    Fault.NotYetValid: "notYetValid",
    Fault.WrongHost: "wrongHost",
    Fault.SelfSigned: "selfSigned",
    Fault.UnknownAuthority: "unknownCa",
    Fault.MissingIntermediate: "missingIntermediate",
    Fault.BadPurpose: "badPurpose",
}


class FaultyServer:
    """A server with one fault, in a thread of its own; a context manager.

    Args:
        fault: What it gets wrong.
        pki: Whose certificates it shows; ``pki.ca`` is what clients are to trust.

    Raises:
        TypeError: ``fault`` is none of the catalogue.

    Attributes:
        fault: What it gets wrong.
    """

    def __init__(self, fault: Fault, pki: PublicKeyInfrastructure) -> None:
        if not isinstance(fault, Fault):
            raise TypeError(f"fault must be one of the catalogue, as Fault.Silent, not {fault!r}.")
        self.fault = fault
        self._peer = _makePeer(fault, pki)

    @property
    def port(self) -> int:
        """Where it listens on ``127.0.0.1``, once it has been started."""
        return self._peer.port

    def __enter__(self) -> FaultyServer:
        self._peer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start; ``with`` does it."""
        self._peer.start()

    def stop(self) -> None:
        """End every connection; ``with`` does it."""
        with contextlib.suppress(PeerError):  # clients that give it up are what it is for
            self._peer.stop()


def _makePeer(fault: Fault, pki: PublicKeyInfrastructure) -> ThreadedServer:
    if fault in _CERTIFICATES:
        return PythonTlsServer(getattr(pki, _CERTIFICATES[fault]))
    match fault:
        case Fault.Silent:
            return SilentServer()
        case Fault.Slow:
            return SlowServer()
        case Fault.PlainHttp:
            return PlainHttpServer()
        case Fault.Garbage:
            return GarbageServer()
        case Fault.ResetInHandshake:
            return ResettingServer()
        case Fault.ResetAfterHandshake:
            return ResettingServer(pki.server)
        case Fault.Truncating:
            return TruncatingServer(pki.server)
        case Fault.AlertToHello:
            return GarbageServer(_HANDSHAKE_FAILURE)
        case Fault.AlertInHandshake | Fault.AlertAfterHandshake:
            last = ssl.TLSVersion.TLSv1_2 if fault is Fault.AlertInHandshake else ssl.TLSVersion.TLSv1_3
            demands: Any = {"clientCertificate": "required", "caCertificates": [pki.ca.certificate]}
            return PythonTlsServer(pki.server, maximumVersion=last, **demands)
        case Fault.AlertToData:
            return AlertingServer(pki.server)
        case _:
            assert fault is Fault.OldProtocol
            return PythonTlsServer(pki.server, maximumVersion=ssl.TLSVersion.TLSv1_2)
