"""DtlsPeer: one DTLS association as a QObject. One file for each idea; see ``base`` for the layers."""

from __future__ import annotations

from PySide6.QtCore import QByteArray, QObject

from qtsecure.errors import SecureError
from qtsecure.net.arguments import exporterArguments
from qtsecure.net.dtls_peer.conditions import Conditions
from qtsecure.net.qt_objects.thread_guard import confinedToThread
from qtsecure.net.values import OcspResponse

__all__ = ["DtlsPeer"]


@confinedToThread(
    harmless=(
        *("status", "isEncrypted", "error", "errorString", "handshakeTimeout", "idleTimeout", "pauseMode", "mtu"),
        *("packetError", "availablePacketCount", "encodeBufferMaxSize"),
        # Called for each message: writeDatagram() checks for itself, the others do no harm.
        *("writeDatagram", "readDatagram", "hasPendingDatagrams", "pendingDatagramSize", "putPacket", "getPacket"),
        *("connectNotify", "disconnectNotify"),
    )
)
class DtlsPeer(Conditions):
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

    def exportKeyingMaterial(
        self, label: str | bytes | QByteArray, length: int, context: bytes | QByteArray | None = None
    ) -> QByteArray:
        """Keying material bound to this association (RFC 5705).

        Args:
            label: A label from the IANA registry, or a private one beginning with "EXPERIMENTAL".
            length: How many bytes.
            context: A context value; None differs from empty.

        Raises:
            SecureError: Before ``encrypted``.
            TypeError: An argument is of another type.
            ValueError: The label is not ASCII, longer than 249 bytes, or reserved; or the length is out of range.
        """
        association = self._complete()
        if association is None:
            raise SecureError(
                SecureError.Code.WouldBlock, "Keying material exists only after the handshake; wait for encrypted()."
            )
        return QByteArray(association.export_keying_material(*exporterArguments(label, length, context)))
