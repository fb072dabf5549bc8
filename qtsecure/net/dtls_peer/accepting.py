"""The last chance to accept a certificate: a method to override (Gio's accept_certificate)."""

from __future__ import annotations

import sys

from PySide6.QtCore import QObject

from qtsecure.errors import SecureError
from qtsecure.net.dtls_peer.handshake import Handshake
from qtsecure.net.questions.certificate_request import CertificateRequest
from qtsecure.net.values import SslCertificate, SslError

__all__ = ["Accepting"]


class Accepting(Handshake):
    """acceptCertificateEvent() of DtlsPeer."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)

    def acceptCertificateEvent(self, certificate: SslCertificate, errors: list[SslError]) -> bool:
        """Override it to accept certificates with errors: called when no slot of acceptCertificate has answered.

        Answers in slots come first, and the first one wins; this method corresponds to the handler of
        Gio's class, which runs last. It must not wait for anybody: answer later with
        ``CertificateRequest.defer()`` in a slot.

        Args:
            certificate: The other side's; null when it has shown none.
            errors: Everything that is wrong with it.

        Returns:
            Whether to go on; an exception counts as no. The default is no.
        """
        return False

    def _ask(self, signal: str, argument: object) -> bool:
        attempt = self._attempt
        attempt.asking += 1  # nothing may wait in these slots: what it waits for could not happen
        try:
            if not super()._ask(signal, argument):
                return False
            if isinstance(argument, CertificateRequest) and argument.isUnanswered() and self._acceptsEvent(argument):
                argument._accept()
        finally:
            attempt.asking -= 1
        return self._stillDeciding(attempt)

    def _acceptsEvent(self, request: CertificateRequest) -> bool:
        chain = request.certificateChain()
        try:
            accepted = self.acceptCertificateEvent(chain[0] if chain else SslCertificate(), request.errors())
        except (Exception, KeyboardInterrupt):  # noqa: BLE001 - reported as in a slot, whatever Qt reports there
            sys.excepthook(*sys.exc_info())
            return False
        return accepted is True

    def _refuseWaiting(self, method: str) -> None:
        """SecureError in the slots that a handshake waits for."""
        if self._attempt.asking or (self._path is not None and self._path.busy):
            raise SecureError(
                SecureError.Code.Pending,
                f"{method}() cannot wait while the handshake waits for this slot; answer, and wait afterwards.",
            )
