"""The demo shows a whole conversation."""

from __future__ import annotations

import sys

import pytest

from qtsecure.cli import demo, demo_command


@pytest.mark.parametrize("words", [[], ["--headless"]])
def test_conversation(run, words: list[str]) -> None:
    """The signals of both sides in their order, the messages, and the goodbye."""
    done = run("demo", *words)
    assert (done.code, done.err) == (0, "")
    position = 0
    for part in (
        "'peer' the server's socket for this client",
        "server  newConnection()",
        "server  startedEncryptionHandshake(peer=127.0.0.1:",
        "client  encrypted(protocol=TlsV1_3, cipher=TLS_",
        "server  pendingConnectionAvailable()",
        "peer    message(text='Hello, server!')",
        "client  message(text='Hello, server!')",
        "client  alertSent(level=Warning, type=CloseNotify",
        "client  disconnected()",
        "peer    alertReceived(level=Warning, type=CloseNotify",
        "peer    errorOccurred(error=RemoteHostClosedError, text='The TLS/SSL connection has been closed by the peer.')"
        "  (the peer said goodbye; Qt reports it as an error)\n",
        "peer    closed(clean=True)",
        "2 messages there and back",
    ):
        assert part in done.out[position:], part
        position = done.out.index(part, position)
    assert "bytesWritten" not in done.out


def test_over_both_transports(run, transport_mode: str) -> None:
    """The environment of this process reaches the command."""
    assert run("demo", QTSECURE_TRANSPORT=transport_mode).code == 0


def test_timeout(qapp, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It cannot hang: exit code 6."""
    monkeypatch.setattr(demo_command, "_TIMEOUT_MS", 1)
    monkeypatch.setattr(demo.SslSocket, "connectToHostEncrypted", lambda *arguments: None)
    assert demo.demo() == 6
    assert "did not come to its end" in capsys.readouterr().err


def test_defect(qapp, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What a slot raises ends the command with its traceback and the exit code 1."""

    def broken(*arguments: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(demo.SslSocket, "connectToHostEncrypted", broken)
    monkeypatch.setattr("sys.excepthook", lambda kind, error, trace: print("hook:", error))
    assert demo.demo() == 1
    assert "hook: a defect" in capsys.readouterr().out


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have displays of other kinds")
def test_no_display_for_the_window(run) -> None:
    """One sentence; Qt would abort the process."""
    done = run("demo", "--gui", QT_QPA_PLATFORM="", DISPLAY="", WAYLAND_DISPLAY="")
    assert done.code == 1
    assert "There is no display" in done.sentence()
