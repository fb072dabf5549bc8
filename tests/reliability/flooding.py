"""A TLS peer in pure Python (tlslite-ng) that can send what no decent implementation sends."""

from __future__ import annotations

import errno
import socket
import warnings
from collections.abc import Iterator
from typing import Any

from qtsecure.engine.tls_stream import TlsStream
from qtsecure.testing.pki import IssuedCertificate
from tests.engine.support import Version

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # asyncore, on old versions of Python
    from tlslite.api import HandshakeSettings, TLSConnection, X509CertChain, parsePEMKey
    from tlslite.constants import ContentType, KeyUpdateMessageType
    from tlslite.errors import TLSLocalAlert, TLSRemoteAlert
    from tlslite.messages import Alert, ApplicationData, ClientHello, HelloRequest, KeyUpdate, NewSessionTicket

__all__ = ["Flooder"]


class _Wire:
    """What tlslite takes for a non-blocking socket: two buffers."""

    def __init__(self) -> None:
        self.sent = bytearray()
        self.received = bytearray()

    def send(self, data: bytes) -> int:
        self.sent += data
        return len(data)

    def sendall(self, data: bytes) -> None:
        self.sent += data

    def recv(self, size: int) -> bytes:
        if not self.received:
            raise OSError(errno.EWOULDBLOCK, "nothing there")
        data = bytes(self.received[:size])
        del self.received[:size]
        return data

    def setsockopt(self, *_: object) -> None:
        return

    def close(self) -> None:
        return

    def shutdown(self, how: int = socket.SHUT_RDWR) -> None:
        return


class Flooder:
    """One end of a connection in memory, the other end of which is a stream.

    Args:
        stream: Our end, not yet started.
        version: The only protocol version.
        certificate: When the stream is a client: the certificate of this server.
    """

    def __init__(self, stream: TlsStream, version: Version, certificate: IssuedCertificate | None = None) -> None:
        self.stream = stream
        self._wire = _Wire()
        self._tls = TLSConnection(self._wire)
        self._is_server = not stream.server
        settings = HandshakeSettings()
        settings.minVersion = settings.maxVersion = (3, 4) if version == "1.3" else (3, 3)
        settings.ticket_count = 0
        if self._is_server:
            assert certificate is not None
            chain = X509CertChain()
            chain.parsePemList(certificate.chainPem().decode())
            key = parsePEMKey(certificate.keyPem().decode(), private=True)
            self._running = self._tls.handshakeServerAsync(certChain=chain, privateKey=key, settings=settings)
        else:
            self._running = self._tls.handshakeClientCert(settings=settings, async_=True)

    def handshake(self) -> None:
        """Complete the handshake on both sides."""
        self.stream.start()
        done = False
        for _ in range(20):
            if not done:
                done = self._step(self._running)
            moved = self.carry() | self._take()
            if done and not moved:
                break
        assert done
        assert self.stream.established, self.stream.events

    @staticmethod
    def _step(work: Iterator[Any]) -> bool:
        """Let tlslite work until it has to wait; whether it is done."""
        return all(result not in (0, 1) for result in work)

    def _take(self) -> bool:
        """Bring what the stream has to say to this side."""
        moved = False
        while len(part := self.stream.take_outgoing()):
            self._wire.received += part
            moved = True
        return moved

    def carry(self) -> bool:
        """Bring everything that was sent to the stream, which does not read it yet."""
        data, self._wire.sent = bytes(self._wire.sent), bytearray()
        if data:
            self.stream.receive(data)
        return bool(data)

    def sent(self) -> bytes:
        """Take what was sent, to be given to the stream in another way."""
        data, self._wire.sent = bytes(self._wire.sent), bytearray()
        return data

    def send(self, *messages: Any) -> None:
        """Send messages, each in a record of its own; carry() brings them over."""
        for message in messages:
            self._step(self._tls._sendMsg(message, update_hashes=False))
            if isinstance(message, KeyUpdate):
                session = self._tls.session
                session.cl_app_secret, session.sr_app_secret = self._tls._recordLayer.calcTLS1_3KeyUpdate_reciever(
                    session.cipherSuite, session.cl_app_secret, session.sr_app_secret
                )

    def sendInOneRecord(self, *messages: Any) -> None:
        """Send several messages of the handshake together."""
        content = bytearray().join(message.write() for message in messages)
        self.send(_Raw(ContentType.handshake, content))

    def readAlert(self) -> int:
        """Read what the stream has sent until an alert comes; its code, or -1 without one."""
        self._take()
        try:
            for result in self._tls.readAsync(max=1, min=1):
                if result in (0, 1):
                    return -1
        except TLSRemoteAlert as alert:
            return int(alert.description)
        except TLSLocalAlert as alert:
            raise AssertionError(f"tlslite could not read our answer: {alert}") from alert
        return 0 if self._tls.closed else -1

    def read(self, size: int) -> bytes:
        """Read so many bytes of what the stream has sent; fewer if there are not so many."""
        self._take()
        for result in self._tls.readAsync(max=size, min=size):
            if result in (0, 1):
                return b""
            return bytes(result)
        return b""

    # What to send

    def keyUpdate(self, requested: bool) -> Any:
        kind = KeyUpdateMessageType.update_requested if requested else KeyUpdateMessageType.update_not_requested
        return KeyUpdate().create(kind)

    def ticket(self) -> Any:
        return NewSessionTicket().create(3600, 1, bytearray(b"nonce"), bytearray(32), [])

    def data(self, content: bytes) -> Any:
        return ApplicationData().create(bytearray(content))

    def warning(self, code: int) -> Any:
        return Alert().create(code, level=1)

    def helloRequest(self) -> Any:
        return HelloRequest().create()

    def clientHello(self) -> Any:
        suites = [self._tls.session.cipherSuite]
        return ClientHello().create((3, 3), bytearray(32), bytearray(), suites)


class _Raw:
    """A message that is written as it is."""

    def __init__(self, contentType: int, content: bytearray) -> None:
        self.contentType = contentType
        self._content = content

    def write(self) -> bytearray:
        return self._content
