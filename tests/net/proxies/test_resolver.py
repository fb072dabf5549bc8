"""Resolvers as objects: when they call back, what ends them, and what the system says."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

import pytest
from PySide6.QtCore import QCoreApplication, QTimer
from PySide6.QtNetwork import QNetworkProxy, QNetworkProxyFactory, QNetworkProxyQuery

from qtsecure.errors import SecureError
from qtsecure.net.cancellable import Cancellable
from qtsecure.net.proxies import system_resolver
from qtsecure.net.proxies.resolver import ProxyResolver
from qtsecure.net.proxies.simple_resolver import SimpleProxyResolver
from qtsecure.net.proxies.system_resolver import SystemProxyResolver, proxyUris
from tests.net.conversation import deleteEverything, settle, spin
from tests.net.own_process import assertFine
from tests.net.proxies.lookups import answerOf, proxiesOf

pytestmark = pytest.mark.usefixtures("qapp")

Code = SecureError.Code
Type = QNetworkProxy.ProxyType
VARIABLES = ("all_proxy", "http_proxy", "https_proxy", "ftp_proxy", "no_proxy")
RESOLVERS: dict[str, Callable[[], ProxyResolver]] = {
    "base": ProxyResolver,
    "simple": SimpleProxyResolver,
    "system": SystemProxyResolver,
}
resolvers = pytest.mark.parametrize("make", RESOLVERS.values(), ids=RESOLVERS)


@pytest.fixture(autouse=True)
def _noProxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


class Scripted(ProxyResolver):
    """Answers what the test wants."""

    def __init__(self, answer: Callable[[], object]) -> None:
        super().__init__()
        self.answer = answer

    def proxiesFor(self, uri: str) -> list[str]:
        return self.answer()  # type: ignore[return-value]  # some tests want a wrong one


# ------------------------------------------------------------------------- every resolver


@resolvers
def test_direct_without_settings(make: Callable[[], ProxyResolver]) -> None:
    """Nothing is set up."""
    assert proxiesOf(make(), "https://example.org:443") == ["direct://"]


@resolvers
def test_cancelled_before(make: Callable[[], ProxyResolver]) -> None:
    """It is still an answer, and still later."""
    cancellable = Cancellable()
    cancellable.cancel()
    answer = answerOf(make(), "https://example.org", cancellable)
    assert isinstance(answer, SecureError)
    assert answer.code is Code.Cancelled


@resolvers
def test_cancelled_meanwhile(make: Callable[[], ProxyResolver]) -> None:
    """One answer, although there would have been another."""
    resolver, cancellable = make(), Cancellable()
    answers: list[list[str] | SecureError] = []
    resolver.lookup("https://example.org", answers.append, cancellable)
    cancellable.cancel()
    assert answers == []
    spin(lambda: answers != [])
    settle()
    (answer,) = answers
    assert isinstance(answer, SecureError)
    assert answer.code is Code.Cancelled


@resolvers
def test_cancelled_afterwards(make: Callable[[], ProxyResolver]) -> None:
    """Too late for anything."""
    cancellable = Cancellable()
    assert answerOf(make(), "https://example.org", cancellable) == ["direct://"]
    cancellable.cancel()
    settle()


@resolvers
def test_deleted_meanwhile(make: Callable[[], ProxyResolver]) -> None:
    """Nobody is called."""
    resolver = make()
    answers: list[object] = []
    for uri in ("https://example.org", "no URI"):
        resolver.lookup(uri, answers.append)
    resolver.deleteLater()
    deleteEverything()
    answerOf(ProxyResolver(), "https://example.org")
    settle()
    assert answers == []


@resolvers
def test_dropped_meanwhile(make: Callable[[], ProxyResolver]) -> None:
    """The look-up keeps it."""
    answers: list[object] = []
    make().lookup("https://example.org", answers.append)
    spin(lambda: answers != [])
    assert answers == [["direct://"]]


@resolvers
def test_deleting_it_in_the_answer(make: Callable[[], ProxyResolver]) -> None:
    """And asking again."""
    resolver = make()
    answers: list[object] = []

    def answered(answer: object) -> None:
        answers.append(answer)
        if len(answers) == 1:
            resolver.lookup("https://example.com", answered)
        else:
            resolver.deleteLater()
            deleteEverything()

    resolver.lookup("https://example.org", answered)
    spin(lambda: len(answers) == 2)
    assert answers == [["direct://"]] * 2


@resolvers
@pytest.mark.parametrize(
    ("arguments", "name"),
    [((b"http://x", print), "uri"), (("http://x", None), "finished"), (("http://x", print, 3), "cancellable")],
)
def test_wrong_arguments(make: Callable[[], ProxyResolver], arguments: tuple[object, ...], name: str) -> None:
    """Raised at once."""
    with pytest.raises(TypeError, match=name):
        make().lookup(*arguments)


# ------------------------------------------------------------------------ of the program's


def test_an_override_that_fails() -> None:
    """With a SecureError of its own."""

    def fail() -> list[str]:
        raise SecureError(Code.HostNotFound, "There is no such host.")

    answer = answerOf(Scripted(fail), "https://example.org")
    assert isinstance(answer, SecureError)
    assert answer.code is Code.HostNotFound


@pytest.mark.parametrize("answer", [None, "direct://", ["direct://", 3], {"direct://"}], ids=repr)
def test_an_override_with_a_wrong_answer(answer: object) -> None:
    """A str is no list of URIs, although it could be walked through."""
    found = answerOf(Scripted(lambda: answer), "https://example.org")
    assert isinstance(found, SecureError)
    assert found.code is Code.Failed


def test_an_override_with_a_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    """The exception goes where exceptions of slots go, and the look-up does not hang."""
    reported: list[type[BaseException]] = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, value, trace: reported.append(kind))
    answer = answerOf(Scripted(lambda: [1 / 0]), "https://example.org")
    assert isinstance(answer, SecureError)
    assert answer.code is Code.Failed
    assert reported == [ZeroDivisionError]


def test_overriding_the_look_up() -> None:
    """For answers that take time."""

    class Slow(ProxyResolver):
        def lookup(self, uri, finished, cancellable=None) -> None:
            super().lookup(f"other://{uri.partition('://')[2]}", finished, cancellable)

        def proxiesFor(self, uri: str) -> list[str]:
            return [f"socks5://proxy.example/{uri}"]

    assert proxiesOf(Slow(), "https://example.org") == ["socks5://proxy.example/other://example.org"]


# ---------------------------------------------------------------------------- fixed rules


def test_settings_of_the_simple_resolver() -> None:
    """What was set can be asked for, and is not shared."""
    patterns = ["example.org"]
    resolver = SimpleProxyResolver("http://proxy.example", patterns)
    patterns.append("example.com")
    assert resolver.ignoreHosts() == ["example.org"]
    resolver.ignoreHosts().append("example.net")
    assert resolver.ignoreHosts() == ["example.org"]
    assert resolver.defaultProxy() == "http://proxy.example"
    resolver.setDefaultProxy("")
    assert resolver.defaultProxy() == ""
    with pytest.raises(ValueError, match="ignoreHosts"):
        resolver.setIgnoreHosts(["*"])
    assert resolver.ignoreHosts() == ["example.org"]


@pytest.mark.parametrize(
    ("set_", "arguments", "error", "name"),
    [
        ("setDefaultProxy", ("proxy.example:80",), ValueError, "defaultProxy"),
        ("setDefaultProxy", ("http://joe:s3cr3t@[",), ValueError, "defaultProxy"),
        ("setDefaultProxy", (None,), TypeError, "defaultProxy"),
        ("setIgnoreHosts", ("example.org",), TypeError, "ignoreHosts"),
        ("setIgnoreHosts", ([b"example.org"],), TypeError, "ignoreHosts"),
        ("setUriProxy", ("ht tp", "direct://"), ValueError, "uriScheme"),
        ("setUriProxy", ("http:", "direct://"), ValueError, "uriScheme"),
        ("setUriProxy", ("", "direct://"), ValueError, "uriScheme"),
        ("setUriProxy", (None, "direct://"), TypeError, "uriScheme"),
        ("setUriProxy", ("http", "proxy"), ValueError, "proxy"),
    ],
)
def test_wrong_settings(set_: str, arguments: tuple[object, ...], error: type[Exception], name: str) -> None:
    """Told to who sets them, without a password that may be in there."""
    with pytest.raises(error, match=f"^{name} ") as refused:
        getattr(SimpleProxyResolver(), set_)(*arguments)
    assert "s3cr3t" not in str(refused.value)


# ------------------------------------------------------------------------------ the system's


def systemProxies(monkeypatch: pytest.MonkeyPatch, uri: str, **variables: str) -> list[str]:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return proxiesOf(SystemProxyResolver(), uri)


@pytest.mark.skipif(not hasattr(QNetworkProxyFactory, "systemProxyForQuery"), reason="Qt has no system proxies")
@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("https://example.org", ["http://secure.example:3"]),
        ("http://example.org", ["http://plain.example:2"]),
        ("imap://example.org", ["socks5://joe:p%40%3Ass@any.example:1"]),
        ("none://example.org:25", ["socks5://joe:p%40%3Ass@any.example:1"]),
        ("https://direct.example:8", ["direct://"]),
        ("https://a.direct.example:8", ["direct://"]),
        ("https://localhost:8", ["direct://"]),
        ("https://127.1.2.3:8", ["direct://"]),
        ("https://[::1]:8", ["direct://"]),
    ],
)
def test_environment(monkeypatch: pytest.MonkeyPatch, uri: str, expected: list[str]) -> None:
    """As Qt understands it."""
    environment = {
        "all_proxy": "socks5://joe:p%40%3Ass@any.example:1",
        "http_proxy": "http://plain.example:2",
        "https_proxy": "http://secure.example:3",
        "no_proxy": "direct.example",
    }
    assert systemProxies(monkeypatch, uri, **environment) == expected


@pytest.mark.parametrize("uri", ["asdf", "mailto:joe@example.org", "http://a b"])
def test_the_system_is_asked_for_hosts_only(uri: str) -> None:
    """Qt would say something about an empty one."""
    answer = answerOf(SystemProxyResolver(), uri)
    assert isinstance(answer, SecureError)
    assert answer.code is Code.InvalidArgument


def test_the_system_is_asked_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A script for proxies may take seconds; the answer comes in the thread that asked."""
    asked, go = threading.Event(), threading.Event()
    threads: list[int] = []

    def slow(query: QNetworkProxyQuery) -> list[QNetworkProxy]:
        threads.append(threading.get_ident())
        asked.set()
        assert go.wait(60)
        return [QNetworkProxy(Type.HttpProxy, "proxy.example", 8)]

    class Factory:
        systemProxyForQuery = staticmethod(slow)

    monkeypatch.setattr(system_resolver, "QNetworkProxyFactory", Factory)
    resolver = SystemProxyResolver()
    answers: list[tuple[object, int]] = []
    resolver.lookup("https://example.org", lambda answer: answers.append((answer, threading.get_ident())))
    assert asked.wait(20)
    settle()
    assert answers == []
    cancelled: list[object] = []
    cancellable = Cancellable()
    resolver.lookup("https://example.com", cancelled.append, cancellable)
    cancellable.cancel()
    settle()
    assert [error.code for error in cancelled if isinstance(error, SecureError)] == [Code.Cancelled]
    go.set()
    spin(lambda: len(threads) == 2 and answers != [] and not resolver._lookups)
    assert answers == [(["http://proxy.example:8"], threading.get_ident())]
    assert threading.get_ident() not in threads
    assert len(cancelled) == 1


def test_kinds_of_proxies() -> None:
    """Each once; caches cannot carry a stream."""
    proxies = [
        QNetworkProxy(Type.HttpCachingProxy, "cache.example", 1),
        QNetworkProxy(Type.HttpProxy, "proxy.example", 2, "j/e", "p@:ü"),
        QNetworkProxy(Type.HttpProxy, "proxy.example", 2, "j/e", "p@:ü"),
        QNetworkProxy(Type.Socks5Proxy, "::1", 3),
        QNetworkProxy(Type.FtpCachingProxy, "cache.example", 4),
        QNetworkProxy(Type.NoProxy),
    ]
    assert proxyUris(proxies) == ["http://j%2Fe:p%40%3A%C3%BC@proxy.example:2", "socks5://[::1]:3", "direct://"]


def test_only_caches() -> None:
    """Going directly instead could tell somebody what the user hides."""
    with pytest.raises(SecureError, match="SOCKS or HTTPS") as refused:
        proxyUris([QNetworkProxy(Type.HttpCachingProxy, "cache.example", 1)])
    assert refused.value.code is Code.Failed


def test_a_thousand_questions_are_not_a_thousand_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a script hangs the others wait; those that are cancelled meanwhile are never asked."""
    go, asked, together = threading.Event(), [], []
    lock = threading.Lock()
    inside = [0]

    def slow(uri: str) -> list[str]:
        with lock:
            asked.append(uri)
            inside[0] += 1
            together.append(inside[0])
        assert go.wait(60)
        with lock:
            inside[0] -= 1
        return ["direct://"]

    monkeypatch.setattr(system_resolver, "systemProxies", slow)
    resolver, cancellable = SystemProxyResolver(), Cancellable()
    answers: list[list[str] | SecureError] = []
    awake = QTimer(interval=5)  # a thread that begins to ask wakes no event loop
    awake.start()
    for number in range(200):
        resolver.lookup(f"https://{number}.example", answers.append, cancellable if number % 2 else None)
    spin(lambda: len(asked) == 8)
    cancellable.cancel()
    spin(lambda: len(answers) == 100)
    go.set()
    spin(lambda: len(answers) == 200)
    spin(lambda: not resolver._lookups)
    awake.stop()
    assert max(together) == 8
    assert len(asked) == 104  # of the first eight each second one had been asked before it was cancelled
    assert answers.count(["direct://"]) == 100


def test_the_system_has_no_thread_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each question has an error as its answer, and later ones are asked as ever."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(system_resolver, "systemProxies", lambda uri: ["direct://"])
    resolver = SystemProxyResolver()
    answers: list[object] = []
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        for _ in range(2 * system_resolver._MOST_THREADS):
            resolver.lookup("https://example.org", answers.append)
    assert answers == []
    spin(lambda: len(answers) == 2 * system_resolver._MOST_THREADS)
    assert all(isinstance(each, SecureError) and each.code is SecureError.Code.Failed for each in answers)
    assert not resolver._lookups
    assert proxiesOf(resolver, "https://example.org") == ["direct://"]


def test_other_threads_are_refused(qapp: QCoreApplication) -> None:
    """By name."""
    for make in RESOLVERS.values():
        resolver = make()
        caught: list[BaseException] = []

        def call(resolver: ProxyResolver = resolver, caught: list[BaseException] = caught) -> None:
            try:
                resolver.lookup("https://example.org", print)
            except RuntimeError as error:
                caught.append(error)

        thread = threading.Thread(target=call)
        thread.start()
        thread.join()
        assert len(caught) == 1


def test_the_program_ends_while_the_system_is_asked() -> None:
    """It waits for the thread, which Python would end in the middle of C++; and what waits for the answer is ended."""
    assertFine(
        """
from PySide6.QtCore import QCoreApplication, QThread, QTimer
from PySide6.QtNetwork import QNetworkProxy

from qtsecure import SocketClient
from qtsecure.net.proxies import system_resolver


class Factory:
    @staticmethod
    def systemProxyForQuery(query):
        asked.append(query)
        QThread.msleep(300)  # in C++, without Python's lock
        return [QNetworkProxy(QNetworkProxy.ProxyType.NoProxy)]


def look():
    if asked:
        application.quit()


asked = []
system_resolver.QNetworkProxyFactory = Factory
application = QCoreApplication([])
client = SocketClient()
operation = client.connectToHost("host.example", 443)
timer = QTimer(interval=0)
timer.timeout.connect(look)
timer.start()
application.exec()
print("fine")
"""
    )
