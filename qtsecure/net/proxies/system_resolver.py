"""The proxies that the user has set up for the system, as Qt finds them."""

from __future__ import annotations

import atexit
import threading
import time
from collections import deque
from collections.abc import Iterable
from functools import partial
from urllib.parse import quote
from weakref import WeakSet

from PySide6.QtCore import QObject
from PySide6.QtNetwork import QNetworkProxy, QNetworkProxyFactory, QNetworkProxyQuery
from shiboken6 import isValid

from qtsecure.errors import SecureError
from qtsecure.net.cancellable import Cancellable
from qtsecure.net.event_loop.forks import forgetsInChild
from qtsecure.net.event_loop.scheduler import Waker, schedulerOfThisThread
from qtsecure.net.proxies.ignored_hosts import IgnoredHosts
from qtsecure.net.proxies.network_uri import NetworkUri
from qtsecure.net.proxies.resolver import ProxyAnswer, ProxyResolver, cancellation, checkLookup, refusal
from qtsecure.net.qt_objects.plain_slots import plainSlot
from qtsecure.net.qt_objects.thread_guard import confinedToThread

__all__ = ["SystemProxyResolver"]

_Type = QNetworkProxy.ProxyType
_THIS_MACHINE = IgnoredHosts(["localhost", "127.0.0.0/8", "::1"])
_MOST_THREADS = 8
_LONGEST_END = 5.0
"""How many seconds the end of the program waits for threads."""
_SCHEMES = {_Type.Socks5Proxy: "socks5", _Type.HttpProxy: "http"}


@confinedToThread(harmless=())
class SystemProxyResolver(ProxyResolver):
    """Asks QNetworkProxyFactory::systemProxyForQuery().

    On Windows and macOS these are the system's settings, also as a script (PAC); on Linux the
    environment (``all_proxy``, ``http_proxy``, ``https_proxy``, ``no_proxy``), or libproxy where Qt was
    built with it. A script may take seconds to answer, so it is asked in threads, a few at a time. This machine is
    always reached directly, as Qt does with an application's proxy.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lookups: set[_SystemLookup] = set()
        self._waiting: deque[_SystemLookup] = deque()
        self._threads = 0
        forgetsInChild(self)

    def _forgetParent(self) -> None:
        """See ``forks``: the threads are gone, and the questions the parent's."""
        for lookup in self._lookups:
            lookup.forget()
        self._lookups.clear()
        self._waiting.clear()
        self._threads = 0

    def lookup(self, uri: str, finished: ProxyAnswer, cancellable: Cancellable | None = None) -> None:
        checkLookup(uri, finished, cancellable)
        problem = refusal(uri, cancellable)
        if problem is None:
            lookup = _SystemLookup(self, uri, finished, cancellable)
            self._lookups.add(lookup)
            self._waiting.append(lookup)
            self._startWaiting()
        else:
            schedulerOfThisThread().defer(partial(self._tell, finished, problem))

    def proxiesFor(self, uri: str) -> list[str]:
        """What the system says; blocks until it has said it, which lookup() does in a thread of its own.

        Raises:
            SecureError: It has proxies, but none that could carry a stream of bytes (``Failed``).
        """
        return systemProxies(uri)

    def _startWaiting(self) -> None:
        """Ask the next questions; those of a thousand connections shall not be a thousand threads."""
        while self._waiting and self._threads < _MOST_THREADS:
            lookup = self._waiting.popleft()
            if lookup.isWanted() and lookup.start():
                self._threads += 1
            else:
                self._lookups.discard(lookup)

    def _threadEnded(self, lookup: _SystemLookup) -> None:
        if lookup in self._lookups:  # else a fork came between its end and the news of it
            self._lookups.remove(lookup)
            self._threads -= 1
            self._startWaiting()

    def _tell(self, finished: ProxyAnswer, answer: list[str] | SecureError) -> None:
        if isValid(self):
            finished(answer)


class _SystemLookup:
    """One question: a thread of its own, and the way back."""

    def __init__(
        self, resolver: SystemProxyResolver, uri: str, finished: ProxyAnswer, cancellable: Cancellable | None
    ) -> None:
        self._resolver = resolver
        self._finished: ProxyAnswer | None = finished
        self._cancellable = cancellable
        self._answer: list[str] | SecureError = SecureError(
            SecureError.Code.Failed, "The system could not be asked for its proxies."
        )
        self._waker = Waker(self._answered)
        if cancellable is not None:
            self._connection = cancellable.cancelled.connect(plainSlot(self._cancelled))
        self._thread = threading.Thread(target=self._ask, args=(uri,), name="proxy look-up", daemon=True)

    def isWanted(self) -> bool:
        """Whether somebody still waits for the answer."""
        return self._finished is not None and isValid(self._resolver)

    def forget(self) -> None:
        """Nobody waits for the answer any more."""
        self._finished = None

    def start(self) -> bool:
        """Ask; False, and an error is the answer, when the system has no thread for it."""
        try:
            self._thread.start()
        except RuntimeError:
            schedulerOfThisThread().defer(self._finish)
            return False
        _threads.add(self._thread)
        return True

    def _ask(self, uri: str) -> None:
        """In the thread."""
        try:
            self._answer = systemProxies(uri)
        except SecureError as error:
            self._answer = error
        finally:
            if isValid(self._waker):  # the application may have ended meanwhile
                self._waker.wake()

    def _answered(self) -> None:
        self._thread.join()  # it is at its end; the last reference to a QObject must not be its own
        self._resolver._threadEnded(self)
        self._finish()

    def _cancelled(self) -> None:
        schedulerOfThisThread().defer(self._finish)

    def _finish(self) -> None:
        """Tell the answer, once, or that nobody wants it any more."""
        finished, self._finished = self._finished, None
        if finished is None:
            return
        if self._cancellable is not None:
            QObject.disconnect(self._connection)
        if isValid(self._resolver):
            finished(cancellation(self._cancellable) or self._answer)


_threads: WeakSet[threading.Thread] = WeakSet()


@atexit.register
def _awaitThreads() -> None:
    """Python ends a thread that comes back too late in the middle of C++, which aborts the process."""
    end = time.monotonic() + _LONGEST_END
    for thread in list(_threads):
        thread.join(max(0.0, end - time.monotonic()))


def systemProxies(uri: str) -> list[str]:
    """The system's proxies for a URI; blocks, perhaps for seconds.

    Raises:
        SecureError: The URI names no host (``InvalidArgument``), or there are only proxies that cannot
            carry a stream of bytes (``Failed``).
    """
    target = NetworkUri.parse(uri)
    if _THIS_MACHINE.match(target.host, target.port):
        return ["direct://"]
    query = QNetworkProxyQuery(target.host, target.port or -1, target.scheme, QNetworkProxyQuery.QueryType.TcpSocket)
    return proxyUris(QNetworkProxyFactory.systemProxyForQuery(query))


def proxyUris(proxies: Iterable[QNetworkProxy]) -> list[str]:
    """Qt's proxies as URIs, without those that only know requests of HTTP and FTP.

    Raises:
        SecureError: None is left, but some were there (``Failed``); to connect directly instead could
            tell somebody what the user wants to hide.
    """
    found = [uri for proxy in proxies if (uri := _uriOf(proxy))]
    if not found:
        raise SecureError(
            SecureError.Code.Failed,
            "The system's proxies cannot carry connections of this kind; set up one for SOCKS or HTTPS.",
        )
    return list(dict.fromkeys(found))


def _uriOf(proxy: QNetworkProxy) -> str:
    if proxy.type() == _Type.NoProxy:
        return "direct://"
    scheme = _SCHEMES.get(proxy.type(), "")
    if not scheme or not proxy.capabilities() & QNetworkProxy.Capability.TunnelingCapability:
        return ""
    login = ""
    if proxy.user() or proxy.password():
        login = f"{quote(proxy.user(), safe='')}:{quote(proxy.password(), safe='')}@"
    host = f"[{proxy.hostName().replace('%', '%25')}]" if ":" in proxy.hostName() else quote(proxy.hostName(), safe="")
    return f"{scheme}://{login}{host}:{proxy.port()}"
