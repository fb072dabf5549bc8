"""A signal tells about a peer, and the first of its slots deletes it: the others get what is no longer valid.

With a pointer of C++ as the argument PySide would look into freed memory for the second slot.
"""

from __future__ import annotations

import pytest
from PySide6.QtCore import QObject
from shiboken6 import delete, isValid

from tests.net.conversation import spin
from tests.net.encounters import Encounter
from tests.net.own_process import assertFine


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
        encounter.begin(encounter.client(), "localhost")
    spin(lambda: len(told) >= 5)
    assert not any(told)


# In a process of its own: PySide deletes a class's meta-object when QML gets to know the class.
_SIGNALS = """
from PySide6.QtCore import QMetaMethod, QObject
import qtsecure

for name in "SslServer DtlsServer SslSocket DtlsPeer SocketClient ConnectOperation CertificateRequest".split():
    meta = getattr(qtsecure, name).staticMetaObject
    methods = [meta.method(index) for index in range(QObject.staticMetaObject.methodCount(), meta.methodCount())]
    signals = [method for method in methods if method.methodType() == QMetaMethod.MethodType.Signal]
    texts = [method.methodSignature().toStdString() for method in signals]
    assert texts, name
    assert [text for text in texts if "*" in text] == [], name
print("fine")
"""


def test_no_signal_has_a_pointer() -> None:
    """Apart from Qt's own ones: all objects go as what Python counts references to."""
    assertFine(_SIGNALS)
