"""Python's ssl module: another OpenSSL than the engine's, with habits of its own."""

from __future__ import annotations

import re
import ssl

from qtsecure.engine.alerts import AlertDescription
from qtsecure.testing.peers import PeerError, PythonTlsClient, PythonTlsServer, TlsConnection
from tests.interop.foreign.base import LINE, ForeignClient, ForeignServer, Told
from tests.interop.programs import TIMEOUT

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def _alertOf(error: BaseException) -> int:
    """The number of the alert that an ssl.SSLError tells about."""
    # Some alerts have a symbol in Python, the newer ones only words.
    match = re.search(r"ALERT_([A-Z_]+)|alert ([a-z ]+) \(", f"{getattr(error, 'reason', None)} {error}")
    if match is None:
        raise PeerError(f"No alert: {error!r}")
    return int(AlertDescription[match[1] or match[2].upper().replace(" ", "_")])


class _PythonEnd:
    """What both ends do alike."""

    _peer: PythonTlsServer | PythonTlsClient

    def stop(self) -> None:
        self._peer.stop()

    def waitForAlert(self) -> int:
        return _alertOf(self._peer.waitForError(TIMEOUT))

    def expectFailure(self) -> None:
        assert isinstance(self._peer.waitForError(TIMEOUT), ssl.SSLError)

    def _told(self, connection: TlsConnection) -> Told:
        # A key of the program is a session to OpenSSL in TLS 1.3.
        reused = connection.sessionReused
        keyed = (reused if self.version == "1.3" else "PSK" in connection.cipher) if self.psk else False
        return Told(
            version=connection.protocol.removeprefix("TLSv"),
            certificate=connection.peerCertificate or b"",
            alpn=connection.alpn or "",
            psk=keyed,
            resumed=reused and not keyed,
        )


class PythonServer(_PythonEnd, ForeignServer):
    def start(self) -> None:
        self._peer = self._server = PythonTlsServer(
            self.certificate,
            clientCertificate="required" if self.clients else "none",
            caCertificates=[self.clients] if self.clients else [],
            alpn=self.alpn,
            minimumVersion=_VERSIONS[self.version],
            maximumVersion=_VERSIONS[self.version],
            ciphers="PSK" if self.psk else "",
            preSharedKeys=dict([self.psk]) if self.psk else None,
        )
        self.port = self._server.port
        self._server.start()

    def told(self) -> Told:
        return self._told(self._server.connections[-1])

    def waitForCleanEnd(self) -> None:
        count = len(self._server.connections)
        assert self._server.waitForEnding(count, TIMEOUT).ending == "closeNotify"


class PythonClient(_PythonEnd, ForeignClient):
    def start(self) -> None:
        self._peer = self._client = self._made(None)
        self._client.start()
        if self.resume:
            self.send(LINE)
            self.waitForReceived(LINE)
            self.close()
            self.waitForCleanEnd()
            self._client.stop()
            self._peer = self._client = self._made(self._client)
            self._client.start()

    def _made(self, earlier: PythonTlsClient | None) -> PythonTlsClient:
        return PythonTlsClient(
            self.port,
            caCertificates=[self.trust] if self.trust else [],
            certificate=self.certificate,
            alpn=self.alpn,
            minimumVersion=_VERSIONS[self.version],
            maximumVersion=_VERSIONS[self.version],
            ciphers="PSK" if self.psk else "",
            preSharedKey=self.psk,
            resume=earlier,
        )

    def told(self) -> Told:
        return self._told(self._client.waitForConnection(TIMEOUT))

    def send(self, line: bytes) -> None:
        self._client.send(line)

    def waitForReceived(self, data: bytes) -> None:
        assert self._client.waitForReceived(len(data), TIMEOUT) == data

    def close(self) -> None:
        self._client.close()

    def waitForCleanEnd(self) -> None:
        assert self._client.waitForEnding(TIMEOUT).ending == "closeNotify"
