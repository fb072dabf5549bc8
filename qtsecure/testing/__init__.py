"""Test support that programs built on qtsecure can use as well.

A throw-away PKI, a signal recorder, a simulated bad network, and reference and misbehaving TLS
peers; as pytest fixtures see :mod:`qtsecure.testing.plugin`. The names below are loaded when they are
first used, because pytest imports this package in every environment that has qtsecure installed.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qtsecure.testing.datagram_link import DatagramLink
    from qtsecure.testing.linked_transports import LinkedTransports
    from qtsecure.testing.pki import CertificateAuthority, IssuedCertificate, PublicKeyInfrastructure
    from qtsecure.testing.signals import SignalRecord, SignalRecorder

__all__ = [
    "CertificateAuthority",
    "DatagramLink",
    "IssuedCertificate",
    "LinkedTransports",
    "PublicKeyInfrastructure",
    "SignalRecord",
    "SignalRecorder",
]

_MODULES = {
    "CertificateAuthority": "qtsecure.testing.pki",
    "DatagramLink": "qtsecure.testing.datagram_link",
    "IssuedCertificate": "qtsecure.testing.pki",
    "LinkedTransports": "qtsecure.testing.linked_transports",
    "PublicKeyInfrastructure": "qtsecure.testing.pki",
    "SignalRecord": "qtsecure.testing.signals",
    "SignalRecorder": "qtsecure.testing.signals",
}


def __getattr__(name: str) -> object:
    try:
        module = _MODULES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    value: object = getattr(importlib.import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
