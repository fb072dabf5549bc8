"""DTLS 1.2 (RFC 6347) without Qt, sockets or a clock; see :mod:`.association` and :mod:`.listener`.

From the network to OpenSSL::

    listener      a hello without cookie is answered, one with a cookie becomes an association
    association   what front ends use: datagrams, messages, events, timers; the facts are in facts
    handshake     the association until it is complete: loss, lies, new attempts
    assembler     unencrypted handshake messages, put together and compared
    doubts        whom to believe, and how long to wait
    flights       own flights: packing, numbering, repeating
    session       one attempt: OpenSSL behind the interface of a TLS stream
    wire          the format of records and fragments
"""

from qtsecure.engine.dtls.association import DEFAULT_MTU, SMALLEST_MTU, DtlsAssociation
from qtsecure.engine.dtls.listener import AdmittedHello, DtlsListener
from qtsecure.engine.dtls.statistics import AssociationStatistics, DropReason, ListenerStatistics
from qtsecure.engine.dtls.wire import is_hello_start_untrusted

__all__ = [
    "DEFAULT_MTU",
    "SMALLEST_MTU",
    "AdmittedHello",
    "AssociationStatistics",
    "DropReason",
    "DtlsAssociation",
    "DtlsListener",
    "ListenerStatistics",
    "is_hello_start_untrusted",
]
