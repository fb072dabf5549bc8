"""Which listener servers use here; the same choice as for connections."""

from __future__ import annotations

from qtsecure.net.listeners.listener import Listener, ListenerOwner
from qtsecure.net.listeners.notifier_listener import NotifierListener
from qtsecure.net.listeners.reactor_listener import ReactorListener
from qtsecure.net.transports.choice import usesReactor

__all__ = ["makeListener"]


def makeListener(owner: ListenerOwner) -> Listener:
    """A listener of the kind that this process uses."""
    return ReactorListener(owner) if usesReactor() else NotifierListener(owner)
