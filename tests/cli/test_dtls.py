"""``--dtls`` of demo, serve and connect."""

from __future__ import annotations

from pathlib import Path

import pytest

from qtsecure import DtlsPeer, SslConfiguration
from qtsecure.cli.exit_codes import ExitCode
from tests.cli.conftest import LONG_MS, SHORT_MS
from tests.net.conversation import spin

OVER = (DtlsPeer.Status.Disconnected, DtlsPeer.Status.Error)
KEY = "sensor:00112233445566778899aabbccddeeff"


@pytest.mark.parametrize("transport", ["", "qt"])
def test_demo(run, transport: str) -> None:
    """Every signal of a conversation, and a clean end, behind which nothing comes."""
    done = run("demo", "--dtls", QTSECURE_TRANSPORT=transport)
    assert (done.code, done.err) == (0, "")
    assert "client  encrypted(protocol=DtlsV1_2" in done.out
    assert done.out.count("message(") == 4
    *_, goodbye, verdict = done.out.splitlines()
    assert goodbye == "peer    closed(clean=True)"
    assert "everything works here" in verdict


def test_messages(run, serving, files) -> None:
    """Each is a datagram; the echo is checked; both ends finish."""
    with serving("--dtls", *files.server, "--echo", "--count", 1) as server:
        done = run(
            *("connect", "--dtls", f"localhost:{server.port}", *files.trust, "--expect-echo"),
            *("--message", "one", "--message", "zwö"),
        )
        ended = server.finished()
    assert (done.code, done.err) == (0, "")
    assert "encrypted(protocol=DtlsV1_2" in done.out
    assert "message(text=one)\nmessage(text=zwö)\n" in done.out
    assert done.out.endswith("closed(clean=True)\n")
    assert (ended.code, ended.err) == (0, "")
    assert "echoed(peer=127.0.0.1:" in ended.out
    assert "clean=True" in ended.out


def test_stdin(start, serving, files, tmp_path: Path) -> None:
    """Each line is a message; what comes back goes to stdout as it is, until the peer leaves."""
    lines = tmp_path / "lines"
    lines.write_bytes(b"one\ntwo\nrest")
    with serving("--dtls", *files.server, "--echo") as server, lines.open("rb") as stdin:
        process = start("connect", "--dtls", f"localhost:{server.port}", *files.trust, stdin=stdin, patience=LONG_MS)
        assert process.stdout is not None
        assert process.stdout.read(12) == b"one\ntwo\nrest"
        server.interrupt()
        out, err = process.communicate(timeout=120)
    assert (process.returncode, out, err) == (0, b"", b"")


def test_a_silent_peer(run, serving, files) -> None:
    """After the end of stdin it is not waited for: the client says goodbye."""
    with serving("--dtls", *files.server, "--count", 1) as server:
        done = run("connect", "--dtls", f"localhost:{server.port}", *files.trust, stdin=b"one\n", patience=SHORT_MS)
        ended = server.finished()
    assert (done.code, done.out, done.err) == (0, "", "")
    assert "clean=True" in ended.out


def test_a_line_that_never_ends(run, serving, files) -> None:
    """It is told as soon as it fits into no datagram, and not kept until memory ends."""
    with serving("--dtls", *files.server, "--echo", "--count", 1) as server:
        done = run("connect", "--dtls", f"localhost:{server.port}", *files.trust, stdin=b"x" * 5000 + b"\nmore\n")
    assert done.code == ExitCode.USAGE
    assert "does not fit" in done.err


def test_pre_shared_key_client_certificate_and_alpn(run, serving, files) -> None:
    """What proves who is who, as with TLS."""
    with serving("--dtls", "--psk", KEY, "--echo", "--count", 1, "--json") as server:
        done = run("connect", "--dtls", f"127.0.0.1:{server.port}", "--psk", KEY, "--message", "x", "--json")
        ended = server.finished()
    assert done.code == ended.code == 0
    assert "PSK" in str(done.of("encrypted")[0]["cipher"])
    assert done.of("message") == [{"event": "message", "text": "x"}]
    assert [name for name in done.names() if name in ("connected", "encrypted")] == ["connected", "encrypted"]
    assert ended.of("preSharedKeyAuthenticationRequired")[0]["identity"] == "sensor"
    assert ended.of("closed")[0]["clean"] is True
    with serving("--dtls", *files.server, *files.trust, "--require-client-cert", "--alpn", "a,b", "--json") as server:
        target = f"localhost:{server.port}"
        done = run("connect", "--dtls", target, *files.trust, *files.client, "--alpn", "b", "--json", patience=SHORT_MS)
        refused = run("connect", "--dtls", target, *files.trust, "--message", "x", "--json")
    assert done.of("encrypted")[0]["alpn"] == "b"
    assert refused.code == 5
    (error,) = refused.of("error")
    assert error["code"] == "CertificateRequired"
    assert str(error["text"]).endswith("none was sent. Give it with --cert and --key.")


def test_scheme_of_datagrams(run) -> None:
    """A URI of DTLS is not taken for one of TLS."""
    done = run("connect", "dtls://127.0.0.1:9", "--message", "x")
    assert (done.code, done.sentence()) == (2, "qtsecure connect: dtls:// is for datagrams; give --dtls as well.")


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("--message", "x", "--timeout", "20000"), 4, "refused"),
        (("--psk", "nonsense"), 2, "IDENTITY:HEX"),
        (("--cert", "missing.pem"), 2, "belong together"),
        (("--message", ""), 2, "An empty --message"),
    ],
)
def test_failures(run, words: tuple[str, ...], code: int, text: str) -> None:
    """One line, and the right exit code."""
    done = run("connect", "--dtls", "127.0.0.1:9", *words)
    assert done.code == code
    assert text in done.sentence()


def test_a_name_that_the_certificate_does_not_prove(run, serving, files) -> None:
    """Exit code 5; with --insecure it goes on."""
    with serving("--dtls", *files.server, "--echo") as server:
        words = ("connect", "--dtls", f"127.0.0.1:{server.port}", *files.trust, "--servername", "other.example")
        assert run(*words, "--message", "x").code == 5
        assert run(*words, "--message", "x", "--insecure").code == 0


def test_a_certificate_that_serves_nobody(run, files, tmp_path: Path) -> None:
    """A server that cannot serve says so before it is READY."""
    own = files.pki.ed25519Server.writeTo(tmp_path, "ed25519")
    done = run("serve", "--dtls", "--cert", own.certificate, "--key", own.key, "--idle-timeout", 20_000)
    assert done.code == 2
    assert done.out == ""
    assert "Ed25519" in done.sentence()


def test_too_large(run, serving, files) -> None:
    """A message that fits into no datagram is a usage error."""
    with serving("--dtls", *files.server, "--echo") as server:
        done = run("connect", "--dtls", f"localhost:{server.port}", *files.trust, "--message", "x" * 5000)
    assert done.code == 2
    assert "does not fit" in done.sentence()


def test_the_end_of_a_server_is_told_to_its_clients(qapp, serving, files) -> None:
    """The server ends because nothing happens, and says goodbye to a client that is still there."""
    client = DtlsPeer()
    configuration = SslConfiguration.forClient(files.trust[1])
    for idle in (500, 5000, 30_000):  # on a slow machine a server may end before it has a client
        with serving("--dtls", *files.server, "--idle-timeout", idle) as server:
            client.connectToHost("localhost", server.port, configuration=configuration)
            spin(lambda: client.isEncrypted() or client.status() in OVER)
            if not client.isEncrypted():
                continue
            spin(lambda: client.status() is DtlsPeer.Status.Disconnected)
            assert client.error() is None
            assert server.finished().code == 0
            return
    pytest.fail("No server has lasted until the client was encrypted.")


def test_messages_that_are_too_large_to_return(qapp, serving, files) -> None:
    """It is told, and the client goes on."""
    with serving("--dtls", *files.server, "--echo", "--count", 1, "--json") as server:
        client = DtlsPeer()
        client.setMtu(9000)
        client.connectToHost("localhost", server.port, configuration=SslConfiguration.forClient(files.trust[1]))
        spin(client.isEncrypted)
        client.writeDatagram(b"x" * 5000)
        client.writeDatagram(b"small")
        spin(client.hasPendingDatagrams)
        assert client.readDatagram() == b"small"
        client.close()
        ended = server.finished()
    assert (ended.code, ended.err) == (0, "")
    assert "5000 bytes does not fit" in str(ended.of("notEchoed")[0]["error"])
