"""The default NameResolver: the system's own ways for addresses, DNS for SRV records."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import QObject
from PySide6.QtNetwork import QAbstractSocket, QDnsLookup, QHostAddress

from qtsecure.errors import SecureError
from qtsecure.net.event_loop.forks import forgetsInChild, isForked
from qtsecure.net.event_loop.scheduler import schedulerOfThisThread
from qtsecure.net.native_sockets.addresses import qtAddress
from qtsecure.net.native_sockets.lookup_threads import Mailbox
from qtsecure.net.socket_client.resolver import AddressesFound, Lookup, NameResolver, ServicesFound
from qtsecure.net.socket_client.service_records import ServiceRecord

__all__ = ["SystemResolver"]

_FAMILIES = {
    QAbstractSocket.NetworkLayerProtocol.IPv4Protocol: socket.AF_INET,
    QAbstractSocket.NetworkLayerProtocol.IPv6Protocol: socket.AF_INET6,
}
_PATIENCE_MS = 60_000
"""For DNS in a forked child; the system's own resolver gives up sooner."""
_Question = tuple[str, socket.AddressFamily]
_Answer = list[QHostAddress] | SecureError


class SystemResolver(NameResolver):
    """Belongs to one thread, which it never blocks.

    The families of a name are asked for at the same time and answered one by one (see ``lookup_threads``). Equal
    questions at the same time are asked once. Nothing is cached: systems do that themselves.
    """

    def __init__(self) -> None:
        self._mailbox: Mailbox | None = None
        self._waiting: dict[_Question, list[_AddressLookup]] = {}
        forgetsInChild(self)

    def _forgetParent(self) -> None:
        """See ``forks``: no thread answers here any more what the parent has asked."""
        self._mailbox = None
        self._waiting.clear()

    def lookUpAddresses(
        self, host: str, family: QAbstractSocket.NetworkLayerProtocol, finished: AddressesFound
    ) -> Lookup:
        question = host, _FAMILIES[family]
        lookup = _AddressLookup(self, question, finished)
        waiting = self._waiting.setdefault(question, [])
        waiting.append(lookup)
        if len(waiting) == 1:
            try:
                if self._mailbox is None:
                    self._mailbox = Mailbox()
                self._mailbox.run(lambda: self._ask(question, waiting))
            except (OSError, RuntimeError) as error:  # no descriptor or no thread is left, perhaps for a moment only
                self._answer(question, waiting, _reasonOf(error))
        return lookup

    def lookUpService(self, recordName: str, finished: ServicesFound) -> Lookup:
        return _ServiceLookup(self._makeServiceLookup(recordName), finished)

    def _makeServiceLookup(self, recordName: str) -> QDnsLookup:
        return QDnsLookup(QDnsLookup.Type.SRV, recordName)

    def _ask(self, question: _Question, waiting: list[_AddressLookup]) -> Callable[[], None]:
        """In a thread of its own."""
        host, family = question
        try:
            # Without addresses of a family (loopback does not count) there is no use in the others'.
            found = socket.getaddrinfo(host, None, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
        except (OSError, UnicodeError) as error:
            reason = _reasonOf(error)
            return lambda: self._answer(question, waiting, reason)
        places = list(dict.fromkeys(entry[4] for entry in found))
        return lambda: self._answer(question, waiting, places)

    def _answer(self, question: _Question, waiting: list[_AddressLookup], found: str | Sequence[object]) -> None:
        if self._waiting.get(question) is waiting:  # else all of them were aborted
            del self._waiting[question]
        self._closeIfIdle()
        for lookup in waiting:
            answer = _notFound(question[0], found) if isinstance(found, str) else [qtAddress(each)[0] for each in found]
            # Each by itself: a slot may start an event loop, which has to serve the others, or raise.
            schedulerOfThisThread().defer(partial(lookup.answer, answer))

    def _abort(self, lookup: _AddressLookup) -> None:
        waiting = self._waiting.get(lookup.question, [])
        if lookup in waiting:
            waiting.remove(lookup)
            if not waiting:
                del self._waiting[lookup.question]
                self._closeIfIdle()

    def _closeIfIdle(self) -> None:
        if not self._waiting and self._mailbox is not None:
            self._mailbox.close()
            self._mailbox = None


class _AddressLookup(Lookup):
    """One asker of a question that others may have, too."""

    def __init__(self, resolver: SystemResolver, question: _Question, finished: AddressesFound) -> None:
        self._resolver = resolver
        self.question = question
        self._finished: AddressesFound | None = finished

    def abort(self) -> None:
        self._finished = None
        self._resolver._abort(self)

    def answer(self, answer: _Answer) -> None:
        finished, self._finished = self._finished, None
        if finished is not None:
            finished(answer)


class _ServiceLookup(Lookup):
    """One question to DNS."""

    def __init__(self, lookup: QDnsLookup, finished: ServicesFound) -> None:
        self._lookup: QDnsLookup | None = lookup
        self._callback: ServicesFound | None = finished
        # A function, which keeps us until there is an answer, whether the asker does so or not.
        self._connection = lookup.finished.connect(lambda: self._finished())
        # QDnsLookup may give the question to a thread that only the parent has.
        self._limit = schedulerOfThisThread().callLater(_PATIENCE_MS, self._unanswered) if isForked() else None
        lookup.lookup()

    def abort(self) -> None:
        self._callback = None
        lookup, self._lookup = self._lookup, None
        if lookup is not None:
            self._letGo()
            lookup.abort()
            lookup.deleteLater()

    def _letGo(self) -> None:
        QObject.disconnect(self._connection)
        if self._limit is not None:
            self._limit.cancel()

    def _unanswered(self) -> None:
        lookup, callback = self._lookup, self._callback
        self.abort()
        if lookup is not None and callback is not None:
            text = (
                f"The service {lookup.name()!r} could not be looked up: DNS has not answered this forked process; "
                "look services up in processes that are started anew."
            )
            callback(SecureError(SecureError.Code.TimedOut, text))

    def _finished(self) -> None:
        lookup, self._lookup = self._lookup, None
        callback, self._callback = self._callback, None
        if lookup is None or callback is None:
            return
        self._letGo()
        lookup.deleteLater()
        callback(_servicesOf(lookup))


def _servicesOf(lookup: QDnsLookup) -> Sequence[ServiceRecord] | SecureError:
    error = lookup.error()
    if error == QDnsLookup.Error.NoError:
        return [
            ServiceRecord(record.target() or ".", record.port(), record.priority(), record.weight())
            for record in lookup.serviceRecords()
        ]
    missing = error in (QDnsLookup.Error.NotFoundError, QDnsLookup.Error.InvalidRequestError)
    code = SecureError.Code.HostNotFound if missing else SecureError.Code.Failed
    reason = lookup.errorString().rstrip(".")
    return SecureError(code, f"The service {lookup.name()!r} was not found in DNS ({reason}); check the domain.")


def _reasonOf(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _notFound(host: str, reason: str) -> SecureError:
    return SecureError(
        SecureError.Code.HostNotFound, f"The host {host!r} was not found ({reason.rstrip('.')}); check the name."
    )
