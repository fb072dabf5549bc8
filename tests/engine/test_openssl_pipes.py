"""The two pipes to OpenSSL do the same, share nothing between threads, and lose no error."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import pytest
from cryptography.hazmat.bindings.openssl.binding import Binding

import qtsecure
from qtsecure.engine import _openssl, _openssl_pipes
from qtsecure.engine._openssl_pipes import Outcome, PublicPipe, RawPipe, buffers_of_this_thread, make_pipe
from qtsecure.engine.configuration import VerifyMode
from qtsecure.engine.contexts import context_for
from qtsecure.engine.states import StreamState
from qtsecure.engine.tls_stream import TlsStream
from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.engine.support import (
    VERSIONS,
    Pair,
    Recorder,
    Version,
    client_configuration,
    credentials,
    der_chain,
    server_configuration,
)

ROOT = Path(qtsecure.__file__).parents[1]
CHUNK = 65536


class QuietHooks:
    """A connection that nobody asks anything."""

    raised: BaseException | None = None

    def verify(self, ok: bool, code: int, depth: int, store: object) -> int:
        return 0

    def alert(self, sent: bool, level: int, description: int) -> None:
        return None

    def handshake_message(self) -> None:
        return None

    def psk_to_offer(self) -> None:
        return None

    def psk_for_server(self, hint: bytes) -> None:
        return None

    def psk_for_client(self, identity: bytes) -> None:
        return None

    def server_name_fits(self, name: bytes | None) -> bool:
        return True

    def certificate_requested(self) -> bool:
        return True

    def message_traced(self, sent: bool, kind: int, size: int) -> None:
        return None

    def select_protocol(self, offered: tuple[bytes, ...]) -> None:
        return None


class PipePair:
    """Two pipes after their handshake."""

    def __init__(self, pki: PublicKeyInfrastructure) -> None:
        # Hooks are only weakly known to the callbacks, so somebody has to hold them.
        self.hooks = QuietHooks(), QuietHooks()
        client = context_for(client_configuration((), verify_mode=VerifyMode.NONE), server=False)
        server = context_for(server_configuration(pki.server), server=True)
        self.client = make_pipe(client, server=False, hooks=self.hooks[0])
        self.server = make_pipe(server, server=True, hooks=self.hooks[1])
        done = Outcome.WANT_READ
        while done is not Outcome.DONE:
            self.client.handshake()
            self.server.feed(bytes(self.client.take()))
            done = self.server.handshake()
            self.client.feed(bytes(self.server.take()))
        assert self.client.read(10) == b""


@pytest.fixture
def pipes(pki: PublicKeyInfrastructure, engine_path: str) -> PipePair:
    """Two connected pipes of either kind."""
    pair = PipePair(pki)
    assert type(pair.client) is (RawPipe if engine_path == "raw" else PublicPipe)
    return pair


def test_reading_and_writing(pipes: PipePair) -> None:
    """What is written is taken, fed and read; the outcome tells why a read stopped."""
    assert pipes.client.write(b"hello") is Outcome.DONE
    wire = bytes(pipes.client.take())
    assert wire[:3] == b"\x17\x03\x03"
    assert not bytes(pipes.client.take())
    pipes.server.feed(wire)
    assert (pipes.server.read(3), pipes.server.outcome) == (b"hel", Outcome.DONE)
    assert (pipes.server.read(3), pipes.server.outcome) == (b"lo", Outcome.WANT_READ)
    assert (pipes.server.read(3), pipes.server.outcome) == (b"", Outcome.WANT_READ)


def test_partial_records(pipes: PipePair) -> None:
    """A record is delivered when it is whole, and the outcome is honest about the rest."""
    pipes.client.write(b"hello")
    wire = bytes(pipes.client.take())
    for byte in wire[:-1]:
        pipes.server.feed(bytes((byte,)))
        assert (pipes.server.read(10), pipes.server.outcome) == (b"", Outcome.WANT_READ)
    pipes.server.feed(wire[-1:])
    assert pipes.server.read(10) == b"hello"


@pytest.mark.parametrize("size", [1, CHUNK - 1, CHUNK, CHUNK + 1, 10 * CHUNK])
def test_any_amount(pipes: PipePair, size: int) -> None:
    """Chunking is invisible."""
    data = os.urandom(1024) * (size // 1024 + 1)
    data = data[:size]
    assert pipes.client.write(data) is Outcome.DONE
    wire = b""
    while part := bytes(pipes.client.take()):
        wire += part
    pipes.server.feed(memoryview(wire))
    received = b""
    while part := pipes.server.read(1 << 20):
        received += part
    assert received == data


@pytest.mark.parametrize("limit", [4, 5, 6])
def test_landed_records(pipes: PipePair, limit: int) -> None:
    """One whole record, several, and a limit below, at and above its size: nothing is lost or invented."""
    landing = buffers_of_this_thread().landing_view
    for texts in ([b"first"], [b"one..", b"two.."], [b"x" * 5] * 7):
        for text in texts:
            pipes.client.write(text)
        wire = bytes(pipes.client.take())
        landing[: len(wire)] = wire
        pipes.server.feed_landed(len(wire))
        received = b""
        while part := pipes.server.read(limit):
            received += part
        assert received == b"".join(texts)
        assert pipes.server.outcome is Outcome.WANT_READ


def test_close_notify_and_damage(pipes: PipePair) -> None:
    """Both ends of a connection have an outcome of their own, and the first reasons stay."""
    pipes.client.connection.shutdown()
    pipes.server.feed(bytes(pipes.client.take()))
    assert (pipes.server.read(10), pipes.server.outcome) == (b"", Outcome.CLOSE_NOTIFY)
    pipes.client.feed(b"\x17\x03\x03\x00\x20" + bytes(32))
    assert (pipes.client.read(10), pipes.client.outcome) == (b"", Outcome.FAILED)
    reasons = pipes.client.reasons
    assert "decryption failed or bad record mac" in reasons
    assert (pipes.client.read(10), pipes.client.outcome) == (b"", Outcome.FAILED)
    assert pipes.client.reasons == reasons


def test_failed_handshake(pki: PublicKeyInfrastructure, engine_path: str) -> None:
    """The reasons are OpenSSL's own words."""
    hooks = QuietHooks()
    pipe = make_pipe(context_for(server_configuration(pki.server), server=True), server=True, hooks=hooks)
    pipe.feed(b"\x16\x03\x01\x00\x04\x01\x00\x00\x00")
    assert pipe.handshake() is Outcome.FAILED
    assert pipe.reasons


def test_facts(pipes: PipePair, pki: PublicKeyInfrastructure) -> None:
    """What pyOpenSSL does not offer."""
    assert pipes.client.peer_certificates() == der_chain(pki.server.chain)
    assert pipes.server.peer_certificates() == ()
    assert pipes.client.group_name() == pipes.server.group_name() != ""
    assert not pipes.client.session_reused()


def test_the_switch(pki: PublicKeyInfrastructure, engine_path: str) -> None:
    """It concerns connections made from now on; old ones go on as they are."""
    pair = PipePair(pki)
    before = _openssl_pipes._raw_path_wanted
    _openssl_pipes.use_raw_path(not before)
    try:
        other = PipePair(pki)
    finally:
        _openssl_pipes.use_raw_path(before)
    assert type(pair.client) is not type(other.client)
    for pipes in (pair, other):
        pipes.client.write(b"x")
        pipes.server.feed(bytes(pipes.client.take()))
        assert pipes.server.read(1) == b"x"


@pytest.mark.parametrize(("value", "kind"), [("0", "PublicPipe"), ("1", "RawPipe"), ("", "RawPipe")])
def test_the_switch_in_the_environment(value: str, kind: str) -> None:
    """QTSECURE_RAW_PATH=0 turns direct calls off for a whole process."""
    script = (
        "from qtsecure.engine.configuration import TlsConfiguration\n"
        "from qtsecure.engine.tls_stream import TlsStream\n"
        "stream = TlsStream(TlsConfiguration(), server=False, peer_name='localhost')\n"
        "stream.start()\n"
        "print(type(stream._pipe).__name__)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "QTSECURE_RAW_PATH": value, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert result.stdout.strip() == kind


def test_the_engine_needs_no_qt() -> None:
    """Importing and using the engine loads no Qt."""
    script = (
        "import sys\n"
        "from qtsecure.engine import tls_stream\n"
        "print([name for name in sys.modules if name.startswith(('PySide6', 'shiboken6'))])\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=120, check=True
    )
    assert result.stdout.strip() == "[]"


# ------------------------------------------------------------------------------- errors and queues


def leave_an_error_behind() -> None:
    """Do what careless code does: let a call into OpenSSL fail and leave its error in the thread's queue."""
    binding = Binding()
    bio = binding.lib.BIO_new_mem_buf(b"no PEM", 6)
    assert binding.lib.PEM_read_bio_X509(bio, binding.ffi.NULL, binding.ffi.NULL, binding.ffi.NULL) == binding.ffi.NULL
    binding.lib.BIO_free(bio)
    assert binding.lib.ERR_peek_error() != 0


@pytest.mark.parametrize("version", VERSIONS)
def test_errors_of_others_do_not_break_a_handshake(pki: PublicKeyInfrastructure, version: Version) -> None:
    """The error queue belongs to the thread, not to the connection."""
    pair = Pair(client_configuration([pki.ca.certificate], version), server_configuration(pki.server, version)).start()
    for _ in range(4):
        for source, target in ((pair.client, pair.server), (pair.server, pair.client)):
            data = source.take()
            leave_an_error_behind()
            target.stream.receive(data)
            target.settle()
    assert pair.client.completed
    assert pair.server.completed
    Binding().lib.ERR_clear_error()


@pytest.mark.parametrize("version", VERSIONS)
def test_errors_of_others_do_not_break_a_connection(
    pki: PublicKeyInfrastructure, engine_path: str, version: Version
) -> None:
    """Nor do they when data is read and written."""
    pair = Pair(client_configuration([pki.ca.certificate], version), server_configuration(pki.server, version))
    pair.established()
    for number in range(3):
        text = b"%d" % number
        leave_an_error_behind()
        pair.client.stream.write(text)
        leave_an_error_behind()
        pair.server.stream.receive(pair.client.take())
        leave_an_error_behind()
        assert pair.server.drain() == text
        leave_an_error_behind()
        assert pair.server.drain() == b""
        assert pair.server.failure is None
    Binding().lib.ERR_clear_error()


@pytest.mark.parametrize("role", ["client", "server"])
@pytest.mark.parametrize("version", VERSIONS)
def test_accepted_errors_do_not_break_the_connection(
    pki: PublicKeyInfrastructure, engine_path: str, version: Version, role: str
) -> None:
    """What OpenSSL noted while it verified is gone when data is read."""
    client = client_configuration([pki.ca.certificate], version, credentials=credentials(pki.clientUnknownCa))
    server = server_configuration(
        pki.unknownCa if role == "client" else pki.server,
        version,
        clients=[pki.ca.certificate] if role == "server" else (),
    )
    pair = Pair(client, server, client_answer="accept", server_answer="accept").handshake()
    for side in pair.sides:
        assert side.stream.read(100) == b""
        assert side.stream.state is StreamState.ESTABLISHED
    assert pair.say(b"x") == b"x"
    assert Binding().lib.ERR_peek_error() == 0


@pytest.mark.parametrize("version", VERSIONS)
def test_a_broken_connection_does_not_break_its_neighbour(
    pki: PublicKeyInfrastructure, engine_path: str, version: Version
) -> None:
    """Failures of every kind in one connection, and reads on another in between."""
    good = Pair(client_configuration([pki.ca.certificate], version), server_configuration(pki.server, version))
    good.established()
    for damage in (b"\x17\x03\x03\x00\x20" + bytes(32), b"GET / HTTP/1.1\r\n\r\n", b"\x15\x03\x03\x00\x02\x02\x28"):
        bad = Pair(client_configuration([pki.ca.certificate], version), server_configuration(pki.server, version))
        bad.established()
        bad.server.stream.receive(damage)
        bad.server.drain()
        bad.server.stream.close()
        assert good.server.drain() == b""
        assert good.say(b"x") == b"x"
        handshake = Pair(client_configuration((), version), server_configuration(pki.server, version)).handshake()
        assert not handshake.client.completed
        assert good.say(b"y", from_server=True) == b"y"


# ------------------------------------------------------------------------------ threads and memory


def test_buffers_belong_to_their_thread() -> None:
    """Two threads never write into the same memory."""
    found = [buffers_of_this_thread(), buffers_of_this_thread()]
    assert found[0] is found[1]
    thread = threading.Thread(target=lambda: found.append(buffers_of_this_thread()))
    thread.start()
    thread.join()
    assert found[2] is not found[0]


def test_handshakes_in_many_threads(pki: PublicKeyInfrastructure, engine_path: str) -> None:
    """One context, many threads: every connection keeps to itself."""
    client, server = client_configuration([pki.ca.certificate]), server_configuration(pki.server)
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for _ in range(5):
                text = b"%d" % number * 1000
                assert Pair(client, server).established().say(text) == text
        except BaseException as error:  # noqa: BLE001 - brought to the thread of the test
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.parametrize("moment", ["new", "handshaking", "deciding", "established", "failed"])
def test_streams_are_freed(pki: PublicKeyInfrastructure, engine_path: str, moment: str) -> None:
    """No callback table keeps a stream alive, at whatever moment it is dropped, without the collector."""
    trust = [pki.otherCa.certificate if moment == "deciding" else pki.ca.certificate]
    pair = Pair(client_configuration(trust), server_configuration(pki.server), client_answer="wait")
    if moment == "handshaking":
        pair.start()
        pair.server.stream.receive(pair.client.take())
    elif moment != "new":
        pair.handshake()
    if moment == "failed":
        pair.client.stream.receive(b"garbage")
        pair.client.drain()
    known = [weakref.ref(side.stream) for side in pair.sides]
    pipes = [side.stream._pipe for side in pair.sides if side.stream._pipe is not None]
    registered = {pipe._address for pipe in pipes}
    assert len(registered) == len(pipes)
    assert registered <= _openssl._hooks.references.keys()
    gc.disable()
    try:
        del pair, pipes
        assert [reference() for reference in known] == [None, None]
        assert not registered & _openssl._hooks.references.keys()
    finally:
        gc.enable()


def test_addresses_are_reused_safely(pki: PublicKeyInfrastructure, engine_path: str) -> None:
    """A new connection at the address of a dead one gets its own answers, not those of the dead one."""
    server = server_configuration(None, "1.3", psk_enabled=True)
    client = client_configuration((), "1.3", verify_mode=VerifyMode.NONE, psk_enabled=True)
    for number in range(50):
        identity = b"client %d" % number
        mine, theirs = Recorder(client_key=(identity, b"k" * 16)), Recorder(server_keys={identity: b"k" * 16})
        pair = Pair(client, server, client_decisions=mine, server_decisions=theirs).established()
        assert set(theirs.of("psk_for_client")) == {identity}
        del pair


def test_stream_without_decisions_uses_the_safe_ones(pki: PublicKeyInfrastructure) -> None:
    """No key, no acceptance, no continuing."""
    stream = TlsStream(client_configuration([pki.ca.certificate], interrupt_on_error=True), server=False)
    assert stream._decisions.continue_after(None) is False  # type: ignore[arg-type]  # it does not look at the error
    assert stream._decisions.accept_now(()) is None
    assert stream._decisions.psk_for_server(b"") is None
    assert stream._decisions.psk_for_client(b"x") is None
