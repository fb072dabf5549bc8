"""Words become values or usage errors."""

from __future__ import annotations

import argparse

import pytest

from qtsecure.cli import arguments
from qtsecure.cli.arguments import PreSharedKey, Target


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("localhost:443", "localhost", 443),
        ("192.0.2.1:1", "192.0.2.1", 1),
        ("[::1]:65535", "::1", 65535),
        ("[fe80::1%eth0]:443", "fe80::1%eth0", 443),
        ("tls://example.org:8443", "example.org", 8443),
        ("tls://[::1]:8443/", "::1", 8443),
        ("imaps://example.org:993", "example.org", 993),
        ("dtls://example.org:4433", "example.org", 4433),
        ("https://example.org", "example.org", 443),
        ("HTTPS://example.org:444/", "example.org", 444),
        ("bücher.example:443", "bücher.example", 443),
    ],
)
def test_targets(text: str, host: str, port: int) -> None:
    """All the forms of one thing."""
    assert arguments.target(text) == Target(host, port)


def test_scheme() -> None:
    """It is kept for those who have to know, and says nothing about the place."""
    assert arguments.target("DTLS://localhost:4433").scheme == "dtls"
    assert arguments.target("localhost:4433").scheme == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "localhost",
        "localhost:",
        "https://localhost:",
        "localhost:0",
        "localhost:65536",
        "localhost:-1",
        "localhost:٣",
        "localhost:http",
        "::1:443",
        "[::1]",
        "[::1:443",
        ":443",
        "tls://localhost",
        "http://localhost:80",
        "service:coap/example.org",
        "https://example.org/path",
        "user@example.org:443",
        "two words:443",
    ],
)
def test_wrong_targets(text: str) -> None:
    """Each is refused with a sentence."""
    with pytest.raises(argparse.ArgumentTypeError, match=r"\w+ \w+"):
        arguments.target(text)


@pytest.mark.parametrize("text", ["localhost", "localhost:", "imaps://example.org"])
def test_what_a_target_without_port_lacks(text: str) -> None:
    """Only https has a port of its own."""
    with pytest.raises(argparse.ArgumentTypeError, match="has no port"):
        arguments.target(text)


@pytest.mark.parametrize("rest", ["/path", "?query", "/#fragment", ":443/a/b"])
def test_paths_are_called_so(rest: str) -> None:
    """Whoever pastes the address of a page is not told about brackets."""
    with pytest.raises(argparse.ArgumentTypeError, match="has a path"):
        arguments.target(f"https://example.org{rest}")


def test_pre_shared_keys() -> None:
    """The key is behind the last colon, and not in the repr."""
    assert arguments.preSharedKey("a:b:00ff") == PreSharedKey("a:b", b"\x00\xff")
    assert "ff" not in repr(arguments.preSharedKey("a:00ff"))


@pytest.mark.parametrize("text", ["", "name", "name:", ":00ff", "name:0", "name:xy", "name:" + "00" * 513])
def test_wrong_pre_shared_keys(text: str) -> None:
    """They are refused, without being repeated."""
    with pytest.raises(argparse.ArgumentTypeError) as refused:
        arguments.preSharedKey(text)
    assert not text or text not in str(refused.value)


def test_long_identity() -> None:
    """More than TLS can carry here."""
    with pytest.raises(argparse.ArgumentTypeError, match="255"):
        arguments.preSharedKey("ä" * 128 + ":00")


def test_protocols() -> None:
    """Names with commas between them."""
    assert arguments.protocols("h2,http/1.1") == ["h2", "http/1.1"]


@pytest.mark.parametrize("text", ["", "h2,", ",h2", "x" * 256])
def test_wrong_protocols(text: str) -> None:
    """A name has 1 to 255 bytes."""
    with pytest.raises(argparse.ArgumentTypeError):
        arguments.protocols(text)


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("-1", 0), ("1500", 1500)])
def test_durations(text: str, value: int) -> None:
    """0 and -1 mean no limit."""
    assert arguments.duration(text) == value


@pytest.mark.parametrize("text", ["", "-2", "1.5", "5s", "99999999999"])
def test_wrong_durations(text: str) -> None:
    """Anything else is refused."""
    with pytest.raises(argparse.ArgumentTypeError):
        arguments.duration(text)


@pytest.mark.parametrize("text", ["0", "-1", "x", ""])
def test_wrong_counts(text: str) -> None:
    """One is the least."""
    with pytest.raises(argparse.ArgumentTypeError):
        arguments.positive(text)


@pytest.mark.parametrize("text", ["-1", "65536", "00000000065536", "9" * 5000, "http", ""])
def test_wrong_ports(text: str) -> None:
    """0 is a port to listen on, but nothing else out of range is; zeros before it change nothing."""
    assert arguments.port("0") == 0
    assert arguments.port("0" * 5000 + "443") == 443
    with pytest.raises(argparse.ArgumentTypeError, match="from 0 to 65535"):
        arguments.port(text)


def test_errors_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """argparse would print the usage first."""
    parser = arguments.OneLineParser(prog="program")
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(["--unknown"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == "program: unrecognized arguments: --unknown (see program --help)\n"
