"""Services and proxies on the command line."""

from __future__ import annotations

import pytest

from qtsecure.cli.arguments import Target
from qtsecure.cli.connect_via import Detour
from qtsecure.testing.peers import PythonTlsServer
from tests.net.proxy_servers import HttpProxy, ProxyServer, SilentProxy, Socks5Proxy
from tests.ports import closedPort


@pytest.mark.parametrize(("kind", "scheme"), [(Socks5Proxy, "socks5"), (HttpProxy, "http"), (Socks5Proxy, "socks")])
def test_through_a_proxy(run, files, kind: type[ProxyServer], scheme: str) -> None:
    """Each step is told; the name goes to the proxy, and the server proves it."""
    with PythonTlsServer(files.pki.ca.issue(["far.example"])) as server, kind() as proxy:
        done = run(
            *("connect", f"far.example:{server.port}", "--proxy", f"{scheme}://127.0.0.1:{proxy.port}", *files.trust),
            *("--message", "one", "--expect-echo", "--json"),
        )
        asked = proxy.asked
    assert (done.code, done.err) == (0, "")
    steps = [event["step"] for event in done.of("clientEvent")]
    assert steps[:6] == ["Resolving", "Resolved", "Connecting", "Connected", "ProxyNegotiating", "ProxyNegotiated"]
    assert steps[-1] == "Complete"
    assert done.of("clientEvent")[2]["proxy"].endswith(f"://127.0.0.1:{proxy.port}")
    assert [event["text"] for event in done.of("message")] == ["one"]
    assert done.of("closed") == [{"event": "closed", "clean": True}]
    assert asked == [("far.example", server.port)]
    names = [name for name in done.names() if name in ("connected", "encrypted", "message")]
    assert names == ["connected", "encrypted", "message"]


def test_another_name_to_prove(run, files) -> None:
    """--servername counts as without a proxy; a wrong name is a failure of TLS."""
    with PythonTlsServer(files.pki.server) as server, HttpProxy() as proxy:
        words = ("connect", f"far.example:{server.port}", "--proxy", f"http://127.0.0.1:{proxy.port}", *files.trust)
        done = run(*words, "--servername", "localhost", "--message", "one", "--expect-echo")
        assert done.code == 0
        done = run(*words, "--message", "one")
        server.waitForError()  # the alert takes its way through the proxy, which ends before the server
    assert done.code == 5
    assert "host name" in done.sentence()


def test_a_proxy_that_is_not_there(run) -> None:
    """Exit code 4, with the proxy in the sentence."""
    with closedPort() as port:
        done = run("connect", "far.example:443", "--proxy", f"socks5://127.0.0.1:{port}", "--message", "x")
    assert done.code == 4
    assert "proxy server 127.0.0.1" in done.sentence()


def test_a_proxy_that_says_nothing(run) -> None:
    """Exit code 6 after the limit of the command."""
    with SilentProxy() as proxy:
        uri = f"socks5://127.0.0.1:{proxy.port}"
        done = run("connect", "far.example:443", "--proxy", uri, "--message", "x", "--timeout", 700)
    assert done.code == 6


def test_the_limit_of_the_command_is_that_of_the_proxy(qapp) -> None:
    """A proxy that has to dial may take longer than it could by itself."""
    detour = Detour(Target("far.example", 1), "socks5://127.0.0.1:1", 90_000, lambda name, fields: None, qapp)
    assert detour._client.timeout() == 90_000
    detour.deleteLater()


def test_a_proxy_that_demands_a_login(run) -> None:
    """Exit code 4; the password is in no output."""
    with HttpProxy(user="me", password="right") as proxy:
        done = run("connect", "far.example:443", "--proxy", f"http://me:wrong@127.0.0.1:{proxy.port}", "--message", "x")
    assert done.code == 4
    assert "wrong" not in done.out + done.err


def test_a_service_that_does_not_exist(run) -> None:
    """Exit code 4 (or 6 where no name server answers at all)."""
    done = run("connect", "service:no-such-service/example.invalid", "--message", "x", "--timeout", 20_000)
    assert done.code in (4, 6)
    assert "example.invalid" in done.sentence()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["service:imaps"], "service:NAME/DOMAIN"),
        (["service:/example.org"], "service:NAME/DOMAIN"),
        (["service:_imaps/example.org"], "underscore"),
        (["service:imaps/example.org", "--dtls"], "--dtls"),
        (["h:1", "--proxy", "nonsense"], "--proxy"),
        (["h:1", "--proxy", "gopher://h"], "socks5"),
        (["h:1", "--proxy", "socks5://"], "socks5"),
        (["h:1", "--proxy", "socks5://u:secret@h:99999"], "port"),
        (["h:1", "--proxy", "socks5://h", "--dtls"], "--dtls"),
    ],
)
def test_usage(in_process, qapp, words: list[str], text: str) -> None:
    """Exit code 2 and one sentence, without any password."""
    done = in_process("connect", *words, "--message", "x")
    assert done.code == 2
    assert text in done.sentence()
    assert "secret" not in done.err
