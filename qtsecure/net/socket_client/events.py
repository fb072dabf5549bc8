"""The steps of a connection that is being made (Gio.SocketClientEvent), and what to tell users about them."""

from __future__ import annotations

import enum

from qtsecure.net.shown_names import ShowsItsName

__all__ = ["ClientEvent", "progressText"]


class ClientEvent(ShowsItsName, enum.IntEnum):
    """In this order; those from Connecting to TlsHandshaking repeat for each address that is tried.

    More may come in future; ignore what you do not know.
    """

    Resolving = 0
    """The addresses are about to be looked up; there is no connection yet."""
    Resolved = 1
    """The first address is known."""
    Connecting = 2
    """An address is about to be tried; the connection knows its remoteAddress()."""
    Connected = 3
    """The TCP connection to the server, or to its proxy, stands."""
    ProxyNegotiating = 4
    """The proxy is about to be asked for a way to the server."""
    ProxyNegotiated = 5
    """The way through the proxy stands."""
    TlsHandshaking = 6
    """TLS is about to begin: the last moment for changing the connection's settings."""
    TlsHandshaked = 7
    """The connection is encrypted, and the server has proved its name."""
    Complete = 8
    """All is done; the connection is the result, or None after a failure."""


def progressText(event: ClientEvent, name: str, remote: str) -> str:
    """A sentence for a progress bar; empty at the end, which has a signal of its own.

    Args:
        event: The step.
        name: What the program wants to connect to.
        remote: The address that is tried, or the proxy that was found; empty before there is one.
    """
    texts = {
        ClientEvent.Resolving: f"Looking up {name}",
        ClientEvent.Resolved: f"Found {remote or f'the address of {name}'}",
        ClientEvent.Connecting: f"Connecting to {remote or name}",
        ClientEvent.Connected: f"Connected to {remote or name}",
        ClientEvent.ProxyNegotiating: f"Asking the proxy for {name}",
        ClientEvent.ProxyNegotiated: f"Reached {name} through the proxy",
        ClientEvent.TlsHandshaking: "Checking the server's identity",
        ClientEvent.TlsHandshaked: "The connection is encrypted",
    }
    return texts.get(event, "")
