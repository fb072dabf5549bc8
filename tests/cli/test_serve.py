"""``qtsecure serve`` with clients that are not ours."""

from __future__ import annotations

import os
import signal
import socket
import ssl
from pathlib import Path

import pytest

from qtsecure.testing.peers import HTTP_REQUEST, PythonTlsClient, RawClient


def test_ready(serving, files) -> None:
    """The first line tells the port, also to programs."""
    with serving(*files.server) as server:
        assert server.first == f"READY {server.port}\n"
    with serving(*files.server, "--json") as server:
        assert server.first == f'{{"event": "ready", "port": {server.port}}}\n'


def test_echo_and_count(serving, files) -> None:
    """Returns what it receives, and ends after so many connections."""
    with serving(*files.server, "--echo", "--count", 2) as server:
        for text in (b"first", b"second\n"):
            with PythonTlsClient(server.port, caCertificates=[files.pki.ca.certificate]) as client:
                client.send(text)
                assert client.waitForReceived(len(text)) == text
                client.close()
                client.waitForEnding()
        done = server.finished()
    assert (done.code, done.err) == (0, "")
    assert done.out.count("closed(peer=127.0.0.1:") == 2
    assert done.out.count("clean=True") == 2
    echoed = [line for line in done.out.splitlines() if line.startswith("echoed(peer=127.0.0.1:")]
    assert [line.partition(", ")[2] for line in echoed] == ["bytes=5)", "bytes=7)"]


def test_large_echo(serving, files) -> None:
    """More than the server is willing to buffer comes back whole."""
    data = os.urandom(2_000_000)
    with serving(*files.server, "--echo", "--count", 1) as server:
        with PythonTlsClient(server.port, caCertificates=[files.pki.ca.certificate], timeout=30) as client:
            client.send(data)
            assert client.waitForReceived(len(data), 20_000) == data
            client.close()
        assert server.finished().code == 0


def test_prints_messages(serving, files) -> None:
    """Without --echo every line is an event."""
    with serving(*files.server, "--count", 1, "--json") as server:
        with PythonTlsClient(server.port, caCertificates=[files.pki.ca.certificate], alpn=["h2"]) as client:
            client.send("eins\nzwei ü\n".encode())
            client.close()
            client.waitForEnding()
        done = server.finished()
    assert done.code == 0
    assert [event["text"] for event in done.of("message")] == ["eins", "zwei ü"]
    assert {event["peer"] for event in done.events()[2:] if "peer" in event} == {done.of("encrypted")[0]["peer"]}
    names = done.names()
    order = ["ready", "newConnection", "startedEncryptionHandshake", "encrypted", "pendingConnectionAvailable"]
    order += ["message", "alertReceived", "disconnected", "closed"]
    assert sorted(order, key=names.index) == order
    assert done.of("closed")[0]["clean"] is True
    assert done.of("encrypted")[0]["protocol"] == "TlsV1_3"


@pytest.mark.parametrize("dtls", [[], ["--dtls"]])
def test_programs_are_told_of_messages_that_are_returned(run, serving, files, dtls: list[str]) -> None:
    """--echo --json: the same events as without --echo."""
    with serving(*files.server, *dtls, "--echo", "--count", 1, "--json") as server:
        target = f"localhost:{server.port}"
        done = run("connect", *dtls, target, *files.trust, "--message", "eins", "--message", "zwei ü", "--expect-echo")
        ended = server.finished()
    assert done.code == 0
    assert [event["text"] for event in ended.of("message")] == ["eins", "zwei ü"]
    assert {event["peer"] for event in ended.of("message")} == {ended.of("encrypted")[0]["peer"]}


def test_alpn(serving, files) -> None:
    """The client's first choice that the server knows."""
    with serving(*files.server, "--alpn", "http/1.1,h2", "--count", 1, "--json") as server:
        with PythonTlsClient(server.port, caCertificates=[files.pki.ca.certificate], alpn=["h2"]) as client:
            client.waitForConnection()
            client.close()
        assert server.finished().of("encrypted")[0]["alpn"] == "h2"


def test_plain_http(serving, files) -> None:
    """One clear line; the server goes on, and the failure is no finished connection."""
    with serving(*files.server, "--echo", "--count", 1, "--json") as server:
        with RawClient(server.port, HTTP_REQUEST) as client:
            client.waitForEnding()
        with PythonTlsClient(server.port, caCertificates=[files.pki.ca.certificate]) as client:
            client.send(b"x")
            client.waitForReceived(1)
            client.close()
        done = server.finished()
    assert done.code == 0
    assert "plain HTTP request" in done.sentence()
    assert done.of("errorOccurred")[0]["error"] == "SslHandshakeFailedError"
    assert done.of("echoed") == []  # what programs get is all signals, and these lines are for people


def test_client_certificates(serving, files) -> None:
    """Required: refused without one, let in with one."""
    words = (*files.server, *files.trust, "--require-client-cert", "--count", 1, "--json")
    with serving(*words) as server:
        with PythonTlsClient(server.port, caCertificates=[files.pki.ca.certificate]) as client:
            client.waitForError()
            client.takeErrors()
        with PythonTlsClient(server.port, certificate=files.pki.clientUnknownCa) as client:
            client.waitForError()
            client.takeErrors()
        with PythonTlsClient(server.port, certificate=files.pki.client) as client:
            client.send(b"let me in\n")
            client.close()
            client.waitForEnding()
        done = server.finished()
    assert done.code == 0
    assert [event["text"] for event in done.of("message")] == ["let me in"]
    first, second = done.err.splitlines()
    assert "no certificate although one is required" in first
    assert "unknown authority" in second
    assert len(done.of("encrypted")) == 1


def test_optional_client_certificates(serving, files) -> None:
    """With --ca alone they are asked for and judged, and everybody is let in."""
    with serving(*files.server, *files.trust, "--count", 2, "--json") as server:
        for certificate in (None, files.pki.clientUnknownCa):
            with PythonTlsClient(server.port, certificate=certificate) as client:
                client.send(b"x\n")
                client.close()
                client.waitForEnding()
        done = server.finished()
    assert done.code == 0
    assert len(done.of("sslErrors")) == 1
    assert len(done.of("encrypted")) == 2


def test_idle_timeout(serving, files) -> None:
    """Ends with 0 when nothing happens."""
    with serving(*files.server, "--idle-timeout", 200) as server:
        assert server.finished().code == 0


@pytest.mark.parametrize("dtls", [[], ["--dtls"]])
def test_closed_is_the_end_of_a_connection(serving, files, dtls: list[str]) -> None:
    """Programs count them and ask whether they were clean: the end of the server itself is no such event."""
    with serving(*files.server, *dtls, "--idle-timeout", 200, "--json") as server:
        assert server.finished().names() == ["ready"]


def test_a_goodbye_of_the_server_is_clean(serving, files) -> None:
    """As on a client that says goodbye first: the connection was complete."""
    with serving(*files.server, "--echo", "--json") as server:
        with PythonTlsClient(server.port, caCertificates=[files.pki.ca.certificate]) as client:
            client.send(b"x")
            client.waitForReceived(1)
            server.interrupt()
            assert client.waitForEnding().ending == "closeNotify"
        done = server.finished()
    assert [event["clean"] for event in done.of("closed")] == [True]


@pytest.mark.skipif(os.name != "posix", reason="Windows sends other signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(serving, files, number: int) -> None:
    """That is how servers end: exit code 0, nothing on stderr."""
    with serving(*files.server) as server:
        server.process.send_signal(number)
        done = server.finished()
    assert (done.code, done.err) == (0, "")


def test_busy_port(in_process, qapp, files) -> None:
    """Exit code 4."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = in_process("serve", *files.server, "--port", listener.getsockname()[1], "--json")
    assert done.code == 4
    assert "in use" in done.sentence()
    assert done.of("error")[0]["code"] == "AddressInUseError"


def test_foreign_address(in_process, qapp, files) -> None:
    """An address of another computer: exit code 4."""
    done = in_process("serve", *files.server, "--host", "192.0.2.1")
    assert done.code == 4
    assert "does not belong to this machine" in done.sentence()


@pytest.mark.parametrize("host", ["localhost", "::1", "[::1]"])
def test_hosts(serving, files, host: str) -> None:
    """Names for this computer."""
    with serving(*files.server, "--host", host, "--echo", "--count", 1) as server:
        address = "127.0.0.1" if host == "localhost" else "::1"
        with PythonTlsClient(server.port, host=address, caCertificates=[files.pki.ca.certificate]) as client:
            client.send(b"x")
            client.waitForReceived(1)
            client.close()
        assert server.finished().code == 0


@pytest.mark.parametrize(
    ("option", "content", "words"),
    [
        ("--cert", None, "cannot be read"),
        ("--cert", b"", "is empty"),
        ("--cert", b"garbage", "no certificate that can be read"),
        ("--key", None, "cannot be read"),
        ("--key", b"", "is empty"),
        ("--key", b"garbage", "no private key that can be read"),
        ("--ca", None, "cannot be read"),
        ("--ca", b"", "is empty"),
        ("--ca", b"garbage", "no certificate that can be read"),
    ],
)
def test_unusable_files(in_process, files, tmp_path: Path, option: str, content: bytes | None, words: str) -> None:
    """Exit code 2, and the name of the file."""
    path = tmp_path / "unusable.pem"
    if content is not None:
        path.write_bytes(content)
    options = {"--cert": files.cert, "--key": files.key, "--ca": files.ca} | {option: path}
    done = in_process("serve", *(word for pair in options.items() for word in pair))
    assert done.code == 2
    assert "unusable.pem" in done.sentence()
    assert words in done.sentence()


def test_directory(in_process, files, tmp_path: Path) -> None:
    """A directory is no certificate."""
    done = in_process("serve", "--cert", tmp_path, "--key", files.key)
    assert done.code == 2
    assert "cannot be read" in done.sentence()


def test_encrypted_key(in_process, files) -> None:
    """No question for a passphrase, but how to get rid of it."""
    done = in_process("serve", "--cert", files.cert, "--key", files.encryptedKey)
    assert done.code == 2
    assert "openssl pkey -in" in done.sentence()


def test_mismatched_key(in_process, files) -> None:
    """The key of another certificate."""
    done = in_process("serve", "--cert", files.cert, "--key", files.clientKey)
    assert done.code == 2
    assert "does not belong" in done.sentence()


def test_one_identity_with_two_keys(in_process) -> None:
    """Nobody could tell which of them counts."""
    done = in_process("serve", "--psk", "sensor:00", "--psk", "sensor:01")
    assert done.code == 2
    assert "same identity" in done.sentence()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_abrupt_client(serving, files, version: ssl.TLSVersion) -> None:
    """A client that vanishes is a finished connection, but no clean one."""
    with serving(*files.server, "--count", 1, "--json") as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.maximum_version = version
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as plain:
            wrapped = context.wrap_socket(plain)
            wrapped.sendall(b"x\n")
            wrapped.close()
        done = server.finished()
    assert done.code == 0
    assert done.of("closed")[0]["clean"] is False
