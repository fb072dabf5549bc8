"""What a DTLS connection can do beyond datagrams (Gio.DtlsConnectionInterface)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable

from PySide6.QtCore import QByteArray

from qtsecure.errors import ChannelBindingError
from qtsecure.net.cancellable import Cancellable
from qtsecure.net.datagram_based import DatagramBased, refuseMissing
from qtsecure.net.values import ChannelBinding, SslCertificate, SslError

__all__ = ["DtlsConnectionInterface"]


class DtlsConnectionInterface(DatagramBased):
    """An interface for DTLS connections, so that a program can put its own in the place of a DtlsPeer.

    handshake() and shutdown() have to be there. The other methods do what Gio does when a class does
    not implement them.
    """

    @abstractmethod
    def handshake(self, cancellable: Cancellable | None = None) -> bool:
        """Wait until the handshake is complete; it begins if it had not (g_dtls_connection_handshake).

        Returns:
            True, also when it was complete before.

        Raises:
            SecureError: Why it failed, or ``Cancelled``.
        """
        refuseMissing(self, "handshake")

    @abstractmethod
    def shutdown(self, read: bool, write: bool, cancellable: Cancellable | None = None) -> bool:
        """End a direction, or both, as close() would (g_dtls_connection_shutdown).

        Args:
            read: Receive nothing any more: receiveMessages() raises ``Closed``.
            write: Tell the other side that nothing comes any more: sendMessages() raises ``Closed``.
            cancellable: When it is cancelled already, nothing is done.

        Returns:
            True.

        Raises:
            SecureError: ``Cancelled``.
        """
        refuseMissing(self, "shutdown")

    def acceptCertificateEvent(self, certificate: SslCertificate, errors: list[SslError]) -> bool:
        """Whether to go on in spite of these errors; asked last, when no slot has answered. The default: no."""
        return False

    def channelBindingData(self, type: ChannelBinding) -> bytes | QByteArray:
        """What binds an authentication above to this connection; raises ChannelBindingError.

        The default is ``NotImplemented``.
        """
        raise ChannelBindingError(
            ChannelBindingError.Code.NotImplemented, f"{self.__class__.__name__} offers no channel bindings."
        )

    def setAdvertisedProtocols(self, protocols: Iterable[str | bytes | bytearray | QByteArray] | None) -> None:
        """The application protocols to offer (ALPN); None for none. The default ignores them."""

    def negotiatedProtocol(self) -> str | None:
        """The application protocol that both sides agreed on; nothing by default."""
        return None
