"""Every signal is printed, with names for its arguments."""

from __future__ import annotations

import pytest
from PySide6.QtCore import SIGNAL, QMetaMethod
from PySide6.QtNetwork import QAbstractSocket, QSsl, QSslError, QSslSocket

from qtsecure import CertificateRequest, PreSharedKeyAuthenticator, SslCertificate, SslError, SslServer, SslSocket
from qtsecure.net.qt_objects.signal_watch import peerOf, watchServer, watchSocket

ERROR = SslError(QSslError.SslError.HostNameMismatch)
Level, Kind = QSsl.AlertLevel, QSsl.AlertType


@pytest.mark.parametrize(
    ("name", "arguments", "fields"),
    [
        ("connected", (), {}),
        ("stateChanged", (QAbstractSocket.SocketState.ConnectedState,), {"state": "ConnectedState"}),
        ("modeChanged", (QSslSocket.SslMode.SslClientMode,), {"mode": "SslClientMode"}),
        ("bytesWritten", (7,), {"bytes": 7}),
        ("encryptedBytesWritten", (7,), {"bytes": 7}),
        ("alertSent", (Level.Fatal, Kind.UnknownCa, "why"), {"level": "Fatal", "type": "UnknownCa", "text": "why"}),
        (
            "alertReceived",
            (Level.Warning, Kind.CloseNotify, ""),
            {"level": "Warning", "type": "CloseNotify", "text": ""},
        ),
        ("sslErrors", ([ERROR],), {"codes": ["HostNameMismatch"], "texts": [ERROR.errorString()]}),
        ("peerVerifyError", (ERROR,), {"code": "HostNameMismatch", "text": ERROR.errorString(), "depth": 0}),
        (
            "encrypted",
            (),
            {"protocol": "Unknown", "cipher": "", "group": "", "alpn": "", "reused": False},
        ),
    ],
)
def test_socket(qapp, name: str, arguments: tuple[object, ...], fields: dict[str, object]) -> None:
    """The names are those of the documentation."""
    socket = SslSocket()
    seen: list[tuple[str, object]] = []
    watchSocket(socket, lambda *event: seen.append(event))
    getattr(socket, name).emit(*arguments)
    assert seen == [(name, fields)]


def test_error(qapp) -> None:
    """The sentence comes along."""
    socket = SslSocket()
    socket.setErrorString("It failed.")
    seen: list[tuple[str, object]] = []
    watchSocket(socket, lambda *event: seen.append(event))
    socket.errorOccurred.emit(QAbstractSocket.SocketError.NetworkError)
    assert seen == [("errorOccurred", {"error": "NetworkError", "text": "It failed."})]


def test_decision(qapp) -> None:
    """What a request is about."""
    socket = SslSocket()
    seen: list[tuple[str, object]] = []
    watchSocket(socket, lambda *event: seen.append(event))
    socket.acceptCertificate.emit(CertificateRequest([SslCertificate()], [ERROR], "example.org", socket))
    assert seen == [("acceptCertificate", {"host": "example.org", "codes": ["HostNameMismatch"]})]


@pytest.mark.parametrize("psk", [False, True])
def test_pre_shared_keys(qapp, psk: bool) -> None:
    """Being connected to that signal switches keys on, so it is not watched for nothing; keys stay secret."""
    socket, server = SslSocket(), SslServer()
    seen: list[tuple[str, object]] = []
    watchSocket(socket, lambda *event: seen.append(event), psk=psk)
    watchServer(server, lambda *event: seen.append(event), psk=psk)
    assert socket.receivers(SIGNAL("preSharedKeyAuthenticationRequired(PyObject)")) == int(psk)
    assert server._wantsPreSharedKeys() is psk
    question = PreSharedKeyAuthenticator.forServer(b"hint", b"sensor")
    question.setPreSharedKey(b"secret")
    socket.preSharedKeyAuthenticationRequired.emit(question)
    expected = [("preSharedKeyAuthenticationRequired", {"identity": "sensor", "identityHint": "hint"})]
    assert seen == (expected if psk else [])


def test_server(qapp) -> None:
    """The socket becomes the address of the peer."""
    server, socket = SslServer(), SslSocket()
    seen: list[tuple[str, object]] = []
    watchServer(server, lambda *event: seen.append(event))
    server.startedEncryptionHandshake.emit(socket)
    server.sslErrors.emit(socket, [ERROR])
    server.newConnection.emit()
    server.acceptError.emit(QAbstractSocket.SocketError.SocketResourceError)
    peer = peerOf(socket)
    assert seen == [
        ("startedEncryptionHandshake", {"peer": peer}),
        ("sslErrors", {"peer": peer, "codes": ["HostNameMismatch"], "texts": [ERROR.errorString()]}),
        ("newConnection", {}),
        ("acceptError", {"error": "SocketResourceError", "text": server.errorString()}),
    ]


def test_every_signal_is_watched(qapp) -> None:
    """Also those that a later version adds; only what says nothing about a connection is left out."""
    socket = SslSocket()
    watchSocket(socket, lambda *event: None, psk=True)
    meta = socket.metaObject()
    methods = [meta.method(index) for index in range(meta.methodCount())]
    signals = [method for method in methods if method.methodType() == QMetaMethod.MethodType.Signal]
    names = {bytes(method.name().data()).decode() for method in signals}
    heard = {bytes(method.name().data()).decode() for method in signals if socket.isSignalConnected(method)}
    assert {"encrypted", "sslErrors", "alertSent", "preSharedKeyAuthenticationRequired"} <= heard
    # PySide listens to destroyed by itself.
    left = {"channelBytesWritten", "channelReadyRead", "objectNameChanged", "certificateRequired"}
    assert names - heard - {"destroyed"} == left
