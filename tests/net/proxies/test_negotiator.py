"""ProxyNegotiator: its ends, what it leaves behind, and slots that do what they like."""

from __future__ import annotations

import gc
import select
import threading
from collections.abc import Callable

import pytest
from PySide6.QtCore import SIGNAL, QEventLoop, QObject, QTimer
from shiboken6 import isValid

from qtsecure.errors import SecureError
from qtsecure.net.event_loop import turn
from qtsecure.net.proxies.negotiator import ProxyNegotiator
from qtsecure.net.proxies.proxy_address import ProxyAddress
from qtsecure.net.ssl_socket import SslSocket
from qtsecure.net.values import SslConfiguration
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.net.conversation import Error, FakeClock, State, deleteEverything, settle, spin
from tests.net.proxies.rig import MakeRig, Rig, TlsEchoServer, exchange

Code = SecureError.Code
METHOD, BOUND = b"\5\0", b"\5\0\0\1" + bytes(6)
BEHIND = b"220 hello\r\n"
SIGNALS = ["readyRead()", "disconnected()", "encrypted()", "destroyed(QObject*)", "destroyed()"]


def greeted(rig: Rig) -> None:
    rig.start()
    rig.hear(3)


def asked(rig: Rig) -> None:
    greeted(rig)
    rig.say(METHOD)
    rig.hearSomething()


def halfAnswered(rig: Rig) -> None:
    asked(rig)
    rig.say(BOUND[:5])
    settle()


STAGES: dict[str, Callable[[Rig], None]] = {"greeted": greeted, "asked": asked, "half-answered": halfAnswered}
stages = pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)


def finish(rig: Rig, behind: bytes = b"") -> None:
    """Let the negotiation succeed."""
    asked(rig)
    rig.say(BOUND + behind)


# -------------------------------------------------------------------------------- ends


@stages
def test_a_silent_proxy_times_out(makeRig: MakeRig, clock: FakeClock, stage: Callable[[Rig], None]) -> None:
    """In all, whatever it has said before (Gio hangs for ever)."""
    rig = makeRig("socks5")
    rig.negotiator.setTimeout(1000)
    stage(rig)
    clock.advance(0.9)
    settle()
    assert rig.outcomes == []
    clock.advance(0.2)
    failure = rig.failure()
    assert failure.code is Code.TimedOut
    assert "within 1000 ms" in failure.message


def saysUnheard(rig: Rig, data: bytes) -> None:
    """What has arrived in the kernel, while no event loop runs."""
    rig.say(data)
    rig.proxy.flush()
    assert select.select([rig.socket.socketDescriptor()], [], [], 20)[0]


@pytest.mark.parametrize("late", [0, 3])
def test_the_last_answer_waits_when_the_time_is_up(makeRig: MakeRig, clock: FakeClock, late: float) -> None:
    """The program has stood still, and timers may come first: the proxy has kept its time."""
    rig = makeRig("socks5")
    rig.negotiator.setTimeout(1000)
    asked(rig)
    saysUnheard(rig, BOUND + BEHIND)
    clock.advance(1 + late)
    assert rig.connection().readBytes() == BEHIND


def test_a_proxy_gets_back_what_it_could_not_use(makeRig: MakeRig, clock: FakeClock) -> None:
    """As long as the program has stood still, once and no more than there was; without a word there is nothing."""
    rig = makeRig("socks5")
    rig.negotiator.setTimeout(10_000)
    greeted(rig)
    saysUnheard(rig, METHOD)
    clock.advance(13)
    rig.hearSomething()
    clock.advance(2.9)
    assert rig.outcomes == []
    saysUnheard(rig, BOUND[:3])
    clock.advance(20)
    assert rig.failure().code is Code.TimedOut


def test_no_time_out(makeRig: MakeRig, clock: FakeClock) -> None:
    """0 and -1 switch it off."""
    rig = makeRig("socks5")
    assert rig.negotiator.timeout() == 30_000
    rig.negotiator.setTimeout(-1)
    rig.negotiator.setTimeout(0)
    greeted(rig)
    clock.advance(1e6)
    settle()
    assert rig.outcomes == []
    with pytest.raises(ValueError, match="ms"):
        rig.negotiator.setTimeout(-2)


def test_the_time_is_no_matter_afterwards(makeRig: MakeRig, clock: FakeClock) -> None:
    """The deadline ends with the negotiation."""
    rig = makeRig("socks5")
    finish(rig)
    connection = rig.connection()
    clock.advance(100)
    settle()
    assert rig.outcomes == [connection]
    assert connection.state() == State.ConnectedState


def test_the_connection_has_a_time_out_of_its_own(makeRig: MakeRig, clock: FakeClock) -> None:
    """SslSocket.setTimeout() holds here, too."""
    rig = makeRig("socks5")
    rig.socket.setTimeout(30)
    greeted(rig)
    settle()
    clock.advance(0.031)
    assert rig.failure().code is Code.TimedOut


@stages
def test_the_proxy_hangs_up(makeRig: MakeRig, stage: Callable[[Rig], None]) -> None:
    """At any moment before its answer is complete."""
    rig = makeRig("socks5")
    stage(rig)
    rig.proxy.disconnectFromHost()
    failure = rig.failure()
    assert failure.code is Code.ProxyFailed
    assert "closed the connection before it had answered" in failure.message


@stages
def test_the_proxy_breaks_off(makeRig: MakeRig, stage: Callable[[Rig], None]) -> None:
    """A reset is no better."""
    rig = makeRig("socks5")
    stage(rig)
    rig.proxy.abort()
    assert rig.failure().code is Code.ProxyFailed


def test_the_network_breaks(makeRig: MakeRig) -> None:
    """The sentence of the connection is part of the error's."""
    rig = makeRig("socks5")
    greeted(rig)
    rig.socket.setErrorString("The network is down.")
    rig.socket.errorOccurred.emit(Error.NetworkError)
    failure = rig.failure()
    assert failure.code is Code.ProxyFailed
    assert failure.message == f"The connection to the proxy 127.0.0.1:{rig.address.port()} broke. The network is down."


@pytest.mark.parametrize("end", ["abort", "disconnectFromHost"])
def test_the_connection_ends_between_answer_and_signal(makeRig: MakeRig, end: str) -> None:
    """A connection that is over, or about to be, is none."""
    rig = makeRig("socks5")
    asked(rig)
    rig.socket.write(b"never sent")
    rig.socket.readyRead.connect(getattr(rig.socket, end))  # runs after the negotiator's own slot
    rig.say(BOUND)
    failure = rig.failure()
    assert failure.code is Code.Closed
    assert "ended meanwhile" in failure.message
    settle()
    assert rig.heard == b""


@stages
@pytest.mark.parametrize("end", ["abort", "disconnectFromHost", "close"])
def test_the_program_ends_the_connection(makeRig: MakeRig, stage: Callable[[Rig], None], end: str) -> None:
    """Although it should leave it alone."""
    rig = makeRig("socks5")
    stage(rig)
    getattr(rig.socket, end)()
    assert rig.failure().code is Code.Closed


@stages
def test_the_program_deletes_the_connection(makeRig: MakeRig, stage: Callable[[Rig], None]) -> None:
    """The negotiator is not left waiting."""
    rig = makeRig("socks5")
    stage(rig)
    rig.socket.deleteLater()
    deleteEverything()
    assert rig.failure().code is Code.Closed
    assert not isValid(rig.socket)


@stages
def test_aborting(makeRig: MakeRig, stage: Callable[[Rig], None]) -> None:
    """No signal, and no connection either."""
    rig = makeRig("socks5")
    stage(rig)
    rig.negotiator.abort()
    assert rig.socket.state() == State.UnconnectedState
    rig.negotiator.abort()
    rig.say(METHOD + BOUND)
    spin(lambda: rig.proxy.state() == rig.proxy.SocketState.UnconnectedState)
    settle()
    assert rig.outcomes == []


@stages
@pytest.mark.parametrize("way", ["deleteLater", "drop"])
def test_deleting_the_negotiator(makeRig: MakeRig, stage: Callable[[Rig], None], way: str) -> None:
    """No signal; the connection stays as it is, with everything that comes."""
    rig = makeRig("socks5")
    stage(rig)
    if way == "drop":
        del rig.negotiator
    else:
        rig.negotiator.deleteLater()
    deleteEverything()
    rig.say(b"more")
    heard = bytearray()

    def complete() -> bool:
        heard.extend(rig.socket.readBytes())  # what the proxy has said before may come apart from that
        return heard.endswith(b"more")

    spin(complete)
    settle()
    assert rig.outcomes == []
    rig.negotiator = ProxyNegotiator(rig.socket, rig.address)


def test_between_answer_and_signal(makeRig: MakeRig) -> None:
    """The answer is known, nobody has been told, and the negotiator is aborted or deleted."""
    for end in ("abort", "deleteLater"):
        rig = makeRig("alpha")
        rig.start()  # fails at once, and says so later
        getattr(rig.negotiator, end)()
        deleteEverything()
        settle()
        assert rig.outcomes == []


@pytest.mark.parametrize("way", ["deleteLater", "drop"])
def test_deleting_it_between_answer_and_signal(makeRig: MakeRig, way: str) -> None:
    """The connection is not left deaf."""
    rig = makeRig("socks5")
    asked(rig)

    ended: list[bool] = []

    def end() -> None:
        if ended:
            return
        ended.append(True)
        if way == "drop":
            del rig.negotiator
        else:
            rig.negotiator.deleteLater()
            deleteEverything()

    rig.socket.readyRead.connect(end)  # runs after the negotiator's own slot
    rig.say(BOUND)
    spin(lambda: ended != [])
    rig.say(BEHIND)
    spin(lambda: rig.socket.bytesAvailable() == len(BEHIND))
    assert rig.outcomes == ([] if way == "deleteLater" else [rig.socket])  # what is under way keeps one that is dropped
    rig.negotiator = ProxyNegotiator(rig.socket, rig.address)


def test_dropping_everything_at_once(makeRig: MakeRig) -> None:
    """The negotiator may hold the last reference to the connection, whose end then meets a dying object."""
    for keep in (False, True):
        for stage in STAGES.values():
            rig = makeRig("socks5")
            stage(rig)
            del rig.socket
            if keep:
                rig.outcomes.append(rig.negotiator)  # in a circle
            del rig.negotiator
            rig.outcomes = []
            gc.collect()
            settle()
            rig.negotiator = rig.socket = rig.proxy  # for close()


@pytest.mark.parametrize("state", ["unconnected", "encrypted"])
def test_connections_that_cannot_be_used(makeRig: MakeRig, state: str) -> None:
    """Reported, not raised: the connection may have broken a moment ago."""
    rig = makeRig("socks5")
    if state == "unconnected":
        rig.socket.abort()
    else:
        rig.socket.startClientEncryption()
    rig.start()
    assert rig.failure().code is Code.Closed


def test_starting_twice(makeRig: MakeRig) -> None:
    """One negotiator, one negotiation."""
    rig = makeRig("socks5")
    rig.start()
    with pytest.raises(SecureError) as refused:
        rig.negotiator.start()
    assert refused.value.code is Code.Pending


def test_wrong_arguments(makeRig: MakeRig) -> None:
    """Named."""
    rig = makeRig("socks5")
    with pytest.raises(TypeError, match="socket"):
        ProxyNegotiator(rig.proxy, rig.address)
    with pytest.raises(TypeError, match="address"):
        ProxyNegotiator(rig.socket, "socks5://proxy.example")
    with pytest.raises(TypeError):
        rig.negotiator.setSslConfiguration("trust everybody")


def test_other_threads_are_refused(makeRig: MakeRig) -> None:
    """By name."""
    rig = makeRig("socks5")
    caught: list[BaseException] = []

    def call() -> None:
        try:
            rig.negotiator.start()
        except RuntimeError as error:
            caught.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    (error,) = caught
    assert "ProxyNegotiator.start() was called in" in str(error)


def test_limits_of_the_connection(makeRig: MakeRig) -> None:
    """Tiny buffers are no obstacle."""
    rig = makeRig("socks5")
    rig.socket.setWriteBufferLimit(1)
    rig.socket.setReadBufferSize(1)
    finish(rig, BEHIND)
    connection = rig.connection()
    assert connection.readBufferSize() == 1
    heard = bytearray()
    connection.readyRead.connect(lambda: heard.extend(connection.readBytes()))
    heard.extend(connection.readBytes())
    spin(lambda: len(heard) == len(BEHIND))


# ----------------------------------------------------------------- what is left behind


def receivers(socket: SslSocket) -> list[int]:
    return [socket.receivers(SIGNAL(name)) for name in SIGNALS] + [
        socket.receivers(SIGNAL("errorOccurred(QAbstractSocket::SocketError)"))
    ]


@pytest.mark.parametrize("outcome", ["negotiated", "failed"])
def test_no_connection_to_signals_is_left(makeRig: MakeRig, outcome: str) -> None:
    """Neither way."""
    rig = makeRig("socks5")
    # With an object's first connected function PySide begins to watch `destroyed` for itself, and goes on with that.
    QObject.disconnect(rig.socket.disconnected.connect(lambda: None))
    before = receivers(rig.socket)
    asked(rig)
    assert receivers(rig.socket) != before
    rig.say(BOUND if outcome == "negotiated" else b"\5\1\0\1" + bytes(6))
    spin(lambda: rig.outcomes != [])
    assert receivers(rig.socket) == before


def test_what_is_written_meanwhile_is_for_the_destination(makeRig: MakeRig) -> None:
    """The proxy hears nothing of it before it has connected."""
    rig = makeRig("socks5")
    rig.socket.write(b"before, ")
    rig.start()
    assert rig.hear(3) == b"\5\1\0"
    rig.socket.write(b"meanwhile, ")
    rig.say(METHOD)
    assert rig.hear(19)[-2:] == b"\x03\xe1"
    rig.say(BOUND)
    rig.connection().write(b"afterwards")
    assert rig.hear(29) == b"before, meanwhile, afterwards"


def test_what_is_written_meanwhile_waits_for_tls(makeRig: MakeRig) -> None:
    """If that is what begins in the slot, or is awaited."""
    rig = makeRig("socks5")

    def go(connection: SslSocket) -> None:
        connection._dataPath.awaitsTls = True
        connection._dataPath.review()
        settle()
        assert rig.heard == b""
        connection.startClientEncryption()

    rig.negotiator.negotiated.connect(go)
    rig.socket.write(b"secret")
    finish(rig)
    spin(lambda: len(rig.heard) > 0)
    settle()
    assert rig.heard[:1] == b"\x16"
    assert b"secret" not in rig.heard
    assert rig.socket.bytesToWrite() == 6


def test_what_is_behind_the_answer_is_announced(makeRig: MakeRig) -> None:
    """After the slots, so that one can be connected there."""
    rig = makeRig("socks5")
    heard: list[bytes] = []

    def go(connection: SslSocket) -> None:
        assert connection.bytesAvailable() == len(BEHIND)
        connection.readyRead.connect(lambda: heard.append(connection.readBytes()))
        assert heard == []

    rig.negotiator.negotiated.connect(go)
    finish(rig, BEHIND)
    spin(lambda: heard != [])
    settle()
    assert heard == [BEHIND]
    rig.say(b"more")
    spin(lambda: len(heard) == 2)
    assert heard == [BEHIND, b"more"]
    rig.socket.write(b"to the destination")
    assert rig.hear(18) == b"to the destination"


def test_what_was_read_in_the_slot_is_not_announced_again(makeRig: MakeRig) -> None:
    """There is nothing new."""
    rig = makeRig("socks5")
    heard: list[bytes] = []

    def go(connection: SslSocket) -> None:
        heard.append(connection.readBytes())
        connection.readyRead.connect(lambda: heard.append(connection.readBytes()))

    rig.negotiator.negotiated.connect(go)
    finish(rig, BEHIND)
    rig.connection()
    assert heard == [BEHIND]


def test_a_proxy_in_a_hurry(makeRig: MakeRig) -> None:
    """It is told what is wanted although it has said everything already."""
    rig = makeRig("socks5", login="joe:secret")
    rig.say(b"\5\2\1\0" + BOUND + BEHIND)
    rig.start()
    assert rig.connection() is rig.socket
    assert rig.hear(4 + 12 + 19).endswith(b"\5\1\0\3\x0cmail.example\x03\xe1")
    assert rig.socket.readBytes() == BEHIND


@pytest.mark.parametrize("budget", [turn._BUDGET, 0.0], ids=["usual", "none"])
def test_an_end_right_behind_the_answer(makeRig: MakeRig, monkeypatch: pytest.MonkeyPatch, budget: float) -> None:
    """First the connection, then what was said, then the end; as if there had been no proxy.

    Also when the thread is so busy that others have a turn after each step.
    """
    monkeypatch.setattr(turn, "_BUDGET", budget)
    rig = makeRig("socks5")
    story: list[object] = []

    def go(connection: SslSocket) -> None:
        story.append("negotiated")
        connection.readyRead.connect(lambda: story.append(connection.readBytes()))
        connection.disconnected.connect(lambda: story.append("disconnected"))

    rig.negotiator.negotiated.connect(go)
    finish(rig, BEHIND)
    rig.proxy.disconnectFromHost()
    spin(lambda: "disconnected" in story)
    assert story == ["negotiated", BEHIND, "disconnected"]


def test_waiting_for_more_than_came_with_the_answer(makeRig: MakeRig) -> None:
    """A slot that is told of it may wait for the rest, and is told once of each part."""
    rig = makeRig("socks5")
    told: list[int] = []

    def wait() -> None:
        connection = rig.socket
        told.append(connection.bytesAvailable())
        if len(told) == 1:
            rig.proxy.write(b"more")
            rig.proxy.flush()
            assert connection.waitForReadyRead(20_000)

    rig.negotiator.negotiated.connect(lambda connection: connection.readyRead.connect(wait))
    finish(rig, BEHIND)
    spin(lambda: len(told) == 2)
    settle()
    assert told == [len(BEHIND), len(BEHIND) + 4]


def test_a_slot_that_reads_between_answer_and_signal(makeRig: MakeRig) -> None:
    """Reading goes on when the connection is told, and not when a slot has made room that nobody needs."""
    rig = makeRig("socks5")
    paused: list[bool] = []

    def impatient() -> None:  # runs after the negotiator's own slot
        if not paused:
            dataPath = rig.socket._dataPath
            assert rig.socket.read(0).isEmpty()
            dataPath.scheduler.runTasksOf(rig.socket, dataPath)  # as the methods that wait do
            paused.append(dataPath.readingPaused)

    asked(rig)
    rig.socket.readyRead.connect(impatient)
    rig.say(BOUND)
    connection = rig.connection()
    assert paused == [True]
    rig.say(BEHIND)
    spin(lambda: connection.bytesAvailable() == len(BEHIND))


def test_much_behind_the_answer(makeRig: MakeRig) -> None:
    """It waits outside until somebody reads."""
    rig = makeRig("socks5")
    size = 8 << 20
    waiting: list[int] = []
    heard = bytearray()

    def go(connection: SslSocket) -> None:
        waiting.append(connection.bytesAvailable())
        connection.readyRead.connect(lambda: heard.extend(connection.readBytes()))

    rig.negotiator.negotiated.connect(go)
    finish(rig, bytes(size))
    spin(lambda: len(heard) == size)
    assert waiting[0] <= 1 << 20


def test_tls_begins_in_the_slot(makeRig: MakeRig, qtsecure_pki: PublicKeyInfrastructure) -> None:
    """The same connection; the name to prove is that of the destination, unless another was set."""
    target = TlsEchoServer(qtsecure_pki.server)
    rig = makeRig("socks5", "localhost", port=target.serverPort())
    rig.socket.setSslConfiguration(SslConfiguration.forClient([qtsecure_pki.ca.certificate]))
    rig.negotiator.negotiated.connect(lambda connection: connection.startClientEncryption())
    behind = SslSocket()
    behind.connectToHost("127.0.0.1", target.serverPort())
    finish(rig)
    rig.proxy.readyRead.disconnect()
    rig.proxy.readyRead.connect(lambda: behind.write(rig.proxy.readAll()))
    behind.readyRead.connect(lambda: rig.proxy.write(behind.readAll()))
    behind.write(rig.proxy.readAll())
    spin(rig.socket.isEncrypted)
    assert rig.socket.peerName() == "localhost"
    assert rig.socket.peerVerifyName() == ""
    exchange(rig.socket, b"inside" * 1000)


def test_a_name_that_was_set_stays(makeRig: MakeRig) -> None:
    """For example the domain of a service."""
    rig = makeRig("socks5")
    rig.socket.setPeerVerifyName("service.example")
    finish(rig)
    assert rig.connection().peerVerifyName() == "service.example"


def test_no_plaintext_crosses_the_border(makeRig: MakeRig) -> None:
    """What came behind the answer is never handed out as if it had come through TLS."""
    rig = makeRig("socks5")
    rig.negotiator.negotiated.connect(lambda connection: connection.startClientEncryption())
    finish(rig, b"250 injected\r\n")
    spin(lambda: rig.socket.state() == State.UnconnectedState)
    assert "inject" in rig.socket.errorString()
    assert rig.socket.readBytes() == b""


def test_nothing_is_announced_where_tls_has_to_come_first(makeRig: MakeRig) -> None:
    """Not even in an event loop before it begins."""
    rig = makeRig("socks5")
    announced: list[bytes] = []

    def go(connection: SslSocket) -> None:
        connection._dataPath.awaitsTls = True
        connection._dataPath.review()
        connection.readyRead.connect(lambda: announced.append(connection.readBytes()))
        settle()
        connection.startClientEncryption()

    rig.negotiator.negotiated.connect(go)
    finish(rig, b"250 injected\r\n")
    spin(lambda: rig.outcomes != [] and rig.socket.state() == State.UnconnectedState)
    assert announced == []
    assert "inject" in rig.socket.errorString()


# ------------------------------------------------------------------------------- slots


@pytest.mark.parametrize("what", ["negotiator", "socket", "both"])
@pytest.mark.parametrize("outcome", ["negotiated", "failed"])
def test_deleting_in_the_slot(makeRig: MakeRig, what: str, outcome: str) -> None:
    """Everything may go."""
    rig = makeRig("socks5")
    gone: list[str] = []

    def delete(_: object) -> None:
        for name in ("negotiator", "socket"):
            if what in (name, "both"):
                getattr(rig, name).deleteLater()
        deleteEverything()
        gone.append(what)

    getattr(rig.negotiator, outcome).connect(delete)
    asked(rig)
    rig.say((BOUND if outcome == "negotiated" else b"\5\1\0\1" + bytes(6)) + BEHIND)
    spin(lambda: gone != [])
    settle()
    assert isValid(rig.socket) == (what == "negotiator")
    assert isValid(rig.negotiator) == (what == "socket")


def test_an_event_loop_in_the_slot(makeRig: MakeRig) -> None:
    """The connection lives in it."""
    rig = makeRig("socks5")
    heard: list[bytes] = []

    def go(connection: SslSocket) -> None:
        loop = QEventLoop()
        QTimer.singleShot(20_000, loop, loop.quit)

        def read() -> None:
            heard.append(connection.readBytes())
            if len(heard) == 1:
                rig.say(b"more")
            else:
                loop.quit()

        connection.readyRead.connect(read)
        loop.exec()

    rig.negotiator.negotiated.connect(go)
    finish(rig, BEHIND)
    spin(lambda: len(heard) == 2)
    settle()
    assert heard == [BEHIND, b"more"]


def test_waiting_in_the_slot(makeRig: MakeRig) -> None:
    """Without an event loop."""
    rig = makeRig("socks5")
    heard: list[bytes] = []

    def go(connection: SslSocket) -> None:
        heard.append(connection.readBytes())
        rig.say(b"more")
        rig.proxy.flush()
        assert connection.waitForReadyRead(20_000)
        heard.append(connection.readBytes())

    rig.negotiator.negotiated.connect(go)
    finish(rig, BEHIND)
    spin(lambda: len(heard) == 2)
    assert heard == [BEHIND, b"more"]


def test_a_proxy_behind_a_proxy(makeRig: MakeRig) -> None:
    """The next negotiation begins in the slot, with what has already come for it."""
    rig = makeRig("socks5")
    outcomes: list[object] = []
    second: list[ProxyNegotiator] = []

    def go(connection: SslSocket) -> None:
        address = ProxyAddress("http://second.example:80", "192.0.2.1", "mail.example", 993)
        second.append(ProxyNegotiator(connection, address))
        second[0].negotiated.connect(outcomes.append)
        second[0].failed.connect(outcomes.append)
        second[0].start()

    rig.negotiator.negotiated.connect(go)
    finish(rig)
    assert rig.hearHeader().startswith(b"CONNECT mail.example:993 ")
    rig.say(b"HTTP/1.1 200 OK\r\n\r\n" + BEHIND)
    spin(lambda: outcomes != [])
    assert outcomes == [rig.socket]
    assert rig.socket.readBytes() == BEHIND


def test_aborting_in_the_slots_of_the_connection(makeRig: MakeRig) -> None:
    """A failure aborts the connection; whoever hears of that may end the negotiator before it says so."""
    rig = makeRig("socks5")
    rig.socket.disconnected.connect(rig.negotiator.abort)
    asked(rig)
    rig.say(b"\5\1\0\1" + bytes(6))
    spin(lambda: rig.socket.state() == State.UnconnectedState)
    settle()
    assert rig.outcomes == []
