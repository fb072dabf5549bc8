"""DtlsPeer: one DTLS association as a QObject. One file for each idea; see ``base`` for the layers."""

from __future__ import annotations

from PySide6.QtCore import QByteArray, QObject

from qtsecure.engine.dtls import DtlsAssociation
from qtsecure.errors import SecureError
from qtsecure.net.dtls_peer.variants import Variants
from qtsecure.net.thread_guard import confinedToThread
from qtsecure.net.values import OcspResponse, Protocol, SslCertificate, SslCipher

__all__ = ["DtlsPeer"]

_LONGEST_EXPORT = 8160  # 255 blocks of SHA-256, the least that the key derivation can give (RFC 5869)


@confinedToThread(
    harmless=(
        *("status", "isEncrypted", "error", "errorString", "handshakeTimeout", "idleTimeout", "pauseMode", "mtu"),
        *("packetError", "availablePacketCount", "encodeBufferMaxSize"),
        # Called for each message: writeDatagram() checks for itself, the others do no harm.
        *("writeDatagram", "readDatagram", "hasPendingDatagrams", "pendingDatagramSize", "putPacket", "getPacket"),
        # From our own layers:
        *("afterEngine", "reviewHeard", "handleEvents", "networkRefused", "idledOut", "socketLost", "replaced"),
        *("adopt", "beginAsServer", "pollLater", "connectNotify", "disconnectNotify"),
    )
)
class DtlsPeer(Variants):
    """A DTLS client, or the server's end of an association: encrypted datagrams (RFC 6347).

    What a program would write around QDtls is inside: the UDP socket, the look-up of the host, timers,
    retransmission, the total deadline, and alerts. Messages keep their boundaries; they may get lost,
    arrive out of order, but never twice or damaged.

    Use it in the thread that it lives in: other threads get a RuntimeError. Network faults never raise:
    they arrive in errorOccurred. The server's peers come from DtlsServer.

    Args:
        parent: The QObject that owns it.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)

    def peerCertificate(self) -> SslCertificate:
        """The peer's certificate; null before it came, or when it has none."""
        chain = self._peerChain()
        return chain[0] if chain else SslCertificate()

    def peerCertificateChain(self) -> list[SslCertificate]:
        """The peer's chain, leaf first, as it was sent."""
        return self._peerChain()

    def sessionCipher(self) -> SslCipher:
        """The cipher suite in use; null before ``encrypted`` and after the end."""
        association = self._established()
        if association is None:
            return SslCipher()
        return SslCipher(association.cipher_name(), self.sessionProtocol(), keyExchangeGroup=association.group_name())

    def cipherName(self) -> str:
        """OpenSSL's name of the cipher suite in use, or an empty string."""
        association = self._established()
        return association.cipher_name() if association is not None else ""

    def sessionProtocol(self) -> Protocol:
        """The protocol version in use; Unknown before ``encrypted`` and after the end."""
        association = self._established()
        return Protocol.fromVersion(association.protocol_version()) if association is not None else Protocol.Unknown

    def keyExchangeGroup(self) -> str:
        """The negotiated key-exchange group, for example X25519, or an empty string."""
        association = self._established()
        return association.group_name() if association is not None else ""

    def negotiatedProtocol(self) -> str:
        """The application protocol both sides agreed on (ALPN, RFC 7301), or an empty string."""
        association = self._complete()
        return association.negotiated_protocol().decode("utf-8", "replace") if association is not None else ""

    def serverName(self) -> str:
        """The host name that the client asked for (SNI, RFC 6066), or an empty string."""
        association = self._path.association if self._path is not None else None
        return association.server_name() if association is not None else ""

    def srtpProfile(self) -> str:
        """The negotiated SRTP protection profile (RFC 5764), or an empty string."""
        association = self._complete()
        return association.srtp_profile().decode("ascii", "replace") if association is not None else ""

    def ocspResponses(self) -> list[OcspResponse]:
        """The revocation status that the server has stapled; none if it was not asked for it."""
        association = self._path.association if self._path is not None else None
        stapled = association.ocsp_response if association is not None else b""
        return [OcspResponse(stapled)] if stapled else []

    def exportKeyingMaterial(self, label: str | bytes, length: int, context: bytes | None = None) -> QByteArray:
        """Keying material bound to this association (RFC 5705).

        Args:
            label: A label from the IANA registry, or a private one beginning with "EXPERIMENTAL".
            length: How many bytes.
            context: A context value; None differs from empty.

        Raises:
            SecureError: Before ``encrypted``.
        """
        association = self._complete()
        if association is None:
            raise SecureError(
                SecureError.Code.WouldBlock, "Keying material exists only after the handshake; wait for encrypted()."
            )
        raw = label.encode("ascii", "strict") if isinstance(label, str) else label
        if isinstance(length, bool) or not isinstance(length, int):
            raise TypeError(f"length must be an int, not {type(length).__name__}.")
        if not 0 < length <= _LONGEST_EXPORT:
            raise ValueError(f"length must be between 1 and {_LONGEST_EXPORT} bytes, not {length}.")
        return QByteArray(association.export_keying_material(raw, length, context))

    def _established(self) -> DtlsAssociation | None:
        return self._path.association if self._path is not None and self._path.established else None

    def _complete(self) -> DtlsAssociation | None:
        association = self._path.association if self._path is not None else None
        return association if association is not None and association.complete else None
