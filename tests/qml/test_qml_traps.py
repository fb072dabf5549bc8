"""Seven traps between PySide and QML, each of which crashes or fails silently."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QObject

import qtsecure
from qtsecure.qml.types import CREATABLE, EXTENDED, MADE_BY_US
from qtsecure.testing import waitFor
from tests.qml.conftest import Load
from tests.qml.documents import HEAD, TLS

SEEN_BY_QML = [*(pair[1] for pair in EXTENDED.values()), *CREATABLE.values(), *MADE_BY_US.values()]


def test_qml_q01_registering_after_an_engine_leaves_qt_quick_alone() -> None:
    """Nothing of the module is a singleton, so that even a late registration breaks no Text in an Item."""
    code = """
import os
os.environ["QT_QPA_PLATFORM"] = "offscreen"
from PySide6.QtCore import QUrl
from PySide6.QtGui import QGuiApplication
from PySide6.QtQml import QQmlApplicationEngine
app = QGuiApplication([])
first = QQmlApplicationEngine()
import qtsecure.qml
qtsecure.qml.register()
second = QQmlApplicationEngine()
for engine in (first, second):
    qtsecure.qml.register(engine)
    qtsecure.qml.register(engine)
    assert engine.importPathList().count(qtsecure.qml.IMPORT_PATH) == 1
    source = b"import QtQuick; import QtSecure; Item { Text {} StatusBadge {} TlsSocket { id: s } }"
    engine.loadData(source, QUrl("x.qml"))
    print(len(engine.rootObjects()))
del engine, first, second
"""
    root = Path(qtsecure.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n1\n", "")


@pytest.mark.parametrize("cls", SEEN_BY_QML, ids=lambda cls: cls.__name__)
def test_qml_q02_notify_signals_are_of_the_same_class(cls: type[QObject]) -> None:
    """A notify signal of a base class is silently missing; so each property has one, or is constant."""
    meta = cls.staticMetaObject
    assert meta.superClass().className() == "QObject"
    properties = [meta.property(index) for index in range(meta.propertyOffset(), meta.propertyCount())]
    silent = [each.name() for each in properties if not each.isConstant() and not each.hasNotifySignal()]
    assert silent == []
    assert all(each.notifySignalIndex() >= meta.methodOffset() for each in properties if not each.isConstant())


def test_qml_q03_what_qml_is_given_survives_every_collection(load: Load) -> None:
    """A connection from a method has a parent: neither JavaScript nor Python deletes it, nor both."""
    document = load(TLS.replace("onEncrypted: write", "onEncrypted: if (false) write"))
    document.call("start")
    waitFor(lambda: document.get("connection") is not None)
    for _ in range(10):
        document.engine.collectGarbage()
        gc.collect()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    connection = document.get("connection")
    assert connection.parent() is connection.socket()
    assert connection.socket().parent() is document.get("server")
    document.get("socket").write(b"still here")
    waitFor(lambda: document.get("done"))
    assert document.get("log").toVariant() == ["echo still here"]


def test_qml_q03_connection_that_nobody_keeps(load: Load) -> None:
    """A handler that looks and forgets: the server's close deletes it once."""
    document = load(TLS.replace("root.connection = peer", "root.note(peer.protocol)").replace("peer.discard()", "{}"))
    document.call("start")
    waitFor(lambda: document.get("done"))
    document.engine.collectGarbage()
    gc.collect()
    assert document.get("log").toVariant() == ["TLS 1.3", "echo hällo"]


def test_qml_q04_enums_are_numbers_with_names(load: Load) -> None:
    """Compared, assigned, given to methods and read back by Python."""
    document = load(
        "QtObject { id: root\n"
        + HEAD
        + """
        property TlsConfiguration c: TlsConfiguration { verifyMode: Tls.VerifyMode.Require; minimumProtocol: Tls.V1_3 }
        property QtObject item: c
        property TlsSocket s: TlsSocket {}
        function compare() {
            return [s.state === Tls.State.Unconnected, c.verifyMode === Tls.VerifyMode.Require,
                    c.minimumProtocol === Tls.Protocol.V1_3, Tls.State.Encrypted].join()
        } }"""
    )
    assert document.call("compare") == "true,true,true,5"
    configuration = document.get("item").sslConfiguration()
    assert configuration.peerVerifyMode().name == "VerifyPeer"
    assert configuration.protocol().name == "TlsV1_3OrLater"


@pytest.mark.parametrize("name", EXTENDED)
def test_qml_q05_extension_beside_a_plain_class(load: Load, name: str) -> None:
    """QML creates the plain class itself, and Python sees none of the properties."""
    plain, extension = EXTENDED[name]
    document = load(f"QtObject {{ property QtObject made: {name} {{ objectName: 'made' }} }}")
    made = document.get("made")
    assert type(made) is plain
    added = [
        extension.staticMetaObject.property(index).name()
        for index in range(1, extension.staticMetaObject.propertyCount())
    ]
    assert added
    assert not any(isinstance(getattr(plain, each, None), property) for each in added)


def test_qml_q05_extension_repeats_no_signal() -> None:
    """With the very same signature it would be emitted in place of the plain class's, and call itself for ever."""
    # In an interpreter of its own: PySide renews metaobjects that are in use.
    code = """
from PySide6.QtCore import QMetaMethod, QObject
from qtsecure.qml.types import EXTENDED
def signals(cls):
    meta = cls.staticMetaObject
    methods = [meta.method(index) for index in range(QObject.staticMetaObject.methodCount(), meta.methodCount())]
    signal = QMetaMethod.MethodType.Signal
    return {bytes(each.methodSignature().data()) for each in methods if each.methodType() == signal}
for plain, extension in EXTENDED.values():
    assert signals(plain) and signals(extension)
    print(sorted(signals(plain) & signals(extension)))
"""
    root = Path(qtsecure.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout == "[]\n" * len(EXTENDED)


def test_qml_q06_default_values_and_bindings(load: Load) -> None:
    """Objects in properties, bindings to them, and a change that is followed."""
    document = load(
        "QtObject { id: root\n"
        + HEAD
        + """
        property int port: server.listening ? server.port : -1
        property TlsServer server: TlsServer { id: server
            configuration: TlsConfiguration { certificate: root.good.certificate; privateKey: root.good.key } }
        function listen() { server.listen("127.0.0.1", 0) }
        function close() { server.close() } }"""
    )
    assert document.get("port") == -1
    document.call("listen")
    assert document.get("port") > 0
    document.call("close")
    assert document.get("port") == -1


def test_qml_q06_uncreatable(load: Load) -> None:
    """What comes in signals cannot be made by a document."""
    for name in MADE_BY_US:
        with pytest.raises(AssertionError, match="It comes in signals and from methods"):
            load(f"QtObject {{ property var made: {name} {{}} }}")


def test_qml_q07_names_beside_qt_network(load: Load) -> None:
    """Qt's QtNetwork module has the names Ssl and SslSocket; ours has neither."""
    document = load(
        "import QtNetwork\nQtObject { property TlsSocket s: TlsSocket {}"
        "\nfunction both() { return s.state === Tls.State.Unconnected } }"
    )
    assert document.call("both") is True
    names = {"Tls", *EXTENDED, *CREATABLE, *MADE_BY_US}
    assert not any(name.startswith("Ssl") for name in names)
