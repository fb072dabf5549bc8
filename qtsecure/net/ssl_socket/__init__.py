"""SslSocket: TLS over TCP as a QIODevice. One file for each idea; see ``base`` for the layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QIODevice, QObject
from PySide6.QtNetwork import QSslConfiguration

from qtsecure.errors import SecureError
from qtsecure.net import late, values
from qtsecure.net.arguments import exporterArguments
from qtsecure.net.qt_objects.thread_guard import confinedToThread
from qtsecure.net.ssl_socket.base import SocketBase
from qtsecure.net.ssl_socket.leading import Leading

if TYPE_CHECKING:
    from qtsecure.net.values import (
        ConfigurationSource,
        OcspResponse,
        Protocol,
        SslCertificate,
        SslCipher,
        SslConfiguration,
    )

__all__ = ["SslSocket"]

_NextProtocol = QSslConfiguration.NextProtocolNegotiationStatus


_ANSWERS_ANY_THREAD = (
    *("state", "error", "mode", "openMode", "isWritable", "isSequential", "isEncrypted", "atEnd", "pauseMode"),
    *("bytesAvailable", "encryptedBytesAvailable", "bytesToWrite", "encryptedBytesToWrite"),
    *("localAddress", "localPort", "peerAddress", "peerPort", "peerName", "peerVerifyName"),
    *("remoteAddress", "leadsToProxy"),
    *("readBufferSize", "writeBufferLimit", "handshakeTimeout", "timeout"),
)
_CHECK_THEMSELVES = ("read", "readAll", "readBytes", "readLine", "readData", "peek", "skip", "write")


@confinedToThread(harmless=(*_ANSWERS_ANY_THREAD, *_CHECK_THEMSELVES, "connectNotify"), check=SocketBase._checkThread)
class SslSocket(Leading):
    """A TLS client or the server's end of a TLS connection, with QSslSocket's methods and signals.

    Differences from QSslSocket that matter: it is a QIODevice but no QAbstractSocket; a rejected
    certificate is told to the peer with an alert; an end without close_notify can be told from a
    clean one (peerClosedCleanly()); write() can be limited; sessions can be resumed.

    Use it in the thread that it lives in: other threads get a RuntimeError, except from getters that do
    no harm. moveToThread() works while there is no connection. Network faults never raise: they arrive
    in errorOccurred, with a sentence in errorString().

    Args:
        parent: The QObject that owns it.
        transport: A QIODevice of this thread to run over instead of a connection of its own: a
            stream, open for reading and writing, and connected if it is a socket (QTcpSocket,
            QLocalSocket, another SslSocket, QProcess, a serial port, a Python class with write()).
            The socket is connected at once; startClientEncryption() or startServerEncryption()
            begins TLS. Leave reading and writing to the SslSocket from now on. Its end closes the
            device (and the device's end ends it); it keeps the device alive and never deletes it.

    Raises:
        TypeError: ``transport`` is no QIODevice, or one of Python's without a write().
        SecureError: ``transport`` is not open, not connected, no stream or of another thread
            (``InvalidArgument``).
    """

    def __init__(self, parent: QObject | None = None, *, transport: QIODevice | None = None) -> None:
        if transport is not None:
            late.checkDevice(transport)  # before there is a child of the parent's
        super().__init__(parent)
        if transport is not None:
            self._runOver(transport)

    def sslConfiguration(self) -> SslConfiguration:
        """A copy of the configuration, with the facts of the current connection."""
        stream = self._dataPath.stream
        if stream is None or not stream.complete:
            return values.SslConfiguration(self._configuration)
        chain = self._peerChain()
        chosen = stream.negotiated_protocol()
        return self._configuration.withSession(
            values.SessionFacts(
                peerCertificate=chain[0] if chain else values.SslCertificate(),
                peerCertificateChain=tuple(chain),
                sessionCipher=self.sessionCipher(),
                sessionProtocol=self.sessionProtocol(),
                nextNegotiatedProtocol=chosen,
                nextProtocolNegotiationStatus=(
                    _NextProtocol.NextProtocolNegotiationNegotiated
                    if chosen
                    else _NextProtocol.NextProtocolNegotiationNone
                ),
            )
        )

    def setSslConfiguration(self, configuration: ConfigurationSource) -> None:
        """Use this configuration (a copy of it) for the next handshake.

        With the TlsOptions of a server, which verify no server, the socket refuses to be a client: errorOccurred
        tells ``SslInvalidUserDataError``.

        Raises:
            TypeError, ValueError, SecureError: For anything that is no usable configuration.
        """
        dataPath = self._dataPath
        dataPath.configuration = values.configurationFrom(configuration)
        dataPath.optionsOfServer = isinstance(configuration, values.TlsOptions) and configuration.isServer()

    def peerCertificate(self) -> SslCertificate:
        """The peer's certificate; null before it came, or when it has none."""
        chain = self._peerChain()
        return chain[0] if chain else values.SslCertificate()

    def peerCertificateChain(self) -> list[SslCertificate]:
        """The peer's chain, leaf first, as it was sent."""
        return self._peerChain()

    def sessionCipher(self) -> SslCipher:
        """The cipher suite in use; null before ``encrypted`` and after the end."""
        if self._dataPath.stream is None or not self._dataPath.encrypted:
            return values.SslCipher()
        return values.SslCipher(
            self._dataPath.stream.cipher_name(),
            self.sessionProtocol(),
            keyExchangeGroup=self._dataPath.stream.group_name(),
        )

    def sessionProtocol(self) -> Protocol:
        """The protocol version in use; Unknown before ``encrypted`` and after the end."""
        if self._dataPath.stream is None or not self._dataPath.encrypted:
            return values.Protocol.Unknown
        return values.Protocol.fromVersion(self._dataPath.stream.protocol_version())

    def negotiatedProtocol(self) -> str:
        """The application protocol both sides agreed on (ALPN), or an empty string."""
        if self._dataPath.stream is None or not self._dataPath.stream.complete:
            return ""
        return self._dataPath.stream.negotiated_protocol().decode("utf-8", "replace")

    def serverName(self) -> str:
        """The host name that the client asked for (SNI, RFC 6066), or an empty string."""
        return self._dataPath.stream.server_name() if self._dataPath.stream is not None else ""

    def keyExchangeGroup(self) -> str:
        """The negotiated key-exchange group, for example X25519MLKEM768, or an empty string."""
        return (
            self._dataPath.stream.group_name() if self._dataPath.stream is not None and self._dataPath.encrypted else ""
        )

    def ocspResponses(self) -> list[OcspResponse]:
        """The revocation status that the server has stapled (QSslSocket::ocspResponses); none if it was not asked.

        Known from sslErrors on, whether it can be believed or not; see sslHandshakeErrors() for that.
        A resumed connection has none: the server does not repeat it.
        """
        stapled = self._dataPath.stream.ocsp_response if self._dataPath.stream is not None else b""
        return [values.OcspResponse(stapled)] if stapled else []

    def exportKeyingMaterial(
        self, label: str | bytes | QByteArray, length: int, context: bytes | QByteArray | None = None
    ) -> QByteArray:
        """Keying material bound to this connection (RFC 5705; RFC 8446 section 7.5).

        Args:
            label: A label from the IANA registry, or a private one beginning with "EXPERIMENTAL".
            length: How many bytes.
            context: A context value; None differs from empty before TLS 1.3.

        Raises:
            SecureError: Before ``encrypted``.
            TypeError: An argument is of another type.
            ValueError: The label is not ASCII, longer than 249 bytes, or reserved; or the length is out of range.
        """
        if self._dataPath.stream is None or not self._dataPath.stream.complete:
            raise SecureError(
                SecureError.Code.WouldBlock, "Keying material exists only after the handshake; wait for encrypted()."
            )
        return QByteArray(self._dataPath.stream.export_keying_material(*exporterArguments(label, length, context)))
