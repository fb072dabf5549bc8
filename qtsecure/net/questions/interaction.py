"""Questions to the person at the computer, in one object that a program overrides (Gio.TlsInteraction)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from qtsecure.net.values.pre_shared_key_authenticator import PreSharedKeyAuthenticator

if TYPE_CHECKING:
    from qtsecure.net.questions.choice_requests import ClientCertificateRequest

__all__ = ["Interaction"]


class Interaction(QObject):
    """Override the questions that your program can answer; by default each one stays unanswered.

    The methods are called in the thread that the object lives in, and may show a modal dialog. No
    answer is never a yes.
    """

    def askPassword(self, description: str) -> str | bytes | None:
        """The passphrase of something encrypted, or None to give up (Gio.TlsInteraction.ask_password).

        Called where an Interaction was given for a passphrase, and by setCertificate() of a DtlsPeer with
        setInteraction(); only if one is needed, and after a wrong one again, three times in all. What it
        raises comes out of the call that needed it.

        Args:
            description: What it is for, as a phrase for a prompt, for example
                ``"the private key file '/etc/server.key'"``.
        """
        return None

    def requestCertificate(self, request: ClientCertificateRequest) -> None:
        """A server asks for a certificate and none is set (Gio.TlsInteraction.request_certificate).

        Called once in each handshake of a connection with setInteraction(). Answer with
        ``request.provide()``, or with ``request.decline()``, which is the same as no answer; or call
        ``request.defer()`` and answer later. What it raises is reported as that of a slot, and
        counts as ``request.fail()``.

        Args:
            request: What the server accepts, and where the answer goes.
        """

    def requestPreSharedKey(self, authenticator: PreSharedKeyAuthenticator) -> None:
        """A pre-shared key is needed: give identity and key to ``authenticator``, or return without.

        Overriding it turns pre-shared keys on for connections with setInteraction(). Asked where no slot of
        preSharedKeyAuthenticationRequired has given a key; the answer cannot wait, and the same is
        allowed as in such a slot.

        Args:
            authenticator: The same object that ``preSharedKeyAuthenticationRequired`` brings.
        """
