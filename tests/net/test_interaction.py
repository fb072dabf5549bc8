"""Interaction: what nobody overrides stays unanswered."""

from __future__ import annotations

from qtsecure import ClientCertificateRequest, Interaction, PreSharedKeyAuthenticator


def test_by_default_nothing_is_answered() -> None:
    """No passphrase, no certificate, no key, and no exception."""
    interaction = Interaction()
    assert interaction.askPassword("the private key file 'server.key'") is None
    request = ClientCertificateRequest((), "server.example")
    interaction.requestCertificate(request)
    assert request.isPending()
    authenticator = PreSharedKeyAuthenticator()
    interaction.requestPreSharedKey(authenticator)
    assert authenticator.preSharedKey().isEmpty()
