"""What a front end decides inside the handshake."""

from __future__ import annotations

from qtsecure.engine.psk import PreSharedKey
from qtsecure.engine.verification import VerificationIssue

__all__ = ["HandshakeDecisions"]


class HandshakeDecisions:
    """Answers the questions that cannot wait; the defaults are the safe ones.

    The methods are called while OpenSSL is on the stack: they must not call back into the stream.
    """

    def continue_after(self, issue: VerificationIssue) -> bool:
        """Go on after this verification error (only with ``interrupt_on_error``)?"""
        return False

    def accept_now(self, issues: tuple[VerificationIssue, ...]) -> bool | None:
        """A TLS 1.3 server's only chance for the right alert: accept, reject, or None to decide later.

        Afterwards the client has already finished, and a late rejection can only close.
        """
        return None

    def psk_for_server(self, hint: bytes) -> PreSharedKey | None:
        """On a client: the key to use with this server, or None for no key."""
        return None

    def psk_for_client(self, identity: bytes) -> PreSharedKey | None:
        """On a server: the key of this client, or None when it is unknown."""
        return None
