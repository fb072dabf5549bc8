"""A signal tells about a peer, and the first of its slots deletes it: the others get what is no longer valid.

With a pointer of C++ as the argument PySide would look into freed memory for the second slot.
"""

from __future__ import annotations

import pytest
from PySide6.QtCore import QMetaMethod, QObject
from shiboken6 import delete, isValid

from qtsecure import CertificateRequest, ConnectOperation, DtlsPeer, DtlsServer, SocketClient, SslServer, SslSocket
from tests.net.conversation import spin
from tests.net.encounters import Encounter

CLASSES = (SslServer, DtlsServer, SslSocket, DtlsPeer, SocketClient, ConnectOperation, CertificateRequest)


@pytest.mark.parametrize("signal", ["startedEncryptionHandshake", "alertReceived", "errorOccurred"])
def test_sec_f1_the_first_slot_deletes_the_peer(encounter: Encounter, signal: str) -> None:
    """The second slot is called, with an object that says that it is gone."""
    told: list[bool] = []

    def destroy(peer: QObject, *_: object) -> None:
        if isValid(peer):
            delete(peer)

    emitted = getattr(encounter.server, signal)
    emitted.connect(destroy)
    emitted.connect(lambda peer, *_: told.append(isValid(peer)))
    encounter.listen(encounter.host(encounter.pki.wrongHost))
    for _ in range(5):
        before = len(told)
        encounter.begin(encounter.client(), "localhost")
        spin(lambda before=before: len(told) > before)  # type: ignore[misc]  # bound at once
    assert not any(told)


@pytest.mark.parametrize("kind", CLASSES)
def test_no_signal_has_a_pointer(kind: type[QObject]) -> None:
    """Apart from Qt's own ones: all objects go as what Python counts references to."""
    meta = kind.staticMetaObject  # type: ignore[attr-defined]  # PySide's stubs do not know it
    methods = [meta.method(index) for index in range(QObject.staticMetaObject.methodCount(), meta.methodCount())]
    signals = [method for method in methods if method.methodType() == QMetaMethod.MethodType.Signal]
    texts = [method.methodSignature().toStdString() for method in signals]
    assert texts
    assert [text for text in texts if "*" in text] == []
