"""The default resolver: the system's own ways in threads, and DNS for services, here from a server of the test."""

from __future__ import annotations

import gc
import queue
import socket as native
import struct
import threading
from collections.abc import Callable, Iterator, Sequence

import pytest
from PySide6.QtCore import QThread, QTimer
from PySide6.QtNetwork import QDnsLookup, QHostAddress

from qtsecure import SecureError, ServiceRecord
from qtsecure.net.native_sockets import lookup_threads
from qtsecure.net.native_sockets.lookup_threads import Mailbox
from qtsecure.net.socket_client.system_resolver import SystemResolver
from tests.net.conversation import assertNoneLeft, openDescriptors, settle, spin
from tests.semantics.gio_client.support import Code, Layer

_SRV = 33
_NO_SUCH_NAME = 3


class DnsServer:
    """Answers every question with the same records, or with an error."""

    def __init__(self) -> None:
        self.records: list[ServiceRecord] = []
        self.failure = 0
        self.asked: list[str] = []
        self._socket = native.socket(native.AF_INET, native.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        with native.socket(native.AF_INET, native.SOCK_DGRAM) as other:
            other.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join(10)
        self._socket.close()

    def _serve(self) -> None:
        while (datagram := self._socket.recvfrom(2048))[0]:
            question, client = datagram
            end = question.index(b"\0", 12)
            labels, at = [], 12
            while question[at]:
                labels.append(question[at + 1 : at + 1 + question[at]].decode())
                at += 1 + question[at]
            self.asked.append(".".join(labels))
            header = question[:2] + struct.pack("!HHHHH", 0x8180 | self.failure, 1, len(self.records), 0, 0)
            answer = header + question[12 : end + 5]
            for record in self.records:
                target = b"".join(
                    bytes((len(label),)) + label.encode() for label in record.target.rstrip(".").split(".") if label
                )
                data = struct.pack("!HHH", record.priority, record.weight, record.port) + target + b"\0"
                answer += b"\xc0\x0c" + struct.pack("!HHIH", _SRV, 1, 60, len(data)) + data
            self._socket.sendto(answer, client)


@pytest.fixture
def dns() -> Iterator[DnsServer]:
    """A name server on the loopback interface."""
    server = DnsServer()
    yield server
    server.stop()


class Resolver(SystemResolver):
    """Asks the name server of the test."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port

    def _makeServiceLookup(self, recordName: str) -> QDnsLookup:
        lookup = super()._makeServiceLookup(recordName)
        lookup.setNameserver(QHostAddress("127.0.0.1"), self._port)
        return lookup


def services(dns: DnsServer) -> Sequence[ServiceRecord] | SecureError:
    """What the resolver says of a service."""
    answers: list[Sequence[ServiceRecord] | SecureError] = []
    Resolver(dns.port).lookUpService("_imaps._tcp.example.org", answers.append)
    assert answers == []
    spin(lambda: answers != [], 20_000)
    return answers[0]


def test_services(qapp: object, dns: DnsServer) -> None:
    """All fields of the records, in any order."""
    dns.records = [ServiceRecord("b.example.org", 993, 10, 5), ServiceRecord("a.example.org", 994, 20, 7)]
    found = services(dns)
    assert not isinstance(found, SecureError)
    assert sorted(found) == sorted(dns.records)
    assert dns.asked == ["_imaps._tcp.example.org"]


def test_services_that_are_not_offered(qapp: object, dns: DnsServer) -> None:
    """The root as target is a dot here."""
    dns.records = [ServiceRecord(".", 0)]
    assert services(dns) == [ServiceRecord(".", 0)]


def test_services_that_do_not_exist(qapp: object, dns: DnsServer) -> None:
    """HostNotFound, which lets the domain itself be tried."""
    dns.failure = _NO_SUCH_NAME
    error = services(dns)
    assert isinstance(error, SecureError)
    assert error.code is Code.HostNotFound
    assert "_imaps._tcp.example.org" in error.message


def test_trouble_of_dns(qapp: object, dns: DnsServer) -> None:
    """Another code."""
    dns.failure = 2  # the server failed
    error = services(dns)
    assert isinstance(error, SecureError)
    assert error.code is Code.Failed


def test_aborted_services(qapp: object, dns: DnsServer) -> None:
    """Nothing is called any more."""
    answers: list[object] = []
    lookup = Resolver(dns.port).lookUpService("_imaps._tcp.example.org", answers.append)
    lookup.abort()
    lookup.abort()
    settle()
    assert answers == []


def test_addresses_come_from_the_system(qapp: object) -> None:
    """In this thread, later, and each once."""
    resolver = SystemResolver()
    before = openDescriptors()
    answers: list[Sequence[QHostAddress] | SecureError] = []
    threads: list[QThread] = []

    def note(answer: Sequence[QHostAddress] | SecureError) -> None:
        threads.append(QThread.currentThread())
        answers.append(answer)

    resolver.lookUpAddresses("localhost", Layer.IPv4Protocol, note)
    assert answers == []
    spin(lambda: answers != [])
    assert answers == [[QHostAddress("127.0.0.1")]]
    assert threads == [QThread.currentThread()]
    assertNoneLeft(before, "socket:")


def test_equal_questions_are_asked_once(qapp: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many ask at the same time; those who have gone are not answered."""
    asked: list[str] = []
    go = threading.Event()

    def getaddrinfo(host: str, *arguments: object, **named: object) -> list[tuple[object, ...]]:
        asked.append(host)
        assert go.wait(60)
        return [(0, 0, 0, "", ("192.0.2.7", 0)), (0, 0, 0, "", ("192.0.2.7", 0))]

    monkeypatch.setattr(native, "getaddrinfo", getaddrinfo)
    resolver = SystemResolver()
    answers: list[object] = []
    lookups = [
        resolver.lookUpAddresses("equal.example", Layer.IPv4Protocol, lambda answer, n=n: answers.append((n, answer)))
        for n in range(4)
    ]
    lookups[1].abort()
    go.set()
    spin(lambda: len(answers) == 3)
    assert asked.count("equal.example") == 1  # a thread may still be at what an earlier test has given up
    assert answers == [(n, [QHostAddress("192.0.2.7")]) for n in (0, 2, 3)]


def test_aborted_look_ups_leave_nothing(qapp: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread may hang in the system's resolver for long; nobody waits for it."""
    go, done = threading.Event(), threading.Event()

    def getaddrinfo(*arguments: object, **named: object) -> list[object]:
        go.wait(10)
        done.set()
        raise native.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(native, "getaddrinfo", getaddrinfo)
    resolver = SystemResolver()
    before = openDescriptors()
    answers: list[object] = []
    lookups = [
        resolver.lookUpAddresses("x.example", family, answers.append)
        for family in (Layer.IPv4Protocol, Layer.IPv6Protocol)
    ]
    assert not openDescriptors() <= before
    for lookup in lookups:
        lookup.abort()
    assertNoneLeft(before, "socket:")
    # The same question anew is another one: the answer of the first is not taken for it.
    resolver.lookUpAddresses("x.example", Layer.IPv4Protocol, answers.append)
    go.set()
    assert done.wait(10)
    spin(lambda: len(answers) == 1)
    settle()
    assert len(answers) == 1
    assertNoneLeft(before, "socket:")


def test_names_that_are_none(qapp: object) -> None:
    """Whatever the system says of them is HostNotFound, with the name."""
    resolver = SystemResolver()
    for host in ("a" * 70 + ".example", "bad:port:9x", "x..y", "", "-"):
        answers: list[Sequence[QHostAddress] | SecureError] = []
        resolver.lookUpAddresses(host, Layer.IPv6Protocol, answers.append)
        spin(lambda answers=answers: answers != [], 20_000)
        error = answers[0]
        assert isinstance(error, SecureError), host
        assert error.code is Code.HostNotFound
        assert repr(host) in error.message


def test_a_resolver_that_is_forgotten(qapp: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its look-ups: an answer that comes afterwards meets nobody."""
    go, done = threading.Event(), threading.Event()

    def getaddrinfo(*arguments: object, **named: object) -> list[object]:
        go.wait(10)
        done.set()
        return []

    monkeypatch.setattr(native, "getaddrinfo", getaddrinfo)
    mailbox = Mailbox()
    answers: list[object] = []
    mailbox.run(lambda: lambda: answers.append(1))
    mailbox.close()
    mailbox.close()
    resolver = SystemResolver()
    resolver.lookUpAddresses("x.example", Layer.IPv4Protocol, answers.append).abort()
    del resolver, mailbox
    gc.collect()
    go.set()
    assert done.wait(10)
    settle()
    assert answers == []


def test_threads_are_few(qapp: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred names at once have sixteen threads, which end when there is nothing to do."""
    running, most = [0], [0]
    lock = threading.Lock()
    go = threading.Event()

    def getaddrinfo(host: str, *arguments: object, **named: object) -> list[object]:
        if not host.endswith(".few.example"):
            return []  # of an earlier test, whose threads are not counted
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        go.wait(60)
        with lock:
            running[0] -= 1
        return []

    monkeypatch.setattr(native, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(lookup_threads, "_workers", lookup_threads._Workers())
    monkeypatch.setattr(lookup_threads, "_IDLE_SECONDS", 0.01)
    resolver = SystemResolver()
    answers: list[object] = []
    awake = QTimer(interval=5)  # what the threads do among themselves wakes no event loop
    awake.start()
    for n in range(100):
        resolver.lookUpAddresses(f"{n}.few.example", Layer.IPv4Protocol, answers.append)
    spin(lambda: most[0] == 16)
    go.set()
    spin(lambda: len(answers) == 100)
    assert most[0] == 16
    workers = lookup_threads._workers
    spin(lambda: workers._threads == 0)
    resolver.lookUpAddresses("again.few.example", Layer.IPv4Protocol, answers.append)
    spin(lambda: len(answers) == 101)
    awake.stop()


@pytest.mark.parametrize("hosts", [("a.example", "b.example"), ("same.example", "same.example")])
def test_answers_that_come_together_do_not_wait_for_each_other(
    qapp: object, monkeypatch: pytest.MonkeyPatch, hosts: tuple[str, str]
) -> None:
    """The program was stopped while both came, and the first one's slot runs an event loop for the second."""
    resolver = SystemResolver()
    answers: list[str] = []

    def first(answer: object) -> None:
        spin(lambda: answers == ["second"])
        answers.append("first")

    _answerTogether(monkeypatch, resolver, hosts, first, lambda answer: answers.append("second"))
    spin(lambda: len(answers) == 2)
    assert answers == ["second", "first"]


@pytest.mark.parametrize("hosts", [("a.example", "b.example"), ("same.example", "same.example")])
def test_an_exception_of_one_asker_is_not_the_others(
    qapp: object, monkeypatch: pytest.MonkeyPatch, hosts: tuple[str, str]
) -> None:
    """It is reported as that of any slot, and the other answer, which was there already, comes."""
    reported: list[object] = []
    monkeypatch.setattr("sys.excepthook", lambda kind, value, trace: reported.append(kind))
    answers: list[str] = []
    _answerTogether(
        monkeypatch, SystemResolver(), hosts, lambda answer: answers.append(str(1 // 0)), lambda _: answers.append("2")
    )
    spin(lambda: answers == ["2"])
    assert reported == [ZeroDivisionError]


def _answerTogether(
    monkeypatch: pytest.MonkeyPatch,
    resolver: SystemResolver,
    hosts: tuple[str, str],
    first: Callable[[object], None],
    second: Callable[[object], None],
) -> None:
    """Ask both, and let the event loop run only when all the answers are there, the first one's in front."""
    given = threading.Event()
    put = Mailbox.put

    def noted(mailbox: Mailbox, answer: Callable[[], None]) -> None:
        put(mailbox, answer)
        given.set()

    monkeypatch.setattr(native, "getaddrinfo", lambda *arguments, **named: [])
    monkeypatch.setattr(Mailbox, "put", noted)
    resolver.lookUpAddresses(hosts[0], Layer.IPv4Protocol, first)
    assert given.wait(60)
    given.clear()
    resolver.lookUpAddresses(hosts[1], Layer.IPv4Protocol, second)
    assert hosts[0] == hosts[1] or given.wait(60)


@pytest.mark.parametrize("failing", ["socketpair", "start"])
def test_a_question_that_could_not_be_asked_is_asked_again(
    qapp: object, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    """There was no descriptor or no thread left for it; the next asker must not wait for its answer."""

    def refuse(*arguments: object) -> None:
        raise OSError(24, "Too many open files") if failing == "socketpair" else RuntimeError("can't start new thread")

    monkeypatch.setattr(lookup_threads, "_workers", lookup_threads._Workers())
    resolver = SystemResolver()
    before = openDescriptors()
    answers: list[object] = []
    with monkeypatch.context() as patched:
        patched.setattr(native if failing == "socketpair" else threading.Thread, failing, refuse)
        resolver.lookUpAddresses("localhost", Layer.IPv4Protocol, answers.append)
    assert answers == []
    spin(lambda: answers != [])
    assert isinstance(answers[0], SecureError)
    assert ("Too many open files" if failing == "socketpair" else "new thread") in answers[0].message
    assertNoneLeft(before, "socket:")
    resolver.lookUpAddresses("localhost", Layer.IPv4Protocol, answers.append)
    spin(lambda: len(answers) == 2)
    assert answers[1] == [QHostAddress("127.0.0.1")]
    assert lookup_threads._workers._open == 0
    assert lookup_threads._workers._threads == 1


def test_a_job_that_comes_while_the_last_thread_goes(qapp: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program was stopped in the middle of asking, for longer than an idle thread waits: the job is done."""
    before = set(threading.enumerate())

    class Jobs(queue.SimpleQueue[object]):
        """Stops whoever puts something in until the threads have lost patience."""

        def put(self, item: object, *arguments: object, **named: object) -> None:
            for thread in set(threading.enumerate()) - before:
                if asked:
                    thread.join(0.3)
            asked.append(item)
            super().put(item)

    asked: list[object] = []
    workers = lookup_threads._Workers()
    monkeypatch.setattr(workers, "_jobs", Jobs())
    monkeypatch.setattr(lookup_threads, "_workers", workers)
    monkeypatch.setattr(lookup_threads, "_IDLE_SECONDS", 0.05)
    answers: list[object] = []
    SystemResolver().lookUpAddresses("localhost", Layer.IPv4Protocol, answers.append)
    spin(lambda: len(answers) == 1)
    SystemResolver().lookUpAddresses("localhost", Layer.IPv4Protocol, answers.append)
    spin(lambda: len(answers) == 2)


def test_a_finalizer_looks_up_while_somebody_else_does(qapp: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """The garbage collector may run one in the middle of it: it does not wait for itself, and both are answered."""
    workers = lookup_threads._Workers()
    mailbox = Mailbox()
    answers: list[str] = []
    submitted: list[bool] = []

    def submit(name: str) -> None:
        workers.submit(mailbox, lambda: lambda: answers.append(name))

    startThread = workers._startThread

    def collecting() -> None:
        monkeypatch.setattr(workers, "_startThread", startThread)
        submit("inner")
        startThread()

    def work() -> None:
        submit("outer")
        submitted.append(True)

    monkeypatch.setattr(lookup_threads, "_IDLE_SECONDS", 0.01)
    monkeypatch.setattr(workers, "_startThread", collecting)
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(20)
    assert submitted
    spin(lambda: sorted(answers) == ["inner", "outer"])
    spin(lambda: workers._threads == 0)
    assert workers._open == 0
    mailbox.close()


def test_a_finalizer_looks_up_while_the_last_thread_goes(qapp: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this very thread, which has just seen that there is nothing to do: another one does it."""
    mailbox = Mailbox()
    answers: list[str] = []

    class Jobs(queue.SimpleQueue[object]):
        """Something is collected between the look and the end."""

        def empty(self) -> bool:
            result = super().empty()
            if result and not asked:
                asked.append(True)
                workers.submit(mailbox, lambda: lambda: answers.append("inner"))
            return result

    asked: list[bool] = []
    workers = lookup_threads._Workers()
    monkeypatch.setattr(workers, "_jobs", Jobs())
    monkeypatch.setattr(lookup_threads, "_IDLE_SECONDS", 0.01)
    workers.submit(mailbox, lambda: lambda: answers.append("outer"))
    spin(lambda: sorted(answers) == ["inner", "outer"])
    spin(lambda: workers._threads == 0)
    mailbox.close()


def test_a_finalizer_closes_the_mailbox_while_an_answer_comes(qapp: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the garbage collector ends in the middle of it may have asked: it does not wait for itself."""
    mailbox = Mailbox()
    answers: list[str] = []
    waits: list[bool] = []

    class Answers(queue.SimpleQueue[Callable[[], None]]):
        """Something is collected while one is put."""

        def put(self, answer: Callable[[], None], block: bool = True, timeout: float | None = None) -> None:
            super().put(answer)
            waits.append(not mailbox._lock.acquire(blocking=False))
            if not waits[0]:
                mailbox._lock.release()
                mailbox.close()

    monkeypatch.setattr(mailbox, "_answers", Answers())
    mailbox.put(lambda: answers.append("too late"))
    assert waits == [False]
    assert not mailbox.isOpen()
    settle()
    assert answers == []
