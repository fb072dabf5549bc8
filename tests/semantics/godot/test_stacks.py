"""Item 45: other DTLS stacks, through the methods that follow Godot. More of them in tests/interop."""

from __future__ import annotations

import shutil
import socket as native
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from qtsecure.testing.pki import PublicKeyInfrastructure
from tests.interop.foreign.gnutls_program import gnutlsClient, gnutlsListening
from tests.interop.foreign.openssl_program import opensslClient, opensslPort, opensslServer
from tests.interop.programs import waitFor
from tests.net.conversation import spin
from tests.semantics.godot.support import Pair, Result, Status

TIMEOUT_S = 60


def need(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"There is no {program} in PATH.")


def exchange(pair: Pair, port: int) -> None:
    """Say hello to an echoing server by polling alone."""
    assert pair.client.connectToPeer(pair.udp(port), "localhost", pair.options) is Result.Ok
    pollUntil(pair, lambda: pair.client.status() is not Status.Handshaking)
    assert pair.client.status() is Status.Connected, pair.client.errorString()
    pair.client.putPacket(b"hello\n")


def pollUntil(pair: Pair, done: object) -> None:
    """Work without an event loop, as a game does once per frame."""
    assert callable(done)
    frame = threading.Event()  # never set: a wait is a frame
    for _ in range(TIMEOUT_S * 100):
        pair.client.poll()
        pair.server.poll()
        if done():
            return
        frame.wait(0.01)
    raise AssertionError("nothing came of it in time")


def test_godot_45_client_with_openssl(pair: Pair) -> None:
    need("openssl")
    with opensslServer(pair.pki.server) as program:
        exchange(pair, opensslPort(program))
        pollUntil(pair, lambda: program.says("hello"))
        program.write(b"back\n")
        pollUntil(pair, lambda: pair.client.availablePacketCount() > 0)
        assert pair.client.getPacket() == b"back\n"


def test_godot_45_client_with_gnutls(pair: Pair) -> None:
    need("gnutls-serv")
    program, port = gnutlsListening(pair.pki.server)
    try:
        exchange(pair, port)
        pollUntil(pair, lambda: pair.client.availablePacketCount() > 0)
        assert pair.client.getPacket() == b"hello\n"
    finally:
        program.stop()


@pytest.mark.parametrize("name", ["openssl", "gnutls-cli"])
def test_godot_45_server_with_programs(pair: Pair, name: str) -> None:
    need(name)
    port = pair.listen()
    trust = pair.pki.ca.certificate
    with (opensslClient if name == "openssl" else gnutlsClient)(port, trust=trust) as program:
        program.write(b"hello\n")
        pollUntil(pair, pair.server.hasPendingConnections)
        peer = pair.server.nextPendingConnection()
        assert peer is not None
        pollUntil(pair, lambda: peer.availablePacketCount() > 0)
        assert peer.getPacket() == b"hello\n"
        peer.putPacket(b"welcome\n")
        pollUntil(pair, lambda: program.says("welcome"))


# ------------------------------------------------------------------- Mbed TLS, which Godot uses


def mbedtls() -> object:
    return pytest.importorskip("mbedtls", reason="python-mbedtls is not installed")


@contextmanager
def inThread(work: object) -> Iterator[None]:
    """Run a foreign peer, which blocks, beside the event loop; its failures are ours."""
    assert callable(work)
    failures: list[Exception] = []

    def run() -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - raised again below
            failures.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    yield
    thread.join(TIMEOUT_S)
    assert not thread.is_alive()
    assert failures == []


def test_godot_45_server_with_mbedtls(pair: Pair) -> None:
    """Their client."""
    mbedtls()
    from mbedtls import tls, x509

    port = pair.listen()
    pair.server.pendingConnectionAvailable.connect(lambda: echo(pair))
    store = tls.TrustStore()
    store.add(x509.CRT.from_PEM(pair.pki.ca.certificatePem().decode()))
    configuration = tls.DTLSConfiguration(trust_store=store, validate_certificates=True)
    answers: list[bytes] = []

    def work() -> None:
        with native.socket(native.AF_INET, native.SOCK_DGRAM) as plain:
            plain.settimeout(TIMEOUT_S)
            plain.connect(("127.0.0.1", port))
            wrapped = tls.ClientContext(configuration).wrap_socket(plain, server_hostname="localhost")
            wrapped.do_handshake()
            wrapped.send(b"hello")
            answers.append(wrapped.recv(100))

    with inThread(work):
        waitFor(lambda: bool(answers), "an answer")  # whose thread does not wake an event loop
    assert answers == [b"hello"]


def echo(pair: Pair) -> None:
    peer = pair.server.nextPendingConnection()
    assert peer is not None
    peer.datagramReceived.connect(peer.putPacket)


def test_godot_45_client_with_mbedtls(pair: Pair, qtsecure_pki: PublicKeyInfrastructure) -> None:
    """Their server, which takes one client after the cookie exchange."""
    mbedtls()
    from mbedtls import pk, tls, x509

    identity = qtsecure_pki.server
    pem = identity.privateKey.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    chain = ((x509.CRT.from_PEM(identity.certificatePem().decode()),), pk.ECC.from_buffer(pem.encode()))
    configuration = tls.DTLSConfiguration(certificate_chain=chain, validate_certificates=False)
    with native.socket(native.AF_INET, native.SOCK_DGRAM) as plain:
        plain.bind(("127.0.0.1", 0))
        plain.settimeout(TIMEOUT_S)
        with inThread(lambda: serveOnce(plain, tls.ServerContext(configuration))):
            transport = pair.udp(plain.getsockname()[1])
            assert pair.client.connectToPeer(transport, "localhost", pair.options) is Result.Ok
            spin(pair.client.isEncrypted, TIMEOUT_S * 1000)
            pair.client.putPacket(b"hello")
            spin(lambda: pair.client.availablePacketCount() > 0, TIMEOUT_S * 1000)
    assert pair.client.getPacket() == b"hello"


def serveOnce(plain: native.socket, context: Any) -> None:
    """Answer one message. Its own wrapped sockets leave descriptors behind, so only its buffers are used."""
    from mbedtls import tls

    def flush() -> None:
        outgoing = buffer.peek_outgoing(65536)
        if outgoing:
            plain.sendto(outgoing, address)
            buffer.consume_outgoing(len(outgoing))

    buffer = context.wrap_buffers()
    while True:
        datagram, address = plain.recvfrom(65536)
        buffer.setcookieparam(repr(address).encode())
        buffer.receive_from_network(datagram)
        if buffer._handshake_state is tls.HandshakeStep.HANDSHAKE_OVER:
            try:
                buffer.write(buffer.read(100))
            except tls.WantReadError:  # a busy client has repeated the end of its handshake
                flush()
                continue
            flush()
            return
        while buffer._handshake_state is not tls.HandshakeStep.HANDSHAKE_OVER:
            try:
                buffer.do_handshake()
            except tls.WantReadError:
                break
            except tls.WantWriteError:
                flush()
            except tls.HelloVerifyRequest:
                flush()
                buffer = context.wrap_buffers()
                break
        flush()
