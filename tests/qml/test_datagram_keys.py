"""Pre-shared keys over DTLS in QML, and how long others wait for a user who looks for a key."""

from __future__ import annotations

from functools import partial

import pytest
from PySide6.QtCore import QTimer

from qtsecure.testing import waitFor
from tests.net.conversation import FakeClock
from tests.qml.conftest import Document, Load
from tests.qml.documents import HEAD

KEYS = (
    "QtObject { id: root\n"
    + HEAD
    + """
    property var questions: ({})
    component Keyless: TlsConfiguration { verifyMode: Tls.VerifyMode.NotAtAll }
    property QtObject server: SERVER {
        preSharedKeys: true
        configuration: Keyless {}
        onPskQuestion: question => {
            if (question.identity === "sensor")
                return question.answerHex("", "a1b2c3")
            question.defer()
            question.cancelled.connect(() => root.note("given up"))
            root.questions[question.identity] = question
            root.note("asked for " + question.identity)
        }
        onPendingConnectionAvailable: {
            const peer = nextPendingConnection()
            root.note("welcome")
            peer.disconnected.connect(() => peer.discard())
        }
        onFailed: message => root.note("server: " + message)
    }
    component Client: PEER {
        property string identity
        preSharedKeys: true
        configuration: Keyless {}
        onPskQuestion: question => question.answerHex(identity, "a1b2c3")
        onEncrypted: root.note(identity + " encrypted")
        onFailed: message => root.note(identity + " failed")
    }
    property Client slow: Client { identity: "slow" }
    property Client slower: Client { identity: "slower" }
    property Client sensor: Client { identity: "sensor" }
    function begin() { server.listen("127.0.0.1", 0); note("listening") }
    function start(name) { root[name].CONNECT("localhost", server.port) }
    function answer(name) { questions[name].answerHex("", "a1b2c3") }
    function abort(name) { root[name].abort() }
    function closeServer() { server.close() }
}
"""
)
DTLS = KEYS.replace("SERVER", "DtlsServer").replace("PEER", "DtlsPeer").replace("CONNECT", "connectToHost")
TLS = KEYS.replace("SERVER", "TlsServer").replace("PEER", "TlsSocket").replace("CONNECT", "connectToHostEncrypted")


Step = tuple[object, ...]
"""When this line has been noted, call this function of the document or of Python, maybe with an argument."""


def run(load: Load, source: str, *steps: Step, until: set[str]) -> list[str]:
    """Go through the steps, in whatever event loop they come, until these lines are there; return all lines."""
    document = load(source)
    left = list(steps)

    def proceed() -> None:
        while left and left[0][0] in log(document):
            _, function, *arguments = left.pop(0)
            act = function if callable(function) else partial(document.call, function)
            # A slot of its own: within this one the document would still be about to note the line.
            QTimer.singleShot(0, document.root, partial(act, *arguments))

    document.root.logChanged.connect(proceed)
    document.call("begin")
    waitFor(lambda: until <= set(log(document)))
    assert left == []
    return log(document)


def log(document: Document) -> list[str]:
    """What was noted."""
    return document.get("log").toVariant()


both = pytest.mark.parametrize("source", [DTLS, TLS], ids=["dtls", "tls"])


@both
def test_a_key_at_once(load: Load, source: str) -> None:
    """Both ends answer in their handlers."""
    lines = run(load, source, ("listening", "start", "sensor"), until={"sensor encrypted", "welcome"})
    assert not any("failed" in line or "server:" in line for line in lines)


@both
def test_a_deferred_key_holds_nobody_up(load: Load, source: str) -> None:
    """While a user looks for the key of one client, others come and go; then that one goes on."""
    lines = run(
        load,
        source,
        ("listening", "start", "slow"),
        ("asked for slow", "start", "sensor"),
        ("sensor encrypted", "abort", "sensor"),
        ("sensor encrypted", "answer", "slow"),
        until={"slow encrypted"},
    )
    assert lines.index("asked for slow") < lines.index("sensor encrypted") < lines.index("slow encrypted")


@both
def test_two_deferred_keys(load: Load, source: str) -> None:
    """The earlier question waits in the outer loop: its answer takes effect after that to the later one."""
    run(
        load,
        source,
        ("listening", "start", "slow"),
        ("asked for slow", "start", "slower"),
        ("asked for slower", "answer", "slow"),
        ("asked for slower", "answer", "slower"),
        until={"slow encrypted", "slower encrypted"},
    )


@both
def test_the_client_of_a_deferred_key_goes(load: Load, source: str) -> None:
    """The answer comes too late, and harms nobody."""
    lines = run(
        load,
        source,
        ("listening", "start", "slow"),
        ("asked for slow", "abort", "slow"),
        ("asked for slow", "answer", "slow"),
        ("asked for slow", "start", "sensor"),
        until={"sensor encrypted"},
    )
    assert "slow encrypted" not in lines


@both
def test_the_server_closes_while_a_key_is_looked_for(load: Load, source: str) -> None:
    """The question is over, and with it the loop."""
    run(
        load,
        source,
        ("listening", "start", "slow"),
        ("asked for slow", "closeServer"),
        until={"given up"},
    )


@pytest.mark.parametrize(
    ("source", "end"),
    [
        (DTLS, "given up"),
        # The server deletes the socket, and the question with it: a prompt sees null.
        (TLS, "server: The TLS handshake did not complete in time; the peer is too slow, or does not speak TLS."),
    ],
    ids=["dtls", "tls"],
)
def test_the_time_of_the_handshake_is_over(load: Load, clock: FakeClock, source: str, end: str) -> None:
    """The event loop of a question ends when its answer could not help any more."""
    source = source.replace("preSharedKeys: true", "preSharedKeys: true; handshakeTimeout: 200", 1)
    lines = run(load, source, ("listening", "start", "slow"), ("asked for slow", clock.advance, 0.2), until={end})
    assert "slow encrypted" not in lines


def test_the_time_of_the_clients_handshake_is_over(load: Load, clock: FakeClock) -> None:
    """The same for a client that looks for its key."""
    source = TLS.replace(
        'onPskQuestion: question => question.answerHex(identity, "a1b2c3")',
        "handshakeTimeout: 200\n        onPskQuestion: question => {"
        " question.defer(); question.cancelled.connect(() => root.note('given up')); root.note('asked') }",
    )
    run(load, source, ("listening", "start", "slow"), ("asked", clock.advance, 0.2), until={"given up", "slow failed"})


@both
@pytest.mark.parametrize("answer", ["", "question.cancel()"], ids=["none", "cancelled"])
def test_no_key_and_no_verification(load: Load, source: str, answer: str) -> None:
    """A certificate that nobody looks at is no proof, for TLS and DTLS alike."""
    lines = run(
        load,
        source.replace("configuration: Keyless {}", "configuration: Identity {}", 1)
        .replace("preSharedKeys: true", "preSharedKeys: false", 1)
        .replace('question.answerHex(identity, "a1b2c3")', f"{{ {answer} }}")
        .replace(
            "component Keyless",
            "component Identity: TlsConfiguration { certificate: root.bad.certificate; privateKey: root.bad.key }\n"
            "    component Keyless",
        ),
        ("listening", "start", "sensor"),
        until={"sensor failed"},
    )
    assert "sensor encrypted" not in lines


@both
def test_an_impatient_program_hears_of_no_failure(load: Load, source: str) -> None:
    """It closes the connection instead of giving a key."""
    lines = run(
        load,
        source.replace('question.answerHex(identity, "a1b2c3")', "{ abort(); root.note(identity + ' over') }"),
        ("listening", "start", "sensor"),
        ("sensor over", "start", "slow"),
        until={"slow over"},
    )
    assert "sensor failed" not in lines
