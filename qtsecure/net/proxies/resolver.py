"""Which proxies to use for a URI (Gio.ProxyResolver)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QObject
from shiboken6 import isValid

from qtsecure.errors import SecureError
from qtsecure.net.cancellable import Cancellable
from qtsecure.net.event_loop.scheduler import schedulerOfThisThread
from qtsecure.net.proxies.network_uri import schemeOf
from qtsecure.net.qt_objects.thread_guard import confinedToThread

__all__ = ["ProxyAnswer", "ProxyResolver", "cancellation", "checkLookup", "checkedProxies", "refusal"]

ProxyAnswer = Callable[["list[str] | SecureError"], None]
"""What a look-up calls: with URIs of proxies in the order in which to try them, or with an error."""


@confinedToThread(harmless=())
class ProxyResolver(QObject):
    """Says which proxies to try for a URI; this one says that there are none.

    Derive from it and override proxiesFor(), or lookup() when the answer takes time.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)

    def lookup(self, uri: str, finished: ProxyAnswer, cancellable: Cancellable | None = None) -> None:
        """Find the proxies for a URI.

        Args:
            uri: What is to be connected to, ``https://example.org:443``; ``none://host:port`` when no
                scheme is known.
            finished: Called once in this thread, never before lookup() has returned, unless the
                resolver is deleted first. Gets a list of URIs, tried in their order: ``direct://``,
                ``socks5://user:password@host:port``, ``http://host:port`` and so on; or a SecureError:
                ``Cancelled``, ``InvalidArgument`` for what is no URI, ``Failed``.
            cancellable: Ends the look-up early.

        Raises:
            TypeError: An argument has the wrong type.
        """
        checkLookup(uri, finished, cancellable)
        schedulerOfThisThread().defer(partial(_answer, self, uri, finished, cancellable))

    def proxiesFor(self, uri: str) -> list[str]:
        """The proxies for a valid URI; called by lookup() from the event loop, and must not block.

        Raises:
            SecureError: To let the look-up fail with it.
        """
        return ["direct://"]


def checkLookup(uri: str, finished: ProxyAnswer, cancellable: Cancellable | None) -> None:
    """Raise TypeError for an argument of lookup() that has the wrong type."""
    if not isinstance(uri, str):
        raise TypeError(f"uri must be a str, not {type(uri).__name__}.")
    if not callable(finished):
        raise TypeError(f"finished must be callable, not {type(finished).__name__}.")
    if cancellable is not None and not isinstance(cancellable, Cancellable):
        raise TypeError(f"cancellable must be a Cancellable, not {type(cancellable).__name__}.")


def cancellation(cancellable: Cancellable | None) -> SecureError | None:
    """The error of a look-up that was cancelled, or None."""
    if cancellable is not None and cancellable.isCancelled():
        return SecureError(SecureError.Code.Cancelled, "The look-up of proxies was cancelled.")
    return None


def refusal(uri: str, cancellable: Cancellable | None) -> SecureError | None:
    """Why there is nothing to look up, or None."""
    if not schemeOf(uri):
        return SecureError(SecureError.Code.InvalidArgument, "Proxies are looked up for a URI, such as https://host.")
    return cancellation(cancellable)


def _answer(resolver: ProxyResolver, uri: str, finished: ProxyAnswer, cancellable: Cancellable | None) -> None:
    if not isValid(resolver):
        return
    answer: list[str] | SecureError | None = refusal(uri, cancellable)
    if answer is not None:
        finished(answer)
        return
    answer = SecureError(SecureError.Code.Failed, f"{type(resolver).__name__}.proxiesFor() raised an exception.")
    try:
        answer = checkedProxies(resolver.proxiesFor(uri))
    except SecureError as error:
        answer = error
    finally:
        if isValid(resolver):
            finished(answer)  # also when anything else was raised, which goes on to the program


def checkedProxies(proxies: object) -> list[str]:
    """The answer of a resolver, which may be the program's.

    Raises:
        SecureError: It is an error, or something else than a list of URIs (``Failed``).
    """
    if isinstance(proxies, SecureError):
        raise proxies
    if not isinstance(proxies, (list, tuple)) or not all(isinstance(each, str) for each in proxies):
        raise SecureError(SecureError.Code.Failed, "A proxy resolver has to answer with a list of str.")
    return list(proxies)
