"""The addresses of the proxies that lead to a host, and its own where none is needed (Gio.ProxyAddressEnumerator)."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from functools import partial

from PySide6.QtCore import QMetaObject, QObject
from PySide6.QtNetwork import QAbstractSocket
from shiboken6 import isValid

from qtsecure.errors import SecureError
from qtsecure.net.cancellable import Cancellable
from qtsecure.net.event_loop.scheduler import schedulerOfThisThread
from qtsecure.net.proxies.network_uri import NetworkUri, hostInUri
from qtsecure.net.proxies.protocols import defaultProxyPort, takesHostNames
from qtsecure.net.proxies.proxy_address import ProxyAddress
from qtsecure.net.proxies.resolver import checkedProxies
from qtsecure.net.qt_objects.plain_slots import plainSlot
from qtsecure.net.socket_client.enumeration import AddressEnumerator, Answer, Destination, LookupPlan, ask
from qtsecure.net.socket_client.inet_address import InetAddress
from qtsecure.net.socket_client.literals import literalAddress, looksNumeric
from qtsecure.net.socket_client.network_address import NetworkAddress, asciiName

__all__ = ["ProxyAddresses"]

_IPV4 = QAbstractSocket.NetworkLayerProtocol.IPv4Protocol


class ProxyAddresses(AddressEnumerator):
    """Asks the resolver once, then takes one proxy after the other, each with all its addresses.

    Args:
        place: What is to be reached.
        host: Its name or address.
        port: Its port.
        plan: How the addresses of proxies are found.
    """

    def __init__(self, place: InetAddress | NetworkAddress, host: str, port: int, plan: LookupPlan) -> None:
        self._place = place
        self._host = host
        self._port = port
        self._scheme = place.scheme() if isinstance(place, NetworkAddress) else ""
        self._plan = plan
        self._cancellable = Cancellable()
        self._asked = False
        self._answered = False  # by the resolver, which may be the program's and answer twice
        self._watch: QMetaObject.Connection | None = None
        self._proxies: deque[str] = deque()
        self._uri = ""  # of the proxy whose addresses come; empty for none
        self._addresses: AddressEnumerator | None = None
        self._targets: list[str] | None = None  # the addresses of the host, for proxies that look up no names
        self._lookUp: AddressEnumerator | None = None  # of these
        self._ready: deque[ProxyAddress] = deque()
        self._answer: Answer | None = None
        self._error: SecureError | None = None
        self._gave = False

    def next(self, answer: Answer) -> None:
        self._answer = answer
        if self._asked:
            schedulerOfThisThread().defer(self._proceed)
            return
        self._asked = True
        try:
            host = self._targetName()
        except SecureError as error:
            self._error = error
            schedulerOfThisThread().defer(self._proceed)
            return
        uri = f"{self._scheme or 'none'}://{hostInUri(host)}:{self._port}"
        problem = ask(partial(self._lookUpProxies, uri))
        if problem is not None:
            schedulerOfThisThread().defer(partial(self._found, problem))

    def _lookUpProxies(self, uri: str) -> None:
        proxies = self._plan.proxies
        assert proxies is not None
        self._watch = proxies.destroyed.connect(plainSlot(self._resolverGone))
        proxies.lookup(uri, self._found, self._cancellable)

    def cancel(self) -> None:
        self._answer = None
        self._stopWatching()
        if isValid(self._cancellable):  # else it went with the application
            self._cancellable.cancel()
        for enumerator in (self._addresses, self._lookUp):
            if enumerator is not None:
                enumerator.cancel()
        self._addresses = self._lookUp = None

    def _targetName(self) -> str:
        """The host as a proxy is told."""
        if literalAddress(self._host) is None and looksNumeric(self._host):
            raise SecureError(
                SecureError.Code.HostNotFound, f"{self._host!r} is neither a name nor an IP address in the usual form."
            )
        return asciiName(self._host)

    def _resolverGone(self, *arguments: object) -> None:
        """A resolver that is deleted answers no more."""
        self._found(SecureError(SecureError.Code.Failed, "The proxy resolver was deleted before it had answered."))

    def _stopWatching(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            QObject.disconnect(watch)

    def _found(self, answer: list[str] | SecureError) -> None:
        if self._answered or self._answer is None:
            return
        self._answered = True
        self._stopWatching()
        try:
            self._proxies.extend(checkedProxies(answer))
        except SecureError as error:
            self._error = error
        self._proceed()

    def _proceed(self) -> None:
        """Give the next address, or look for it."""
        if self._answer is None:
            return
        while self._proxies and not self._ready and self._addresses is None:
            self._begin(self._proxies.popleft())
        if self._ready:
            self._tell(self._ready.popleft())
        elif self._addresses is not None:
            self._addresses.next(self._addressFound)
        else:
            self._tell(None if self._gave else self._error or self._noProxy())

    def _begin(self, uri: str) -> None:
        """The next of the resolver's answers; unusable ones are left out."""
        self._uri = ""
        try:
            parts = NetworkUri.parse(uri)
            if parts.scheme == "direct":
                self._addresses = self._plan.direct(self._place)
                return
            server = NetworkAddress(parts.host, parts.port or defaultProxyPort(parts.scheme))
        except (SecureError, ValueError):
            return
        self._uri = uri
        self._addresses = self._plan.direct(server)

    def _addressFound(self, what: Destination | SecureError | None) -> None:
        if what is None or isinstance(what, SecureError):
            self._error = what or self._error
            self._addresses = None
            self._proceed()
        elif not self._uri:
            self._tell(what)
        elif literalAddress(self._host) is not None or takesHostNames(NetworkUri.parse(self._uri).scheme):
            self._lead(what, [self._targetName()])
        elif self._targets is not None:
            self._lead(what, self._targets)
        else:
            self._targets = []
            self._lookUp = replace(self._plan, family=_IPV4).direct(self._place)
            self._lookUp.next(partial(self._targetFound, what))

    def _targetFound(self, proxy: Destination, what: Destination | SecureError | None) -> None:
        assert self._lookUp is not None
        assert self._targets is not None
        if isinstance(what, InetAddress):
            self._targets.append(what.address().toString())
            self._lookUp.next(partial(self._targetFound, proxy))
            return
        if isinstance(what, SecureError):
            self._error = what
        self._lookUp = None
        self._lead(proxy, self._targets)

    def _lead(self, proxy: Destination, targets: list[str]) -> None:
        """An address of the proxy, and what to ask it for there."""
        assert isinstance(proxy, InetAddress)
        self._ready.extend(
            ProxyAddress(self._uri, proxy.address(), target, self._port, self._scheme) for target in targets
        )
        self._proceed()

    def _noProxy(self) -> SecureError:
        return SecureError(
            SecureError.Code.Failed, "The proxy resolver named no usable proxy; check the settings of the proxy."
        )

    def _tell(self, what: Destination | SecureError | None) -> None:
        answer, self._answer = self._answer, None
        self._gave = self._gave or not isinstance(what, SecureError)
        if answer is not None:
            answer(what)
