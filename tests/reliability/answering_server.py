"""Servers that answer requests of HTTP: ``python -m tests.reliability.answering_server``; prints their ports as JSON.

They speak with everybody, by every suite for certificates that OpenSSL still has, and differ in what clients may need.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, QCryptographicHash
from PySide6.QtNetwork import QSslSocket

from qtsecure import PreSharedKeyAuthenticator, Protocol, SslConfiguration, SslServer, SslSocket
from qtsecure.testing.certificates import CertificateAuthority, KeyType

_ANSWER = b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
_END_OF_REQUEST = (b"\r\n\r\n", b"\n\n")
_KEY = b"\xaa"
_HASHES = {b"test": QCryptographicHash.Algorithm.Sha256, b"test384": QCryptographicHash.Algorithm.Sha384}


def main() -> None:
    """Serve until somebody ends the process."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    application = QCoreApplication([])
    servers = {name: _serve(configuration, _answer) for name, configuration in _configurations().items()}
    servers["echo"] = _serve(_configuration("rsa"), lambda received: received)
    servers["psk"].preSharedKeyAuthenticationRequired.connect(_giveKey)
    print(json.dumps({name: server.serverPort() for name, server in servers.items()}), flush=True)
    application.exec()


def _configurations() -> dict[str, SslConfiguration]:
    """What each server has that the others have not."""
    asking, tls12, groups = _configuration("rsa"), _configuration("rsa"), _configuration("rsa")
    asking.setPeerVerifyMode(QSslSocket.PeerVerifyMode.QueryPeer)
    tls12.setProtocol(Protocol.TlsV1_2)
    groups.setKeyExchangeGroups(SslConfiguration.supportedKeyExchangeGroups())
    return {
        "rsa": _configuration("rsa"),
        "ecdsa": _configuration("ec"),
        "ed25519": _configuration("ed25519"),
        "asking": asking,
        "tls12": tls12,
        "groups": groups,
        "psk": _configuration("rsa"),
        "stapling": _configuration("rsa", stapling=True),
    }


def _configuration(key: KeyType, *, stapling: bool = False) -> SslConfiguration:
    """With an authority that has a key of the same kind: some clients take signatures of one kind only."""
    authority = CertificateAuthority(key=key)
    issued = authority.issue(key=key)
    configuration = SslConfiguration.forServer(issued.chain, issued.privateKey)
    names = [cipher.name() for cipher in SslConfiguration.supportedCiphers()]
    configuration.setCiphers([name for name in names if "PSK" not in name])
    configuration.setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyNone)
    configuration.setAllowedNextProtocols(["http/1.1", "h2"])
    if stapling:
        configuration.setOcspResponse(authority.ocspResponse(issued))
    return configuration


def _serve(configuration: SslConfiguration, reply: Callable[[bytes], bytes]) -> SslServer:
    """A server that answers with what ``reply`` makes of everything since its last answer, once that is something."""
    server = SslServer()
    server.setSslConfiguration(configuration)
    server.setHandshakeTimeout(10_000)

    def serve() -> None:
        socket = server.nextPendingConnection()
        if socket is None:
            return
        received = bytearray()

        def answer(socket: SslSocket = socket) -> None:
            received.extend(socket.readBytes())
            if answered := reply(bytes(received)):
                received.clear()
                socket.write(answered)

        socket.readyRead.connect(answer)
        socket.disconnected.connect(socket.deleteLater)
        answer()

    server.pendingConnectionAvailable.connect(serve)
    if not server.listen("127.0.0.1"):
        raise SystemExit(server.errorString())
    return server


def _answer(request: bytes) -> bytes:
    return _ANSWER if request.endswith(_END_OF_REQUEST) else b""


def _giveKey(_: SslSocket, authenticator: PreSharedKeyAuthenticator) -> None:
    algorithm = _HASHES.get(bytes(authenticator.identity()))
    if algorithm is not None:
        authenticator.setHashAlgorithm(algorithm)
        authenticator.setPreSharedKey(_KEY)


if __name__ == "__main__":
    main()
