"""The addresses of a host by its name: both families are asked for at once (RFC 8305, section 3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from PySide6.QtNetwork import QAbstractSocket, QHostAddress

from qtsecure.errors import SecureError
from qtsecure.net.event_loop.scheduler import Deadline, schedulerOfThisThread
from qtsecure.net.socket_client.enumeration import AddressEnumerator, Answer, LookupPlan, ask, familyName
from qtsecure.net.socket_client.inet_address import InetAddress
from qtsecure.net.socket_client.interleaving import Family, Interleaving
from qtsecure.net.socket_client.literals import isLocalName, literalAddress, looksNumeric
from qtsecure.net.socket_client.network_address import NetworkAddress, asciiName
from qtsecure.net.socket_client.resolver import Lookup, checkedLookup

__all__ = ["HostAddresses"]

_Layer = QAbstractSocket.NetworkLayerProtocol
_LAYERS = {Family.V6: _Layer.IPv6Protocol, Family.V4: _Layer.IPv4Protocol}  # in the order of the questions
_LOOPBACK = {
    Family.V6: QHostAddress.SpecialAddress.LocalHostIPv6,
    Family.V4: QHostAddress.SpecialAddress.LocalHost,
}


class HostAddresses(AddressEnumerator):
    """Begins to look when it is first asked."""

    def __init__(self, place: NetworkAddress, plan: LookupPlan) -> None:
        self._place = place
        self._plan = plan
        self._families = [family for family, layer in _LAYERS.items() if plan.family in (_Layer.AnyIPProtocol, layer)]
        self._found: Interleaving[QHostAddress] = Interleaving(self._families, plan.resolutionDelay)
        self._scheduler = schedulerOfThisThread()
        self._lookups: dict[Family, Lookup] = {}
        self._answer: Answer | None = None
        self._error: SecureError | None = None
        self._delay: Deadline | None = None
        self._begun = False
        self._gave = False

    def next(self, answer: Answer) -> None:
        self._answer = answer
        if not self._begun:
            self._begun = True
            self._begin()
        self._scheduler.defer(self._give)

    def cancel(self) -> None:
        self._answer = None
        self._stopDelay()
        lookups, self._lookups = self._lookups, {}
        for lookup in lookups.values():
            ask(lookup.abort)

    def _begin(self) -> None:
        host = self._place.host()
        if (address := literalAddress(host)) is not None:
            known = [address] if self._plan.wants(address) else []
            self._knowAll({family: known if address.protocol() == _LAYERS[family] else [] for family in self._families})
        elif isLocalName(host):
            self._knowAll({family: [QHostAddress(_LOOPBACK[family])] for family in self._families})
        elif looksNumeric(host):
            self._error = SecureError(
                SecureError.Code.HostNotFound,
                f"{host!r} is neither a name nor an IP address in the usual form, such as 192.0.2.1 or 2001:db8::1.",
            )
            self._knowAll({family: [] for family in self._families})
        else:
            self._lookUp(host)

    def _knowAll(self, addresses: dict[Family, list[QHostAddress]]) -> None:
        now = self._scheduler.clock()
        for family, known in addresses.items():
            self._found.answered(family, known, now)

    def _lookUp(self, host: str) -> None:
        try:
            name = asciiName(host)
        except SecureError as error:
            self._error = error
            self._knowAll({family: [] for family in self._families})
            return
        for family in self._families:
            problem = ask(partial(self._ask, name, family))
            if problem is not None:
                self._error = problem
                self._found.answered(family, [], self._scheduler.clock())

    def _ask(self, name: str, family: Family) -> None:
        lookup = self._plan.resolver.lookUpAddresses(name, _LAYERS[family], partial(self._answered, family))
        if (lookup := checkedLookup(lookup, "lookUpAddresses")) is not None:
            self._lookups[family] = lookup

    def _answered(self, family: Family, answer: Sequence[QHostAddress] | SecureError) -> None:
        self._lookups.pop(family, None)
        found: list[QHostAddress] = []
        if isinstance(answer, SecureError):
            self._error = answer
        else:
            self._error = ask(partial(_addressesInto, found, answer)) or self._error
        self._found.answered(family, found, self._scheduler.clock())
        self._give()

    def _give(self) -> None:
        """Answer if there is an answer."""
        if self._answer is None:
            return
        now = self._scheduler.clock()
        address = self._found.take(now)
        if address is not None:
            self._gave = True
            self._tell(InetAddress(address, self._place.port()))
        elif self._found.isComplete:
            self._tell(None if self._gave else self._failure())
        elif (due := self._found.waitsUntil(now)) is not None and self._delay is None:
            self._delay = self._scheduler.callLater((due - now) * 1000, self._delayOver)

    def _delayOver(self) -> None:
        self._delay = None
        self._give()

    def _tell(self, what: InetAddress | SecureError | None) -> None:
        self._stopDelay()
        answer, self._answer = self._answer, None
        assert answer is not None
        answer(what)

    def _stopDelay(self) -> None:
        if self._delay is not None:
            self._delay.cancel()
            self._delay = None

    def _failure(self) -> SecureError:
        if self._error is not None:
            return self._error
        kind = familyName(self._plan.family)
        return SecureError(
            SecureError.Code.HostNotFound, f"The host {self._place.host()!r} has no {kind} address; check the name."
        )


def _addressesInto(found: list[QHostAddress], answer: Iterable[object]) -> None:
    """Take over the answer of a resolver, which may be the program's and give anything."""
    for address in answer:
        if not isinstance(address, QHostAddress) or address.isNull():
            raise TypeError(f"A NameResolver has to answer with a list of QHostAddress, not with {address!r} in it.")
        found.append(address)
