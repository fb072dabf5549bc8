"""Test support that programs built on qtsecure can use as well.

A throw-away PKI, a signal recorder, a simulated bad network, connected pairs, a catalogue of faults,
and reference and misbehaving TLS peers; as pytest fixtures see :mod:`qtsecure.testing.plugin`. The
names below are loaded when they are first used, because pytest imports this package in every
environment that has qtsecure installed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtsecure.late_modules import lateAttributes

if TYPE_CHECKING:
    from qtsecure.testing.datagram_link import DatagramLink
    from qtsecure.testing.faults import Fault, FaultyServer
    from qtsecure.testing.linked_devices import LinkedDevices
    from qtsecure.testing.linked_transports import LinkedTransports
    from qtsecure.testing.pairs import (
        DtlsPair,
        TlsPair,
        connectedDtlsPair,
        connectedTlsPair,
        dtlsEchoServer,
        tlsEchoServer,
        waitFor,
    )
    from qtsecure.testing.pki import CertificateAuthority, IssuedCertificate, PublicKeyInfrastructure
    from qtsecure.testing.signals import SignalRecord, SignalRecorder
    from qtsecure.testing.stream_link import StreamLink
    from qtsecure.testing.stream_relay import StreamRelay

__all__ = [
    "CertificateAuthority",
    "DatagramLink",
    "DtlsPair",
    "Fault",
    "FaultyServer",
    "IssuedCertificate",
    "LinkedDevices",
    "LinkedTransports",
    "PublicKeyInfrastructure",
    "SignalRecord",
    "SignalRecorder",
    "StreamLink",
    "StreamRelay",
    "TlsPair",
    "connectedDtlsPair",
    "connectedTlsPair",
    "dtlsEchoServer",
    "tlsEchoServer",
    "waitFor",
]

_MODULES = {
    "CertificateAuthority": "qtsecure.testing.pki",
    "DatagramLink": "qtsecure.testing.datagram_link",
    "DtlsPair": "qtsecure.testing.pairs",
    "Fault": "qtsecure.testing.faults",
    "FaultyServer": "qtsecure.testing.faults",
    "TlsPair": "qtsecure.testing.pairs",
    "connectedDtlsPair": "qtsecure.testing.pairs",
    "connectedTlsPair": "qtsecure.testing.pairs",
    "dtlsEchoServer": "qtsecure.testing.pairs",
    "tlsEchoServer": "qtsecure.testing.pairs",
    "waitFor": "qtsecure.testing.pairs",
    "IssuedCertificate": "qtsecure.testing.pki",
    "LinkedDevices": "qtsecure.testing.linked_devices",
    "LinkedTransports": "qtsecure.testing.linked_transports",
    "PublicKeyInfrastructure": "qtsecure.testing.pki",
    "SignalRecord": "qtsecure.testing.signals",
    "SignalRecorder": "qtsecure.testing.signals",
    "StreamLink": "qtsecure.testing.stream_link",
    "StreamRelay": "qtsecure.testing.stream_relay",
}

__getattr__, __dir__ = lateAttributes(__name__, _MODULES)
