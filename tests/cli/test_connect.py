"""``qtsecure connect`` against servers that are not ours, and against ours where only it can do it."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from qtsecure.cli import connect
from qtsecure.testing.peers import (
    GarbageServer,
    PlainHttpServer,
    PythonTlsServer,
    ResettingServer,
    SilentServer,
    TruncatingServer,
)
from qtsecure.testing.peers._threads import resetConnection
from tests.cli.conftest import LONG_MS, SHORT_MS, LeavingServer
from tests.ports import closedPort


def test_messages(run, files) -> None:
    """Each is sent and its answer awaited; the end is clean."""
    with PythonTlsServer(files.pki.server) as server:
        done = run(
            "connect", f"localhost:{server.port}", *files.trust, "--message", "one", "--message", "zwö", "--expect-echo"
        )
        ending = server.waitForEnding().ending
    assert (done.code, done.err) == (0, "")
    assert "encrypted(protocol=TlsV1_3" in done.out
    assert "message(text=one)\nmessage(text=zwö)\n" in done.out
    assert done.out.endswith("closed(clean=True)\n")
    assert "stateChanged" not in done.out
    assert ending == "closeNotify"


def test_json(run, files) -> None:
    """One object for each event, every signal under its name."""
    with PythonTlsServer(files.pki.server, alpn=["h2"]) as server:
        done = run(
            "connect", f"127.0.0.1:{server.port}", *files.trust, "--alpn", "http/1.1,h2", "--message", "x", "--json"
        )
    assert done.code == 0
    (encrypted,) = done.of("encrypted")
    assert encrypted == {
        "event": "encrypted",
        "protocol": "TlsV1_3",
        "cipher": "TLS_AES_256_GCM_SHA384",
        "group": encrypted["group"],
        "alpn": "h2",
        "reused": False,
    }
    assert encrypted["group"]
    assert done.of("message") == [{"event": "message", "text": "x"}]
    assert done.of("closed") == [{"event": "closed", "clean": True}]
    assert {"event": "stateChanged", "state": "ConnectedState"} in done.events()
    names = done.names()
    order = ["stateChanged", "hostFound", "connected", "encrypted", "message", "alertSent", "disconnected", "closed"]
    assert sorted(order, key=names.index) == order


def test_wrong_answer(run, files) -> None:
    """Exit code 3, as soon as the answer differs; it is shown whole, however long the message was."""
    with PythonTlsServer(files.pki.server, greeting=b"something else\n") as server:
        done = run("connect", f"localhost:{server.port}", *files.trust, "--message", "one", "--expect-echo")
    assert "message(text='something else')" in done.out
    assert done.code == 3
    assert "differs" in done.sentence()


def test_any_answer(run, files) -> None:
    """Without --expect-echo any line is an answer."""
    with PythonTlsServer(files.pki.server, echo=False, greeting=b"welcome\n") as server:
        done = run("connect", f"localhost:{server.port}", *files.trust, "--message", "one")
    assert done.code == 0
    assert "message(text=welcome)" in done.out


def test_an_answer_without_end(in_process, qapp, files, monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that floods must not fill the memory until the time is up, or for ever without a limit."""
    monkeypatch.setattr(connect, "_LONGEST_ANSWER", 1000)
    with PythonTlsServer(files.pki.server, greeting=b"x" * 1001, echo=False) as server:
        done = in_process("connect", f"localhost:{server.port}", *files.trust, "--message", "x", "--timeout", 5000)
    assert done.code == 3
    assert "no end of a line" in done.sentence()


def test_no_answer(run, files) -> None:
    """Exit code 6."""
    with PythonTlsServer(files.pki.server, echo=False) as server:
        done = run("connect", f"localhost:{server.port}", *files.trust, "--message", "one", "--timeout", 300)
        server.takeErrors()
    assert done.code == 6
    assert "300 ms" in done.sentence()


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["text", "json"])
def test_stdin(run, files, options: list[str]) -> None:
    """stdin goes to the peer, its answers to stdout, and nothing else."""
    words = b"erste\nzweite\n"
    with LeavingServer(files.pki.server, len(words)) as server:
        done = run("connect", f"localhost:{server.port}", *files.trust, *options, stdin=words, patience=LONG_MS)
    assert (done.code, done.err) == (0, "")
    if options:
        assert [event["text"] for event in done.of("message")] == ["erste", "zweite"]
        assert done.of("closed") == [{"event": "closed", "clean": True}]
    else:
        assert done.out == "erste\nzweite\n"


def test_binary_file(start, files, tmp_path: Path) -> None:
    """A file as stdin arrives whole and unchanged; it is larger than everything that is buffered."""
    source = tmp_path / "source"
    source.write_bytes(os.urandom(3_000_000))
    with LeavingServer(files.pki.server, 3_000_000) as server, source.open("rb") as stdin:
        process = start("connect", f"localhost:{server.port}", *files.trust, stdin=stdin, patience=LONG_MS)
        out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, b"")
    assert out == source.read_bytes()


@pytest.mark.skipif(os.name != "posix", reason="sockets are no files on Windows")
@pytest.mark.parametrize("dtls", [[], ["--dtls"]], ids=["tls", "dtls"])
def test_stdin_that_breaks_off(start, serving, files, dtls: list[str]) -> None:
    """No goodbye: the peer must not take what it got for everything, nor a script the exit code for success."""
    with (
        serving(*dtls, *files.server, "--json") as server,
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as feeder,
        listener.accept()[0] as stdin,
    ):
        resetConnection(feeder)
        process = start("connect", *dtls, f"localhost:{server.port}", *files.trust, stdin=stdin.fileno())
        out, err = process.communicate(timeout=120)
        server.interrupt()
        done = server.finished()
    assert (process.returncode, out) == (2, b"")
    assert err == b"qtsecure connect: stdin cannot be read: Connection reset by peer.\n"
    assert "CloseNotify" not in [event["type"] for event in done.of("alertReceived")]


@pytest.mark.skipif(os.name != "posix", reason="a Windows console ends with other keys")
def test_terminal(start, files) -> None:
    """Lines come and go while the terminal is open; Ctrl+D ends it."""
    import pty

    ours, theirs = pty.openpty()
    try:
        with PythonTlsServer(files.pki.server) as server:
            process = start("connect", f"localhost:{server.port}", *files.trust, stdin=theirs, patience=SHORT_MS)
            assert process.stdout is not None
            for line in (b"one\n", b"two\n"):
                os.write(ours, line)
                assert process.stdout.readline() == line
            os.write(ours, b"\x04")
            out, err = process.communicate(timeout=120)
            assert (process.returncode, out, err) == (0, b"", b"")
            assert server.waitForEnding().ending == "closeNotify"
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.skipif(os.name != "posix", reason="descriptors are closed with the shell")
def test_closed_stdin(files) -> None:
    """A process without stdin is a process at its end: it says goodbye when the peer has been silent for a while."""
    with PythonTlsServer(files.pki.server) as server:
        words = [sys.executable, "-m", "qtsecure", "connect", f"localhost:{server.port}", *map(str, files.trust)]
        done = subprocess.run(
            ["sh", "-c", 'exec "$@" <&-', "sh", *words],
            capture_output=True,
            env=files.environment,
            timeout=120,
            check=False,
        )
        assert server.waitForEnding().ending == "closeNotify"
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.skipif(os.name != "posix", reason="Windows sends other signals")
def test_interrupted(start, files) -> None:
    """Ctrl+C says goodbye to the peer and leaves no traceback."""
    with PythonTlsServer(files.pki.server, greeting=b"hello\n") as server:
        process = start("connect", f"localhost:{server.port}", *files.trust, stdin=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"hello\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
        assert (process.returncode, err) == (130, b"")
        assert server.waitForEnding().ending == "closeNotify"


def test_reader_has_seen_enough(start, files) -> None:
    """Like ``qtsecure connect ... | head -1``: no traceback."""
    with PythonTlsServer(files.pki.server, greeting=b"hello\n") as server:
        process = start("connect", f"localhost:{server.port}", *files.trust, stdin=subprocess.PIPE)
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"hello\n"
        process.stdout.close()
        process.stdin.write(b"more\n")
        process.stdin.flush()
        assert process.wait(timeout=120) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""
        process.stdin.close()
        process.stderr.close()
        server.takeErrors()


def test_peer_leaves(start, serving, files) -> None:
    """The peer's clean end is ours."""
    with serving(*files.server, "--echo") as server:
        process = start("connect", f"localhost:{server.port}", *files.trust, "--json", stdin=subprocess.PIPE)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"hello\n")
        process.stdin.flush()
        while json.loads(process.stdout.readline())["event"] != "message":
            pass
        server.interrupt()
        assert process.wait(timeout=120) == 0
        out, err = process.communicate(timeout=120)
        assert json.loads(out.splitlines()[-1]) == {"event": "closed", "clean": True}
        assert err == b""
        assert server.finished().code == 0


def test_untrusted(run, files) -> None:
    """Exit code 5, and the reason."""
    with PythonTlsServer(files.pki.unknownCa) as server:
        done = run("connect", f"localhost:{server.port}", *files.trust, "--message", "x", "--json")
        server.waitForError()
        server.takeErrors()
    assert done.code == 5
    assert "unknown authority" in done.sentence()
    assert "UnableToGetLocalIssuerCertificate" in done.of("sslErrors")[0]["codes"]
    assert done.of("alertSent")[0]["type"] == "UnknownCa"
    assert done.of("error")[0]["code"] == "SslHandshakeFailedError"


def test_insecure(run, files) -> None:
    """Reports the errors and goes on."""
    with PythonTlsServer(files.pki.selfSigned) as server:
        target = f"localhost:{server.port}"
        done = run("connect", target, "--insecure", "--message", "x", "--expect-echo", "--json")
        assert done.code == 0
        assert done.of("sslErrors")[0]["codes"] == ["SelfSignedCertificate"]
    with LeavingServer(files.pki.selfSigned, 5) as server:
        piped = run("connect", f"localhost:{server.port}", "--insecure", stdin=b"text\n", patience=LONG_MS)
    assert (piped.code, piped.out) == (0, "text\n")
    assert "signed by itself" in piped.sentence()


def test_insecure_without_trusted_certificates(run, files, tmp_path: Path) -> None:
    """A computer without authorities is no obstacle to trusting nobody."""
    with PythonTlsServer(files.pki.server) as server:
        target, environment = f"localhost:{server.port}", {"SSL_CERT_FILE": str(tmp_path / "none"), "SSL_CERT_DIR": ""}
        assert run("connect", target, "--insecure", "--message", "x", **environment).code == 0
        done = run("connect", target, "--message", "x", **environment)
    assert done.code == 5
    assert "SSL_CERT_FILE" in done.sentence()


@pytest.mark.parametrize("transport", ["", "qt"])
def test_the_server_hears_why_it_is_refused(run, serving, files, transport: str) -> None:
    """The command ends at once, but not before its alert is on its way."""
    with serving(*files.server, "--json") as server:
        done = run("connect", f"localhost:{server.port}", QTSECURE_TRANSPORT=transport)
        server.interrupt()
        ended = server.finished()
    assert done.code == 5
    assert [event["type"] for event in ended.of("alertReceived")] == ["UnknownCa"]


def test_server_name(run, files) -> None:
    """What is sent as SNI, and what the certificate must prove."""
    with PythonTlsServer(files.pki.server) as server:
        target = f"127.0.0.1:{server.port}"
        assert run("connect", target, *files.trust, "--servername", "localhost", "--message", "x").code == 0
        assert server.waitForConnection().serverName == "localhost"
        done = run("connect", target, *files.trust, "--servername", "other.example", "--message", "x")
        server.waitForError()
        server.takeErrors()
    assert done.code == 5
    assert "host name" in done.sentence()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_client_certificate(run, files, version: ssl.TLSVersion) -> None:
    """Shown when it is given, missed when it is not; before TLS 1.3 no alert says so."""
    with PythonTlsServer(
        files.pki.server,
        clientCertificate="required",
        caCertificates=[files.pki.ca.certificate],
        maximumVersion=version,
    ) as server:
        words = ("connect", f"localhost:{server.port}", *files.trust, "--message", "x")
        assert run(*words, *files.client).code == 0
        done = run(*words)
        server.waitForError()
        server.takeErrors()
    assert done.code == 5
    assert "client certificate" in done.sentence()
    assert done.sentence().endswith("Give it with --cert and --key.")


def test_a_missing_client_certificate_before_tls_1_3(run, files) -> None:
    """Its servers have no alert of its own for that, but they have asked."""
    with PythonTlsServer(
        files.pki.server,
        clientCertificate="required",
        caCertificates=[files.pki.ca.certificate],
        maximumVersion=ssl.TLSVersion.TLSv1_2,
    ) as server:
        done = run("connect", f"localhost:{server.port}", *files.trust, "--message", "x")
        server.waitForError()
        server.takeErrors()
    assert done.code == 5
    assert "asked for a client certificate, and none was sent" in done.sentence()
    assert done.sentence().endswith("Give it with --cert and --key.")


def test_tls_1_2(run, files) -> None:
    """The older version, for servers that have no other."""
    with PythonTlsServer(files.pki.server, maximumVersion=ssl.TLSVersion.TLSv1_2) as server:
        done = run("connect", f"localhost:{server.port}", *files.trust, "--message", "x", "--json")
    assert done.code == 0
    assert done.of("encrypted")[0]["protocol"] == "TlsV1_2"


def test_ipv6(run, files) -> None:
    """In brackets."""
    with PythonTlsServer(files.pki.server, host="::1") as server:
        assert run("connect", f"[::1]:{server.port}", *files.trust, "--message", "x", "--expect-echo").code == 0


def test_nobody_listens(run) -> None:
    """Exit code 4."""
    with closedPort() as port:
        done = run("connect", f"127.0.0.1:{port}", "--insecure", "--json")
    assert done.code == 4
    assert "refused" in done.sentence()
    assert done.of("error")[0]["code"] == "ConnectionRefusedError"


def test_unknown_host(run) -> None:
    """Exit code 4."""
    done = run("connect", "no-such-host.invalid:443", "--insecure")
    assert done.code == 4
    assert "'no-such-host.invalid' was not found" in done.sentence()


def test_silence(run) -> None:
    """A server that never answers: exit code 6."""
    with SilentServer() as server:
        done = run("connect", f"127.0.0.1:{server.port}", "--insecure", "--timeout", 300)
    assert done.code == 6
    assert "300 ms" in done.sentence()


@pytest.mark.parametrize(
    ("server", "words"),
    [(PlainHttpServer, "plain HTTP response"), (GarbageServer, "Error during SSL handshake"), (ResettingServer, "")],
)
def test_no_tls(run, server, words: str) -> None:
    """Exit code 5 and a sentence that says what it is."""
    with server() as peer:
        done = run("connect", f"127.0.0.1:{peer.port}", "--insecure")
        peer.takeErrors()
    assert done.code == 5
    assert words in done.sentence()


@pytest.mark.parametrize("words", [[], ["--message", "x"]])
def test_truncation(run, files, words: list[str]) -> None:
    """An end without a goodbye is a failure, but what came is shown."""
    with TruncatingServer(files.pki.server, b"half a\n") as server:
        done = run("connect", f"localhost:{server.port}", *files.trust, *words, "--json", patience=LONG_MS)
        server.takeErrors()
    assert [event["text"] for event in done.of("message")] == ["half a"]
    if words and done.code == 0:
        return  # the answer was complete, and we left before the peer did
    assert done.code == 5
    assert "close_notify" in done.sentence()
    assert done.of("closed") == [{"event": "closed", "clean": False}]


@pytest.mark.parametrize(
    ("option", "content", "words"),
    [
        ("--ca", None, "cannot be read"),
        ("--ca", b"", "is empty"),
        ("--ca", b"garbage", "no certificate that can be read"),
        ("--ca", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "no certificate that can be read"),
        ("--cert", None, "cannot be read"),
        ("--cert", b"", "is empty"),
        ("--cert", b"garbage", "no certificate that can be read"),
        ("--key", None, "cannot be read"),
        ("--key", b"", "is empty"),
        ("--key", b"garbage", "no private key that can be read"),
    ],
)
def test_unusable_files(in_process, files, tmp_path: Path, option: str, content: bytes | None, words: str) -> None:
    """Exit code 2, and the name of the file."""
    path = tmp_path / "unusable.pem"
    if content is not None:
        path.write_bytes(content)
    options = {"--ca": files.ca, "--cert": files.clientCert, "--key": files.clientKey} | {option: path}
    done = in_process("connect", "localhost:1", *(word for pair in options.items() for word in pair))
    assert done.code == 2
    assert "unusable.pem" in done.sentence()
    assert words in done.sentence()


def test_encrypted_key(in_process, files) -> None:
    """No question for a passphrase, but how to get rid of it."""
    done = in_process("connect", "localhost:1", "--cert", files.cert, "--key", files.encryptedKey, "--json")
    assert done.code == 2
    assert "openssl pkey -in" in done.sentence()
    assert done.of("error")[0]["code"] == "Usage"


def test_mismatched_key(in_process, files) -> None:
    """The key of another certificate."""
    done = in_process("connect", "localhost:1", "--cert", files.cert, "--key", files.clientKey)
    assert done.code == 2
    assert "does not belong" in done.sentence()


# Python's own TLS has pre-shared keys from 3.13 on only, so here the server is ours.


def test_pre_shared_key(run, serving) -> None:
    """The key alone."""
    with serving("--psk", "sensor:00112233445566778899", "--echo", "--count", 1, "--json") as server:
        done = run(
            "connect", f"127.0.0.1:{server.port}", "--psk", "sensor:00112233445566778899", "--message", "x", "--json"
        )
        assert (done.code, server.finished().code) == (0, 0)
    assert done.of("message") == [{"event": "message", "text": "x"}]
    assert done.of("preSharedKeyAuthenticationRequired")[0]["event"]
    assert "00112233445566778899" not in done.out + server.finished().out


def test_pre_shared_key_and_authority(run, serving, files) -> None:
    """With --ca, too, either proof will do: here the key."""
    with serving("--psk", "sensor:00112233", "--echo") as server:
        done = run("connect", f"127.0.0.1:{server.port}", "--psk", "sensor:00112233", *files.trust, "--message", "x")
    assert done.code == 0


def test_certificate_although_a_key_was_offered(run, serving, files) -> None:
    """With --ca, too, either proof will do: here the certificate."""
    with serving(*files.server, "--echo") as server:
        words = ("connect", f"127.0.0.1:{server.port}", "--psk", "sensor:00112233", "--message", "x")
        assert run(*words, *files.trust).code == 0
        # Without it, only the key is a proof.
        refused = run(*words)
    assert refused.code == 5
    assert "pre-shared key" in refused.sentence()


@pytest.mark.parametrize("key", ["sensor:ffff", "other:00112233"])
def test_wrong_pre_shared_key(run, serving, key: str) -> None:
    """The wrong key, or the wrong name: exit code 5."""
    with serving("--psk", "sensor:00112233", "--echo") as server:
        done = run("connect", f"127.0.0.1:{server.port}", "--psk", key, "--message", "x")
    assert done.code == 5
    assert done.sentence()


def test_json_lines_are_flushed(start, files) -> None:
    """A program that reads events gets them while the connection lives."""
    with PythonTlsServer(files.pki.server, greeting=b"hello\n") as server:
        words = ("connect", f"localhost:{server.port}", *files.trust, "--json")
        process = start(*words, stdin=subprocess.PIPE, patience=SHORT_MS)
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line) == {"event": "message", "text": "hello"}:
                break
        process.communicate(timeout=120)
    assert process.returncode == 0
