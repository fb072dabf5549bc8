"""Suites of pytest tests that check any front end, or any transport, against what its users rely on.

A suite is a class. Derive a class of tests from it and give it a fixture that makes a connected pair::

    class TestMyDevice(DeviceConformance):
        @pytest.fixture
        def devices(self):
            yield myPair()

* ``DeviceConformance``: QIODevices for ``SslSocket(transport=...)``; the fixture is ``devices``.
* ``StreamConformance``: any stream; ``streams`` gives QIODevices, SslSockets among them, or a StreamEnd
  each for whatever else there is.
* ``TransportConformance``: DatagramTransports for DtlsPeer; the fixture is ``transports``.
* ``DatagramBasedConformance``: whatever implements DatagramBased; the fixture is ``associations``.
* ``DatagramConformance``: anything else that carries messages; ``datagrams`` gives a DatagramEnd each.

Everything is checked on a pair that neither loses nor repeats anything.
"""

from __future__ import annotations

from qtsecure.testing.conformance.datagram_based import DatagramBasedConformance, DatagramBasedEnd
from qtsecure.testing.conformance.datagrams import DatagramConformance
from qtsecure.testing.conformance.devices import DeviceConformance, DeviceEnd
from qtsecure.testing.conformance.ends import DatagramEnd, StreamEnd
from qtsecure.testing.conformance.streams import StreamConformance
from qtsecure.testing.conformance.transports import TransportConformance, TransportEnd

__all__ = [
    "DatagramBasedConformance",
    "DatagramBasedEnd",
    "DatagramConformance",
    "DatagramEnd",
    "DeviceConformance",
    "DeviceEnd",
    "StreamConformance",
    "StreamEnd",
    "TransportConformance",
    "TransportEnd",
]
